package tcpgw

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// recheck is how often the files of a certificate are looked at, while there are
// handshakes.
const recheck = time.Second

// Certificate is a certificate in two files that may change at any time. All
// methods may be called concurrently.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu        sync.Mutex // guards what follows; held while files are read
	next      time.Time  // the next look
	cert, key []byte     // the files as they were last read
	unread    string     // why they cannot be read, "" when they can
}

// LoadCertificate reads a certificate with its chain, and its key, both in PEM.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.next = time.Now().Add(recheck)
	return c, nil
}

// Config returns settings of TLS, from version 1.2 on, that use the certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}

// get returns the certificate as it is in the files, or was while they were good.
func (c *Certificate) get() *tls.Certificate {
	if c.mu.TryLock() { // else somebody is looking already
		defer c.mu.Unlock()
		if now := time.Now(); !now.Before(c.next) {
			c.next = now.Add(recheck)
			c.reload()
		}
	}
	return c.current.Load()
}

// reload says once what is wrong with files, and once when they are good again.
func (c *Certificate) reload() {
	before := c.current.Load()
	err := c.load()
	switch {
	case err == nil && c.current.Load() != before:
		c.log.Info("TLS certificate replaced", slog.String("file", c.certFile))
	case err != nil:
		c.log.Warn("TLS certificate changed and cannot be used; the old one stays", slog.Any("err", err))
	}
}

// load takes the files if they are others than the last time. A change that
// cannot be used is an error once.
func (c *Certificate) load() error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return c.unreadable(err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return c.unreadable(err)
	}
	if c.unread == "" && bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	c.cert, c.key, c.unread = cert, key, ""
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

func (c *Certificate) unreadable(err error) error {
	if c.unread == err.Error() {
		return nil
	}
	c.unread = err.Error()
	return err
}

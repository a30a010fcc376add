package tcpgw

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often the files of a certificate are looked at, at most.
const recheck = time.Second

// certificate is one that is read again when its files have changed.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	version version
	looked  time.Time
}

// version tells whether files have changed.
type version struct{ cert, key stamp }

type stamp struct {
	modified time.Time
	size     int64
}

// NewTLS returns the settings for a server with the certificate (with its chain)
// and private key of two PEM files, and TLS 1.2 or newer. The files are read again
// when they change, within a second; what cannot be read then is logged once, and
// the former certificate stays.
func NewTLS(certFile, keyFile string, logger *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger, looked: time.Now()}
	var err error
	if c.version, err = c.look(); err != nil {
		return nil, err
	}
	if c.current, err = c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= recheck {
		c.looked = now
		c.refresh()
	}
	return c.current, nil
}

// refresh is called with mu held.
func (c *certificate) refresh() {
	seen, err := c.look()
	if err == nil && seen == c.version {
		return
	}
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = c.load()
	}
	if err != nil {
		if seen != c.version { // once for each change
			c.logger.Error("the TLS certificate cannot be read again, the former one stays", slog.Any("err", err))
		}
		c.version = seen
		return
	}
	c.current, c.version = fresh, seen
	c.logger.Info("the TLS certificate was read again")
}

func (c *certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the TLS certificate: %w", err)
	}
	return &pair, nil
}

// look returns the zero version for what is not there.
func (c *certificate) look() (v version, err error) {
	if v.cert, err = look(c.certFile); err != nil {
		return version{}, err
	}
	if v.key, err = look(c.keyFile); err != nil {
		return version{}, err
	}
	return v, nil
}

func look(name string) (stamp, error) {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	return stamp{modified: info.ModTime(), size: info.Size()}, nil
}

package tcpgw

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// file writes a file of a test's own.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	put(t, path, data)
	return path
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func serialOf(t *testing.T, config *tls.Config) int64 {
	t.Helper()
	cert, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.SerialNumber.Int64()
}

func TestLoadCertificate_RefusesWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	cert, key := newPair(t, 1)
	_, other := newPair(t, 2)
	for name, files := range map[string][2]string{
		"no certificate":      {"nowhere", file(t, "key", key)},
		"no key":              {file(t, "cert", cert), "nowhere"},
		"not PEM":             {file(t, "cert", []byte("hello")), file(t, "key", key)},
		"a key of another":    {file(t, "cert", cert), file(t, "key", other)},
		"the wrong way round": {file(t, "cert", key), file(t, "key", cert)},
	} {
		_, err := LoadCertificate(files[0], files[1], slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), files[0]) && !strings.Contains(err.Error(), files[1]) {
			t.Errorf("%s: %q names no file", name, err)
		}
	}
}

func TestCertificate_FollowsItsFilesAndOutlivesBrokenOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		oldCert, oldKey := newPair(t, 1)
		newCert, newKey := newPair(t, 2)
		certFile, keyFile := file(t, "cert", oldCert), file(t, "key", oldKey)
		said := new(logs)
		c, err := LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		config := c.Config()
		step := func(what string, change func(), wantSerial int64, wantLog string) {
			t.Helper()
			before := len(said.String())
			change()
			for range 3 { // which is said once
				time.Sleep(recheck)
				if got := serialOf(t, config); got != wantSerial {
					t.Errorf("%s: certificate %d, want %d", what, got, wantSerial)
				}
			}
			log := said.String()[before:]
			if n := strings.Count(log, "\n"); !strings.Contains(log, wantLog) || n > 1 || (wantLog == "") != (n == 0) {
				t.Errorf("%s: logged %q, want one line with %q", what, log, wantLog)
			}
		}
		step("nothing", func() {}, 1, "")
		step("half a change", func() { put(t, certFile, newCert) }, 1, "cannot be used")
		step("the other half", func() { put(t, keyFile, newKey) }, 2, "replaced")
		step("a broken file", func() { put(t, certFile, []byte("hello")) }, 2, "cannot be used")
		step("a good one again", func() { put(t, certFile, newCert) }, 2, "replaced")
		step("no file", func() { _ = os.Remove(keyFile) }, 2, "cannot be used")
		step("back to the old one", func() { put(t, certFile, oldCert); put(t, keyFile, oldKey) }, 1, "replaced")

		put(t, certFile, newCert)
		put(t, keyFile, newKey)
		if got := serialOf(t, config); got != 1 {
			t.Errorf("the files were looked at within %v of the last time", recheck)
		}
	})
}

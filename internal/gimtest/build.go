package gimtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Binary builds the program, without the race detector, and returns its path.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatalf("gimtest: build gim: %v", err)
	}
	return path
}

// build runs once per test binary. What it makes is left behind under a name
// that every test binary of this checkout uses, so there is one of it. Renaming
// disturbs nobody who runs the former one.
var build = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gimtest-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	checkout := sha256.Sum256(mod)
	final := filepath.Join(dir, fmt.Sprintf("gim-%x", checkout[:6]))
	fresh := fmt.Sprintf("%s.%d", final, os.Getpid())
	build := exec.Command("go", "build", "-race=false", "-o", fresh, "./cmd/gim") //nolint:gosec // names of our own
	build.Dir = filepath.Dir(strings.TrimSpace(string(mod)))
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return final, os.Rename(fresh, final)
})

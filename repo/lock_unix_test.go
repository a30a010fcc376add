//go:build unix

package repo

import (
	"errors"
	"testing"
	"time"
)

func TestLockDir_WaitsForWhoIsAboutToEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	time.AfterFunc(lockPatience/10, func() { _ = first.Close() })
	second, err := lockDir(dir)
	if err != nil {
		t.Fatalf("not locked after the first one ended: %v", err)
	}
	_ = second.Close()
}

package app

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/config"
)

func TestLoadSecret_IsMadeOnceForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "a", "data")
	first, err := loadSecret(c)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadSecret(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != config.SecretKeyBytes || !bytes.Equal(first, second) {
		t.Errorf("got %d bytes, then others: %t", len(first), !bytes.Equal(first, second))
	}
	for name, want := range map[string]os.FileMode{c.DataDir: 0o700, filepath.Join(c.DataDir, secretFile): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	entries, err := os.ReadDir(c.DataDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files in the data directory, want the secret alone (%v)", len(entries), err)
	}
}

func TestLoadSecret_SettingWinsOverTheFile(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir = t.TempDir()
	c.SecretKey = config.Secret(strings.Repeat("ab", 32))
	got, err := loadSecret(c)
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{0xab}, 32)) {
		t.Errorf("got %x, %v", got, err)
	}
	if entries, _ := os.ReadDir(c.DataDir); len(entries) != 0 {
		t.Error("a secret was written though one is set")
	}
}

func TestLoadSecret_BrokenFileIsAStorageErrorThatShowsNothing(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir = t.TempDir()
	if err := os.WriteFile(filepath.Join(c.DataDir, secretFile), []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadSecret(c)
	if !errors.Is(err, ErrStorage) {
		t.Errorf("got %v, want an ErrStorage", err)
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("the error shows the file: %v", err)
	}
}

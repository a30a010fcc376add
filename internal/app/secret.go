package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gim-im/gim/internal/config"
)

// secretFile holds gim's secret in the data directory, in hex.
const secretFile = "secret.key"

// loadSecret returns the 32 bytes from which gim derives its own keys: those of
// the settings, else those in the data directory, made there at first start.
func loadSecret(c config.Config) ([]byte, error) {
	if c.SecretKey != "" {
		secret, err := config.DecodeSecretKey(c.SecretKey.Reveal())
		if err != nil {
			return nil, fmt.Errorf("--secret-key %w", err)
		}
		return secret, nil
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, storageError("make the data directory", err)
	}
	name := filepath.Join(c.DataDir, secretFile)
	secret, err := readSecret(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := createSecret(c.DataDir, name); err != nil {
		return nil, storageError("make the secret file", err)
	}
	return readSecret(name) // of two processes that start together the first one's counts
}

func readSecret(name string) ([]byte, error) {
	text, err := os.ReadFile(name) //nolint:gosec // below the data directory
	if err != nil {
		return nil, storageError("read the secret file", err)
	}
	secret, err := config.DecodeSecretKey(string(text))
	if err != nil {
		return nil, storageError("read the secret file", fmt.Errorf("%s %w", name, err))
	}
	return secret, nil
}

// createSecret writes a fresh secret under a passing name first, so that the
// file is whole or absent even when the machine stops in between.
func createSecret(dir, name string) error {
	tmp, err := os.CreateTemp(dir, secretFile+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // the link below keeps the file
	secret := make([]byte, config.SecretKeyBytes)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	_, err = fmt.Fprintln(tmp, hex.EncodeToString(secret))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

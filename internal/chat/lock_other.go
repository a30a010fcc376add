//go:build !unix

package chat

import "os"

// lockFile has no counterpart here: two clients of one user on one machine need
// a --state each.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

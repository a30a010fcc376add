//go:build !unix

package repo

import (
	"errors"
	"os"
)

// ErrLocked says that another process has the data directory open.
var ErrLocked = errors.New("another gim process uses this data directory")

func lockDir(string) (*os.File, error) {
	return nil, errors.New("the embedded store needs a Unix system, whose file locks end with the process")
}

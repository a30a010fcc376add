package app

import (
	"errors"
	"fmt"
)

// ErrStorage is in every error that means: the store, or the directory it lives
// in, cannot be used. All others are about configuration, or were not expected.
var ErrStorage = errors.New("storage")

// storageError marks err as one of storage; nil stays nil.
func storageError(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &markedError{doing: doing, err: err}
}

// markedError is an ErrStorage whose text is only the cause's.
type markedError struct {
	doing string
	err   error
}

func (e *markedError) Error() string        { return fmt.Sprintf("%s: %v", e.doing, e.err) }
func (e *markedError) Unwrap() error        { return e.err }
func (e *markedError) Is(target error) bool { return target == ErrStorage }

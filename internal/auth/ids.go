package auth

import (
	"github.com/google/uuid"

	"github.com/gim-im/gim/domain"
)

// IDs makes ids as UUIDs of version 7: those made later sort later, which keeps
// index pages dense, and their random part cannot be guessed.
type IDs struct{}

var _ domain.IDSource = IDs{}

// NewID returns a fresh id of 36 characters.
func (IDs) NewID() string {
	// It fails only when the system has no randomness, and crypto/rand ends
	// the process before that.
	return uuid.Must(uuid.NewV7()).String()
}

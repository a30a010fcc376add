package wire

import "github.com/gim-im/gim/domain"

// Body is a message together with its encodings, which are made at most once
// and shared by all receivers. It is safe for concurrent use.
type Body struct {
	message *domain.Message
}

// NewBody wraps m, which must not be changed afterwards.
func NewBody(m *domain.Message) *Body { return &Body{message: m} }

// Message returns the message; treat it as immutable.
func (b *Body) Message() *domain.Message { return b.message }

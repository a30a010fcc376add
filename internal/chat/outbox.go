package chat

import (
	"context"
	"sync"

	"github.com/gim-im/gim/wire"
)

// outbox holds what is to be sent, in order. It is as long as what a person types
// while there is no connection; scripts wait for each outcome.
type outbox struct {
	mu      sync.Mutex // guards waiting
	waiting []*wire.Send
	more    chan struct{} // has room for one: something was put
}

func newOutbox() *outbox { return &outbox{more: make(chan struct{}, 1)} }

func (o *outbox) put(send *wire.Send) {
	o.mu.Lock()
	o.waiting = append(o.waiting, send)
	o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default: // the reader has not noticed the last one yet
	}
}

// take waits for the next one. It returns nil when ctx ends.
func (o *outbox) take(ctx context.Context) *wire.Send {
	for {
		o.mu.Lock()
		if len(o.waiting) > 0 {
			next := o.waiting[0]
			o.waiting = o.waiting[1:]
			o.mu.Unlock()
			return next
		}
		o.mu.Unlock()
		select {
		case <-o.more:
		case <-ctx.Done():
			return nil
		}
	}
}

// deliver sends what is in the outbox, one after the other: so the order of
// typing is that of the conversation, whatever has to be tried again.
func (s *Session) deliver() {
	for {
		send := s.outbox.take(s.ctx)
		if send == nil {
			return
		}
		sent, err := s.stream.Send(s.ctx, send)
		s.post(s.ctx, Outcome{Send: send, Sent: sent, Err: err})
	}
}

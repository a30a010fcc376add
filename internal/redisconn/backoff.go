package redisconn

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// Backoff spaces attempts out, so that a server that comes back is not met by
// all nodes at once. The zero value is ready; it is for one goroutine.
type Backoff struct{ next time.Duration }

// Sleep waits for between half and all of a time that doubles with each call,
// from 50 ms to 2 s, or until ctx ends.
func (b *Backoff) Sleep(ctx context.Context) {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Reset begins again with short waits.
func (b *Backoff) Reset() { b.next = 0 }

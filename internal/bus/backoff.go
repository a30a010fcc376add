package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// backoff spaces attempts out, so that a server that comes back is not met by
// all nodes at once. The zero value is ready.
type backoff struct{ next time.Duration }

// sleep waits for between half and all of a time that doubles with each call,
// or until ctx ends.
func (b *backoff) sleep(ctx context.Context) {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *backoff) reset() { b.next = 0 }

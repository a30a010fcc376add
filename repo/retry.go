package repo

import (
	"context"
	"math/rand/v2"
	"time"
)

// backOff waits before a transaction is run again: up to 2^attempt ms, with
// full jitter, so that two nodes that met at a lock part.
func backOff(ctx context.Context, attempt int) {
	wait := time.Duration(rand.Int64N(int64(time.Millisecond) << min(attempt, 8))) //nolint:gosec // jitter
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

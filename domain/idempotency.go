package domain

import (
	"context"
	"time"
)

// IdempotencyRecord is what is kept about a creating request that named an
// Idempotency-Key. Key and Request are digests; Answer is sealed by whoever
// stores it, so that secrets shown once are not readable in the store.
type IdempotencyRecord struct {
	Key     []byte // 32 bytes: caller and key
	Request []byte // 32 bytes: method, path and body
	Status  int    // of the answer; 0 while the request is under way
	Answer  []byte
	At      time.Time
}

// IdempotencyStore keeps the first answers of creating requests.
type IdempotencyStore interface {
	// BeginIdempotent records that a request is under way. When the key is known
	// it returns that record and false. A record that is under way since before
	// stale, or settled before expired, is taken over as if it were absent.
	BeginIdempotent(ctx context.Context, app AppNum, r IdempotencyRecord, stale, expired time.Time) (IdempotencyRecord, bool, error)
	// SettleIdempotent stores the answer.
	SettleIdempotent(ctx context.Context, app AppNum, r IdempotencyRecord) error
	// ForgetIdempotent drops a record whose request had no lasting answer.
	ForgetIdempotent(ctx context.Context, app AppNum, key []byte) error
}

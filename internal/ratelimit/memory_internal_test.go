package ratelimit

import (
	"testing"

	"github.com/gim-im/gim/domain"
)

func TestLimiter_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := New(1, 1, domain.SystemClock{})
	for user := range domain.UserNum(maxBuckets + maxBuckets/10) {
		l.AllowN(domain.LimitKey{App: 1, User: user}, 1)
	}
	l.buckets.CleanUp() // what is left of the work that otter does beside the calls
	if n := l.buckets.EstimatedSize(); n > maxBuckets {
		t.Errorf("%d buckets are kept, more than %d", n, maxBuckets)
	}
}

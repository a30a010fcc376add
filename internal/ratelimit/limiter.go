// Package ratelimit bounds how often a user may do something, in this process:
// with several nodes each allows its own share, so a user who spreads over all
// of them gets as many times the rate as there are nodes.
//
// A [Limiter] may be used concurrently. It remembers a bounded number of users
// and starts no goroutine that outlives a call.
package ratelimit

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"

	"github.com/gim-im/gim/domain"
)

// maxBuckets bounds the memory. A user whose bucket is dropped starts with a
// full one; dropped are those that are used least, whose buckets are fullest.
const maxBuckets = 100_000

// Limiter gives each user a bucket of tokens that fills up steadily.
type Limiter struct {
	rate    rate.Limit
	burst   int
	clock   domain.Clock
	buckets *otter.Cache[domain.LimitKey, *rate.Limiter] // nil: everything is allowed
}

var _ domain.Limiter = (*Limiter)(nil)

// New returns a limiter that allows each user perSecond events a second on
// average, and bursts of up to burst, which is at least 1. A rate of 0 or less,
// or one that is no number, turns it off.
func New(perSecond float64, burst int, clock domain.Clock) *Limiter {
	l := &Limiter{rate: rate.Limit(perSecond), burst: max(burst, 1), clock: clock}
	if perSecond > 0 && !math.IsInf(perSecond, 1) { // false for NaN
		// It fails for contradictory options only.
		l.buckets = otter.Must(&otter.Options[domain.LimitKey, *rate.Limiter]{MaximumSize: maxBuckets})
	}
	return l
}

// Allow takes a token of key's bucket, or tells how long it takes until there
// is one: at least a millisecond, and none is taken by asking.
func (l *Limiter) Allow(key domain.LimitKey) (ok bool, wait time.Duration) {
	if l.buckets == nil {
		return true, 0
	}
	bucket, found := l.buckets.GetIfPresent(key)
	if !found {
		bucket, _ = l.buckets.ComputeIfAbsent(key, func() (*rate.Limiter, bool) {
			return rate.NewLimiter(l.rate, l.burst), false
		})
	}
	now := l.clock.Now()
	if bucket.AllowN(now, 1) {
		return true, 0
	}
	return false, l.waitFor(1 - bucket.TokensAt(now))
}

// waitFor returns the time in which that many tokens come, rounded up to a
// millisecond: floating point would make it a little too short now and then.
func (l *Limiter) waitFor(tokens float64) time.Duration {
	const longest = float64(math.MaxInt64/int64(time.Millisecond)) / 2
	milliseconds := math.Floor(tokens/float64(l.rate)*1000) + 1
	return time.Duration(max(1, min(milliseconds, longest))) * time.Millisecond
}

// Package ratelimit bounds how much a user, a group or an app may do in a time,
// in this process: with several nodes each allows its own share, so who spreads
// over all of them gets as many times the rate as there are nodes.
//
// A [Limiter] may be used concurrently. It remembers a bounded number of keys
// and starts no goroutine that outlives a call.
package ratelimit

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/gim-im/gim/domain"
)

// maxBuckets bounds the memory. A key whose bucket is dropped starts with a full
// one; dropped are those that are used least, whose buckets are fullest.
const maxBuckets = 100_000

// Limiter gives each key a bucket of tokens that fills up steadily.
type Limiter struct {
	rate    float64 // tokens a second
	burst   float64 // tokens that a bucket holds
	clock   domain.Clock
	buckets *otter.Cache[domain.LimitKey, *bucket] // nil: everything is allowed
}

var _ domain.Limiter = (*Limiter)(nil)

// New returns a limiter that allows each key perSecond events a second on
// average, and bursts of up to burst, which is at least 1. A rate of 0 or less,
// or one that is no number, turns it off.
func New(perSecond float64, burst int, clock domain.Clock) *Limiter {
	l := &Limiter{rate: perSecond, burst: float64(max(burst, 1)), clock: clock}
	if perSecond > 0 && !math.IsInf(perSecond, 1) { // false for NaN
		// It fails for contradictory options only.
		l.buckets = otter.Must(&otter.Options[domain.LimitKey, *bucket]{MaximumSize: maxBuckets})
	}
	return l
}

// AllowN takes n tokens of key's bucket, or tells how long it takes until they
// are there: at least a millisecond, and none is taken by asking. More than a
// bucket holds is taken of a full one, which then lacks them for as long as they
// take to come.
func (l *Limiter) AllowN(key domain.LimitKey, n int) (ok bool, wait time.Duration) {
	if l.buckets == nil {
		return true, 0
	}
	now := l.clock.Now()
	b, found := l.buckets.GetIfPresent(key)
	if !found {
		b, _ = l.buckets.ComputeIfAbsent(key, func() (*bucket, bool) {
			return &bucket{tokens: l.burst, at: now}, false
		})
	}
	if missing := b.take(l, float64(n), now); missing > 0 {
		return false, l.waitFor(missing)
	}
	return true, 0
}

// GiveBack puts n tokens back into key's bucket.
func (l *Limiter) GiveBack(key domain.LimitKey, n int) {
	if l.buckets == nil {
		return
	}
	if b, found := l.buckets.GetIfPresent(key); found {
		b.giveBack(l, float64(n))
	}
}

// waitFor returns the time in which that many tokens come, rounded up to a
// millisecond: floating point would make it a little too short now and then.
func (l *Limiter) waitFor(tokens float64) time.Duration {
	const longest = float64(math.MaxInt64/int64(time.Millisecond)) / 2
	milliseconds := math.Floor(tokens/l.rate*1000) + 1
	return time.Duration(max(1, min(milliseconds, longest))) * time.Millisecond
}

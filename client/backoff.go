package client

import (
	"math/rand/v2"
	"time"
)

const (
	defaultMinBackoff = 500 * time.Millisecond
	defaultMaxBackoff = 30 * time.Second
)

// jitter returns a random time from 0 to bound.
type jitter func(bound time.Duration) time.Duration

func randomJitter(bound time.Duration) time.Duration {
	return rand.N(bound + 1) //nolint:gosec // no secret
}

// backoff spaces attempts out with "full jitter": a random pause between nothing
// and a bound that doubles. Of the ways compared in Marc Brooker, "Exponential
// Backoff And Jitter", AWS Architecture Blog, March 2015,
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/,
// it is the one with the least work for a server that all clients come back to.
type backoff struct {
	min, max time.Duration
	random   jitter
	bound    time.Duration // of the last pause; 0 before the first
}

// next returns the next pause.
func (b *backoff) next() time.Duration {
	b.bound = min(max(2*b.bound, b.min), b.max)
	return b.random(b.bound)
}

// reset begins with the smallest bound again.
func (b *backoff) reset() { b.bound = 0 }

package ratelimit

import (
	"sync"
	"time"
)

// bucket holds tokens, of which more come all the time until it is full.
type bucket struct {
	mu     sync.Mutex // guards what follows
	tokens float64    // below 0 after something that cost more than the bucket holds
	at     time.Time  // when it had them
}

// take takes n tokens, or as many as a full bucket has must be there for more. It
// returns how many are missing, and takes none then.
func (b *bucket) take(l *Limiter, n float64, now time.Time) (missing float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); passed > 0 { // a clock that goes back takes nothing away
		b.tokens = min(l.burst, b.tokens+passed.Seconds()*l.rate)
	}
	b.at = now
	if missing = min(n, l.burst) - b.tokens; missing > 0 {
		return missing
	}
	b.tokens -= n
	return 0
}

func (b *bucket) giveBack(l *Limiter, n float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(l.burst, b.tokens+n)
}

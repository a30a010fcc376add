package app

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
)

// Rates while a contention profile is taken: one wait in mutexFraction for a lock is
// noted, and waits of whatever kind in proportion to how much longer than blockRate
// they are.
const (
	mutexFraction = 5
	blockRate     = 10_000 // nanoseconds
)

// contention serves a profile of waiting, which the runtime does not keep by itself
// because it costs something. ?seconds=N switches it on for that long, and shows
// what happened meanwhile; without it there is nothing to show.
type contention struct {
	profile string
	set     func(rate int)
	rate    int

	mu     sync.Mutex // guards takers
	takers int        // requests under way
}

func mutexProfile() *contention {
	return &contention{profile: "mutex", rate: mutexFraction, set: func(rate int) { runtime.SetMutexProfileFraction(rate) }}
}

func blockProfile() *contention {
	return &contention{profile: "block", rate: blockRate, set: runtime.SetBlockProfileRate}
}

// ServeHTTP implements http.Handler.
func (c *contention) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("seconds") != "" {
		c.take(1)
		defer c.take(-1)
	}
	pprof.Handler(c.profile).ServeHTTP(w, r)
}

// take counts who needs the profile: it is on while there is somebody.
func (c *contention) take(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takers += n; c.takers == max(n, 0) { // the first has come, or the last has gone
		c.set(c.rate * c.takers)
	}
}

package app

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"
)

// phase is where an App is in its life.
type phase int32

const (
	phaseStarting phase = iota
	phaseServing
	phaseDraining
)

// checkTimeout bounds how long /readyz waits for the store.
const checkTimeout = 2 * time.Second

// health answers whether gim lives and whether it takes work.
type health struct {
	phase  atomic.Int32
	checks atomic.Pointer[checks] // nil until everything is open
}

// checks are what readiness asks.
type checks struct {
	store      func(context.Context) error
	bus        func() (kind string, up bool)
	durability func(context.Context) (full bool, why []string, err error)
	search     bool // messages can be searched
}

// readiness is the answer of /readyz.
type readiness struct {
	Status     string           `json:"status"` // ready, starting, draining or unavailable
	Store      *storeReport     `json:"store,omitempty"`
	Bus        *busReport       `json:"bus,omitempty"`
	Durability *durabilityState `json:"durability,omitempty"`
	Search     *searchReport    `json:"search,omitempty"`
}

type storeReport struct {
	Status string `json:"status"` // up or down
}

type busReport struct {
	Kind   string `json:"kind"`   // memory or redis
	Status string `json:"status"` // up or down
}

type searchReport struct {
	Status string `json:"status"` // on or off
}

type durabilityState struct {
	Level string   `json:"level"` // full, reduced or unknown
	Why   []string `json:"why"`
}

func (h *health) set(p phase) { h.phase.Store(int32(p)) }

// report asks everything. A bus that is down is told but does not make gim
// unready: messages then arrive later, and none is lost.
func (h *health) report(ctx context.Context) (readiness, bool) {
	r := readiness{Status: "ready"}
	switch phase(h.phase.Load()) {
	case phaseStarting:
		r.Status = "starting"
	case phaseDraining:
		r.Status = "draining"
	case phaseServing:
	}
	c := h.checks.Load()
	if c == nil {
		return r, false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	r.Store = &storeReport{Status: "up"}
	if err := c.store(ctx); err != nil {
		r.Store.Status = "down"
		if r.Status == "ready" {
			r.Status = "unavailable"
		}
	}
	kind, up := c.bus()
	r.Bus = &busReport{Kind: kind, Status: upOrDown(up)}
	r.Durability = durabilityOf(ctx, c)
	if r.Search = (&searchReport{Status: "off"}); c.search {
		r.Search.Status = "on"
	}
	return r, r.Status == "ready"
}

func durabilityOf(ctx context.Context, c *checks) *durabilityState {
	full, why, err := c.durability(ctx)
	switch {
	case err != nil:
		return &durabilityState{Level: "unknown", Why: []string{"the store does not answer"}}
	case full:
		return &durabilityState{Level: "full", Why: []string{}}
	}
	return &durabilityState{Level: "reduced", Why: why}
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func (h *health) live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // who asked is gone; nothing left to tell
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	report, ok := h.report(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // as above
}

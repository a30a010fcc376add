package presence

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	// saveEvery is how often sightings are saved: the end of ten thousand
	// connections is then a few statements.
	saveEvery = time.Second
	// saveTimeout bounds one attempt to save, and what is done when Run ends.
	saveTimeout = 5 * time.Second
	// saveChunk is how many users are saved in one transaction.
	saveChunk = 1000
	// maxSightings is how many users may wait to be saved. While the store is away
	// and there are more, those who come later are not noted.
	maxSightings = 100_000
)

// sightings are signs of life on their way to the store.
type sightings struct {
	store  Store
	logger *slog.Logger

	mu      sync.Mutex
	waiting map[User][]domain.Seen // one per device, and the newest
	// saving is what the last save was or is about; never changed. It is kept until
	// the next one, for those who have read the store before.
	saving map[User][]domain.Seen

	failing bool // of run: so that an outage is logged once
}

func newSightings(o Options) *sightings {
	return &sightings{store: o.Store, logger: o.Logger, waiting: make(map[User][]domain.Seen)}
}

// note keeps that a session showed at a time that it lives.
func (s *sightings) note(session domain.OnlineSession, at time.Time) {
	seen := domain.Seen{User: session.User, At: domain.Millis(at)}
	if session.Number > 0 {
		seen.Device = session.Device
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(userOf(session), seen)
}

// add is called with mu held.
func (s *sightings) add(user User, seen domain.Seen) {
	all, known := s.waiting[user]
	if !known && len(s.waiting) >= maxSightings {
		return
	}
	i := slices.IndexFunc(all, func(o domain.Seen) bool { return o.Device == seen.Device })
	switch {
	case i < 0:
		s.waiting[user] = append(all, seen)
	case seen.At.After(all[i].At):
		all[i] = seen
	}
}

// last is the latest sign of life of a user that may not be in the store yet.
func (s *sightings) last(user User) (at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range [][]domain.Seen{s.waiting[user], s.saving[user]} {
		for _, seen := range all {
			if seen.At.After(at) {
				at = seen.At
			}
		}
	}
	return at
}

// run saves until ctx ends, and then what is left.
func (s *sightings) run(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.save(ctx)
		case <-ctx.Done():
			s.save(context.WithoutCancel(ctx))
			return
		}
	}
}

// save gives to the store what has gathered. What cannot be saved is tried again.
func (s *sightings) save(ctx context.Context) {
	s.mu.Lock()
	s.saving, s.waiting = s.waiting, make(map[User][]domain.Seen)
	byApp := make(map[domain.AppNum][]domain.Seen)
	for user, seen := range s.saving {
		byApp[user.App] = append(byApp[user.App], seen...)
	}
	s.mu.Unlock()
	saving, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	var failed error
	for app, all := range byApp {
		for part := range slices.Chunk(all, saveChunk) {
			err := s.store.SaveSeen(saving, app, part)
			if err == nil {
				continue
			}
			failed = err
			s.mu.Lock()
			for _, seen := range part {
				s.add(User{App: app, Num: seen.User}, seen)
			}
			s.mu.Unlock()
		}
	}
	if failed != nil && !s.failing && ctx.Err() == nil { // else the end interrupts it, and saves what is left
		s.logger.LogAttrs(ctx, slog.LevelError, "saving when users were last seen failed, it is tried again",
			slog.Any("err", failed), slog.Any("stack", domain.Stack(failed)))
	}
	s.failing = failed != nil
}

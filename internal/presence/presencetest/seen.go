package presencetest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/presence"
)

// Store keeps what is saved. Its methods may be called concurrently.
type Store struct {
	mu    sync.Mutex
	times map[domain.Seen]time.Time
	calls int
	fails bool
}

// SaveSeen implements presence.Store.
func (s *Store) SaveSeen(_ context.Context, app domain.AppNum, seen []domain.Seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fails {
		return errors.New("the disk is on fire")
	}
	if s.times == nil {
		s.times = make(map[domain.Seen]time.Time)
	}
	for _, o := range seen {
		at := o.At
		o.At = time.Time{}
		if app == 1 && at.After(s.times[o]) {
			s.times[o] = at
		}
	}
	return nil
}

// Last returns when a user was seen last, on a device or on an unregistered one
// ("").
func (s *Store) Last(user domain.UserNum, device domain.DeviceID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[domain.Seen{User: user, Device: device}]
}

// Fail lets saves fail, or work again, and returns how many there were.
func (s *Store) Fail(fails bool) (calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
	return s.calls
}

// Ear hears what presence tells. Its methods may be called concurrently.
type Ear struct {
	mu      sync.Mutex
	changed map[presence.User]int
	doubts  map[presence.User]int // of the users that were asked about
	on      func([]presence.User)
}

// Changes returns how often a user of app 1 was said to have changed.
func (e *Ear) Changes(user domain.UserNum) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed[presence.User{App: 1, Num: user}]
}

// Doubts returns how often the presence of a user of app 1, up to 99, was doubted.
func (e *Ear) Doubts(user domain.UserNum) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.doubts[presence.User{App: 1, Num: user}]
}

func (e *Ear) set(on func([]presence.User)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.on = on
}

func (e *Ear) hear(users []presence.User) {
	e.mu.Lock()
	on := e.on
	if e.changed == nil {
		e.changed = make(map[presence.User]int)
	}
	for _, u := range users {
		e.changed[u]++
	}
	e.mu.Unlock()
	if on != nil {
		on(users)
	}
}

func (e *Ear) doubt(concerns func(presence.User) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doubts == nil {
		e.doubts = make(map[presence.User]int)
	}
	for num := range domain.UserNum(100) {
		if u := (presence.User{App: 1, Num: num}); concerns(u) {
			e.doubts[u]++
		}
	}
}

// Options are those of a node that saves to store and tells ear.
func Options(t testing.TB, store *Store, ear *Ear) presence.Options {
	t.Helper()
	return presence.Options{
		Store: store, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Changed: ear.hear, Doubt: ear.doubt,
	}
}

func saved(t *testing.T, p *pair) {
	phone, passing := Session(7, "s1", 1), Session(8, "s2", 0)
	p.a.Enter(phone)
	p.a.Enter(passing)
	want := func(user domain.UserNum, device domain.DeviceID, at time.Time) {
		t.Helper()
		Eventually(t, func() string { return cmp.Diff(at, p.store.Last(user, device)) })
	}
	want(7, phone.Device, phone.Since)
	want(8, "", passing.Since)
	end := phone.Since.Add(time.Hour)
	p.a.Leave(phone, end)
	p.a.Leave(passing, end)
	want(7, phone.Device, end)
	want(8, "", end)
	if at := p.store.Last(8, passing.Device); !at.IsZero() {
		t.Errorf("a device that is not registered was seen at %v", at)
	}
}

func savedLater(t *testing.T, p *pair) {
	before := p.store.Fail(true)
	s := Session(7, "s1", 1)
	p.a.Enter(s)
	Eventually(t, func() string {
		if p.store.Fail(true) < before+2 {
			return "it was not tried again"
		}
		return ""
	})
	if got := Ask(t, p.a, 7); !got.LastSeenAt.Equal(s.Since) {
		t.Errorf("last seen %v before it is saved, want %v", got.LastSeenAt, s.Since)
	}
	p.store.Fail(false)
	Eventually(t, func() string { return cmp.Diff(s.Since, p.store.Last(7, s.Device)) })
}

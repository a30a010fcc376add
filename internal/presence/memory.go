package presence

import (
	"context"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

var _ Presence = (*Memory)(nil)

// Memory is the presence of a single node: what is not here is nowhere.
type Memory struct {
	opts      Options
	roster    roster
	sightings *sightings
}

// NewMemory returns one where nobody is online.
func NewMemory(o Options) (*Memory, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	set(o.Metrics.Up, 1) // there is nothing that could fail
	return &Memory{opts: o, roster: newRoster(o.Refresh), sightings: newSightings(o)}, nil
}

// Enter implements [Presence].
func (m *Memory) Enter(s domain.OnlineSession) {
	m.roster.mu.Lock()
	entered := m.roster.add(s) != nil
	m.roster.mu.Unlock()
	if entered {
		add(m.opts.Metrics.Sessions, 1)
		m.sightings.note(s, s.Since)
		m.opts.Changed([]User{userOf(s)})
	}
}

// Leave implements [Presence].
func (m *Memory) Leave(s domain.OnlineSession, seen time.Time) {
	m.roster.mu.Lock()
	e := m.roster.remove(s, seen)
	if e != nil {
		m.sightings.note(e.session, seen) // before anybody can miss the session
	}
	m.roster.mu.Unlock()
	if e != nil {
		add(m.opts.Metrics.Sessions, -1)
		m.opts.Changed([]User{userOf(e.session)})
	}
}

// Online implements [Presence]; it never waits.
func (m *Memory) Online(_ context.Context, app domain.AppNum, users []domain.UserNum) []domain.Online {
	found := make([]domain.Online, len(users))
	for i, num := range users {
		user := User{App: app, Num: num}
		found[i] = domain.Online{Known: true, Sessions: m.roster.of(user), LastSeenAt: m.sightings.last(user)}
	}
	return found
}

// Flush implements [Presence]. There is nothing to wait for.
func (m *Memory) Flush(context.Context) {}

// Run implements [Presence]. It returns nil.
func (m *Memory) Run(ctx context.Context) error {
	var saving sync.WaitGroup
	saving.Go(func() { m.sightings.run(ctx) })
	defer saving.Wait()
	tick := time.NewTicker(m.opts.Refresh / 20)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			m.roster.mu.Lock()
			for _, e := range m.roster.takeDue() {
				m.sightings.note(e.session, m.opts.Clock.Now())
			}
			m.roster.mu.Unlock()
		}
	}
}

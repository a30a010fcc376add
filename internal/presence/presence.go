// Package presence knows who is online, and keeps when users were last seen.
//
// What is known are sessions: a session is there from Enter to Leave, on the node
// that has the connection, and is named by an id that no other session ever has.
// So a connection whose end comes late can take away nothing but itself.
//
// There are two implementations: [Memory] for a single node, and [Redis], where
// every node sees the sessions of all. A node is alive as long as its lease lasts,
// and with a node that is not, whatever ended it, its sessions are gone. Where
// Redis cannot tell, it is unknown who is online elsewhere; who has a connection
// to the node that is asked is known at any time.
//
// When users were last seen is collected, and saved about once a second.
//
// All methods may be called concurrently.
package presence

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gim-im/gim/domain"
)

// Presence is what both implementations do. Consumers declare the part that they
// call; this is for the composition root and the conformance suite.
type Presence interface {
	// Online returns all live sessions of users, see domain.OnlineSource.
	domain.OnlineSource

	// Enter makes a session known. It does not wait; others are told, by
	// Options.Changed, when all nodes can see it.
	Enter(s domain.OnlineSession)

	// Leave ends a session that was entered here; of any other nothing is
	// changed. seen is its last sign of life. It does not wait either.
	Leave(s domain.OnlineSession, seen time.Time)

	// Flush returns when all nodes can see what was entered and left so far, or
	// after a second when they cannot.
	Flush(ctx context.Context)

	// Run does the work until ctx ends, and saves what is left. It is called once.
	Run(ctx context.Context) error
}

// User names a user whose presence has changed.
type User struct {
	App domain.AppNum
	Num domain.UserNum
}

// Store keeps when users were last seen; it is part of domain.PresenceStore.
type Store interface {
	// SaveSeen keeps signs of life, see domain.PresenceStore.
	SaveSeen(ctx context.Context, app domain.AppNum, seen []domain.Seen) error
}

// Gauge shows a value; a prometheus.Gauge is one.
type Gauge interface {
	Set(value float64)
	Add(by float64)
}

// Metrics are the instruments of presence. Those that are nil are not kept.
type Metrics struct {
	Sessions Gauge // of this node
	Up       Gauge // 1 while it is known who is online on other nodes
}

// Options are what both implementations need.
type Options struct {
	Store  Store        // required
	Logger *slog.Logger // required
	Clock  domain.Clock // nil is the system's
	// Changed is told users whose sessions have changed, once that can be seen
	// from all nodes. It must not block and may be nil.
	Changed func(users []User)
	// Doubt is told that the presence of some users may have changed without
	// Changed being told: a node is gone, or it is no longer known who is online,
	// or again. It must not block and may be nil.
	Doubt   func(concerns func(User) bool)
	Metrics Metrics
	// Refresh is how often a live session is written again, so that its user and
	// device are seen and what Redis may have lost is there again; 0 is 10 min.
	Refresh time.Duration
}

const defaultRefresh = 10 * time.Minute

func (o *Options) complete() error {
	if o.Store == nil || o.Logger == nil {
		return errors.New("presence: Store and Logger are required")
	}
	if o.Clock == nil {
		o.Clock = domain.SystemClock{}
	}
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.Changed == nil {
		o.Changed = func([]User) {}
	}
	if o.Doubt == nil {
		o.Doubt = func(func(User) bool) {}
	}
	return nil
}

func set(g Gauge, value float64) {
	if g != nil {
		g.Set(value)
	}
}

func add(g Gauge, by float64) {
	if g != nil {
		g.Add(by)
	}
}

func userOf(s domain.OnlineSession) User { return User{App: s.App, Num: s.User} }

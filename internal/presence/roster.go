package presence

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

// entry is a session of this node. The mutex of its roster guards it.
type entry struct {
	session domain.OnlineSession
	left    bool
	seen    time.Time // with left
	due     time.Time // of the next refresh

	// Of the Redis implementation.
	queued bool     // waits to be written
	quiet  bool     // nobody is told
	fields []string // that may be in Redis for it
}

// roster holds the live sessions of this node.
type roster struct {
	refresh time.Duration // of each

	mu     sync.Mutex
	byID   map[string]*entry
	byUser map[User][]*entry
}

func newRoster(refresh time.Duration) roster {
	return roster{refresh: refresh, byID: make(map[string]*entry), byUser: make(map[User][]*entry)}
}

// add returns the entry of a new session, nil for one that is there. mu is held.
func (r *roster) add(s domain.OnlineSession) *entry {
	if r.byID[s.ID] != nil {
		return nil
	}
	e := &entry{session: s}
	r.postpone(e)
	r.byID[s.ID] = e
	r.byUser[userOf(s)] = append(r.byUser[userOf(s)], e)
	return e
}

// remove takes out a session and returns its entry, nil for one that is not
// there. mu is held.
func (r *roster) remove(id string, seen time.Time) *entry {
	e := r.byID[id]
	if e == nil {
		return nil
	}
	e.left, e.seen = true, seen
	delete(r.byID, id)
	user := userOf(e.session)
	var rest []*entry
	for _, other := range r.byUser[user] {
		if other != e {
			rest = append(rest, other)
		}
	}
	if rest == nil {
		delete(r.byUser, user)
	} else {
		r.byUser[user] = rest
	}
	return e
}

// of lists the live sessions of a user.
func (r *roster) of(user User) []domain.OnlineSession {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sessions []domain.OnlineSession
	for _, e := range r.byUser[user] {
		sessions = append(sessions, e.session)
	}
	return sessions
}

// takeDue returns the entries that are to be refreshed now. mu is held.
func (r *roster) takeDue(now time.Time) (due []*entry) {
	for _, e := range r.byID {
		if now.After(e.due) {
			r.postpone(e)
			due = append(due, e)
		}
	}
	return due
}

// postpone spreads refreshes out, also those of sessions that came together.
func (r *roster) postpone(e *entry) {
	e.due = time.Now().Add(r.refresh/2 + rand.N(r.refresh/2)) //nolint:gosec // no secret
}

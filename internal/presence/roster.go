package presence

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

// entry is a session of this node; there is one for each connection, so it is
// kept small. The mutex of its roster guards it.
type entry struct {
	session domain.OnlineSession
	due     time.Duration // of the next refresh, since the roster's start
	seen    int64         // when it left, in ms since 1970

	left bool

	// Of the Redis implementation.
	queued bool     // waits to be written
	quiet  bool     // nobody is told
	nodes  []string // ids under which it may stand in Redis
}

// roster holds the live sessions of this node.
type roster struct {
	refresh time.Duration // of each
	start   time.Time

	mu     sync.Mutex
	byUser map[User][]*entry
	size   int // entries
}

func newRoster(refresh time.Duration) roster {
	return roster{refresh: refresh, start: time.Now(), byUser: make(map[User][]*entry)}
}

// find returns the place of a session among those of its user, -1 when it is not
// there. mu is held.
func (r *roster) find(s domain.OnlineSession) int {
	return slices.IndexFunc(r.byUser[userOf(s)], func(e *entry) bool { return e.session.ID == s.ID })
}

// add returns the entry of a new session, nil for one that is there. mu is held.
func (r *roster) add(s domain.OnlineSession) *entry {
	if r.find(s) >= 0 {
		return nil
	}
	e := &entry{session: s}
	r.postpone(e)
	r.byUser[userOf(s)] = append(r.byUser[userOf(s)], e)
	r.size++
	return e
}

// remove takes out a session and returns its entry, nil for one that is not
// there. mu is held.
func (r *roster) remove(s domain.OnlineSession, seen time.Time) *entry {
	i := r.find(s)
	if i < 0 {
		return nil
	}
	user := userOf(s)
	e := r.byUser[user][i]
	e.left, e.seen = true, seen.UnixMilli()
	r.size--
	if len(r.byUser[user]) == 1 {
		delete(r.byUser, user)
	} else {
		r.byUser[user] = slices.Delete(r.byUser[user], i, i+1)
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
func (r *roster) takeDue() (due []*entry) {
	now := time.Since(r.start)
	for _, entries := range r.byUser {
		for _, e := range entries {
			if now > e.due {
				r.postpone(e)
				due = append(due, e)
			}
		}
	}
	return due
}

// postpone spreads refreshes out, also those of sessions that came together.
func (r *roster) postpone(e *entry) {
	e.due = time.Since(r.start) + r.refresh/2 + rand.N(r.refresh/2) //nolint:gosec // no secret
}

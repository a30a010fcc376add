package client

import (
	"maps"
	"slices"

	"github.com/gim-im/gim/wire"
)

const (
	// maxNamed is how many large groups a sign-in names, so that it stays small. What
	// the others have is asked for.
	maxNamed = 1000
	// maxHeld is how many own messages of a group wait for those before them.
	maxHeld = 64
)

// groupFeed is the track of the log of a large group. One that is not known is a
// group that the stream does not follow yet: the entry that says so is still to
// come.
type groupFeed struct {
	track
	acked int64 // what the device has confirmed, or needs not
	named bool  // the sign-in says where to go on, so that the server replays

	// own are messages of this stream that were answered before those with lower
	// numbers were pushed, by number. They are not pushed.
	own     map[int64]*wire.Message
	waiting bool // some of own waited at the last pong, and nothing has come since
}

// hold keeps an own message until those before it are there. It reports false when
// too many wait.
func (g *groupFeed) hold(m *wire.Message) (ok bool) {
	if len(g.own) >= maxHeld {
		return false
	}
	if g.own == nil {
		g.own = make(map[int64]*wire.Message)
	}
	g.own[m.GetConversationSeq()] = m
	return true
}

// nextOwn takes the own message that is next, nil when there is none.
func (g *groupFeed) nextOwn() *wire.Message {
	for n := range g.own {
		if n <= g.received {
			delete(g.own, n) // it came another way
		}
	}
	m := g.own[g.received+1]
	delete(g.own, g.received+1)
	return m
}

// groups are the large groups of a stream. What holds for a track holds for them.
type groups struct {
	feeds map[string]*groupFeed // by id
	// behind has every group that is behind, and maybe others.
	behind map[string]struct{}
}

func (gs *groups) feed(id string) *groupFeed {
	g := gs.feeds[id]
	if g == nil {
		g = &groupFeed{}
		gs.set(id, g)
	}
	return g
}

func (gs *groups) set(id string, g *groupFeed) {
	if gs.feeds == nil {
		gs.feeds = make(map[string]*groupFeed)
	}
	gs.feeds[id] = g
}

// member returns the feed of a group that the user is a member of, or nil.
func (gs *groups) member(id string) *groupFeed {
	if g := gs.feeds[id]; g != nil && g.known && !g.passing {
		return g
	}
	return nil
}

// miss notes that a message of a group was seen and not handed on.
func (gs *groups) miss(id string, n int64) {
	gs.feed(id).miss(n)
	gs.note(id)
}

func (gs *groups) note(id string) {
	if gs.behind == nil {
		gs.behind = make(map[string]struct{})
	}
	gs.behind[id] = struct{}{}
}

// pick returns a group that is behind, and whether there is one.
func (gs *groups) pick() (id string, ok bool) {
	for id := range gs.behind {
		if g := gs.feeds[id]; g != nil && g.isBehind() {
			return id, true
		}
		delete(gs.behind, id)
	}
	return "", false
}

// positions returns the places in the groups of the user.
func (gs *groups) positions() map[string]int64 {
	var at map[string]int64
	for id := range gs.feeds {
		if g := gs.member(id); g != nil {
			if at == nil {
				at = make(map[string]int64)
			}
			at[id] = g.received
		}
	}
	return at
}

// restore begins with the places that a program has kept.
func (gs *groups) restore(at map[string]int64) {
	for id, n := range at {
		gs.set(id, &groupFeed{track: track{known: true, received: n}})
	}
}

// name returns the places that a sign-in names.
func (gs *groups) name() map[string]int64 {
	named := make(map[string]int64)
	for id, g := range gs.feeds {
		if g.named = gs.member(id) != nil && len(named) < maxNamed; g.named {
			named[id] = g.received
		}
	}
	return named
}

// signIn takes the groups that a sign-in has told: the stream follows them and no
// other. One that is new begins behind what the device has confirmed, or at its
// end when only what is new is wanted. It reports false when the log of a group
// ends before the place that is held.
func (gs *groups) signIn(told []*wire.GroupHead, onlyNew bool) (same bool) {
	before := gs.feeds
	*gs = groups{}
	for _, h := range told {
		g := &groupFeed{track: track{known: true, received: h.GetAcked()}, acked: h.GetAcked()}
		if onlyNew {
			g.received, g.acked = h.GetHead(), h.GetHead()
		}
		named := false
		if old := before[h.GetGroupId()]; old != nil && old.known {
			named = old.named
			if g.received = old.received; old.passing {
				g.received = max(g.received, g.acked)
			}
		}
		gs.set(h.GetGroupId(), g)
		if named {
			continue
		}
		if g.received > h.GetHead() {
			return false
		}
		gs.miss(h.GetGroupId(), h.GetHead()) // the server begins there
	}
	return true
}

// begin says that the user is a member from the message after n on. It reports
// whether that is new.
func (gs *groups) begin(id string, n int64) bool {
	g := gs.feed(id)
	switch {
	case !g.known:
		g.known, g.received = true, n
	case !g.passing:
		return false
	}
	g.passing, g.acked = false, n
	gs.note(id)
	return true
}

// end says that message n ended the membership. It reports whether that is new: it
// is old when there is a message behind it.
func (gs *groups) end(id string, n int64) bool {
	g := gs.member(id)
	if g == nil || g.received > n {
		return false
	}
	g.known = false // for who holds it still: the answer to a sync
	delete(gs.feeds, id)
	return true
}

// visit says that the stream is of the live audience from the message after n on.
func (gs *groups) visit(id string, n int64) {
	if g := gs.feed(id); !g.known {
		g.track = track{known: true, passing: true, received: n}
	}
}

// leave ends a visit.
func (gs *groups) leave(id string) {
	if g := gs.feeds[id]; g != nil && g.passing {
		delete(gs.feeds, id)
	}
}

// pong looks for own messages that have waited since the last pong: what is before
// them does not come, so it is asked for. It reports whether there are any.
func (gs *groups) pong() (late bool) {
	for id, g := range gs.feeds {
		if g.known && g.waiting && len(g.own) > 0 {
			gs.miss(id, slices.Max(slices.Collect(maps.Keys(g.own))))
			late = true
		}
		g.waiting = len(g.own) > 0
	}
	return late
}

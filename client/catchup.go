package client

import (
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/wire"
)

// syncPage is how many entries are asked for at once.
const syncPage = 100

// lostGroup are the refusals that say that a group may not be read any more. The
// log tells why.
var lostGroup = []string{"not_in_group", "group_not_found", "forbidden"}

// behind returns a track that is behind, nil when none is. The log, whose group is
// "", comes first.
func (s *Stream) behind() (t *track, group string) {
	if s.feed.isBehind() {
		return &s.feed.track, ""
	}
	if id, ok := s.groups.pick(); ok {
		return &s.groups.feeds[id].track, id
	}
	return nil, ""
}

// sync asks for entries that were missed, if there is room for them: one page at a
// time.
func (c *session) sync(now time.Time) (f *wire.ClientFrame, due time.Time) {
	if c.asking {
		return nil, time.Time{}
	}
	t, group := c.s.behind()
	switch {
	case t == nil || !c.s.inbox.isRoomy():
		return nil, time.Time{}
	case now.Before(c.syncAt):
		return nil, c.syncAt
	}
	c.asking = true
	limit := int32(syncPage)
	body := &wire.ClientFrame_Sync{Sync: &wire.Sync{After: t.received, Limit: &limit, GroupId: group}}
	return c.number(&wire.ClientFrame{Body: body}, func(f *wire.ServerFrame) { c.synced(t, group, f) }), time.Time{}
}

// synced takes the answer to a sync.
func (c *session) synced(t *track, group string, f *wire.ServerFrame) {
	if e := f.GetError(); e != nil {
		c.syncRefused(t, group, refusal(e))
		return
	}
	page := f.GetSyncPage()
	if page == nil {
		c.cancel(fmt.Errorf("a sync was answered with %T", f.GetBody()))
		return
	}
	c.s.mu.Lock()
	from := t.received
	if group == "" && page.GetEpoch() != c.s.feed.epoch {
		c.s.mu.Unlock()
		c.cancel(errOtherLog)
		return
	}
	t.skip(page.GetFirstSeq())
	c.s.mu.Unlock()
	full := false
	for _, m := range page.GetItems() {
		c.s.mu.Lock()
		where := t.placeOf(numberOf(m))
		c.s.mu.Unlock()
		if where == following && !full {
			full = !c.entry(m)
		}
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.asking = false
	if t.isBehind() && t.received == from && !full {
		c.cancel(errHole)
	}
	c.poke()
}

func (c *session) syncRefused(t *track, group string, e *Error) {
	switch {
	case e.Code == codeResyncRequired:
		c.cancel(errOtherLog)
		return
	case group != "" && slices.Contains(lostGroup, e.Code):
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		t.target = 0
	case !e.Retryable:
		c.cancel(fmt.Errorf("entries that are missing were asked for: %w", e))
		return
	default:
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.syncAt = time.Now().Add(max(e.RetryAfter, c.s.random(ackInterval)))
	}
	c.asking = false
	c.poke()
}

package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

const (
	// unhealthyCheck is the time between checks while the bus loses events.
	unhealthyCheck = time.Second
	// checkBatch is how many users or devices one query asks about.
	checkBatch = 500
)

// check looks at heads until ctx ends: whatever the bus loses without anybody
// noticing is found here.
func (g *Gateway) check(ctx context.Context) {
	tick := time.NewTicker(min(g.opts.CheckInterval, unhealthyCheck))
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if g.opts.Hub.bus.Healthy() && time.Since(last) < g.opts.CheckInterval {
			continue
		}
		last = time.Now()
		g.opts.Hub.wakeWatchers()
		g.checkAll(ctx)
	}
}

// checkAll compares every session with the store.
func (g *Gateway) checkAll(ctx context.Context) {
	var users []subject[domain.UserNum, *Session]
	var devices []subject[domain.DeviceID, *Session]
	all := g.snapshot()
	for _, s := range all {
		who := s.who.Load()
		if who == nil || s.cursor.Load() == 0 {
			continue // not signed in yet
		}
		if users == nil { // what is made here is garbage soon: no more than needed
			users = make([]subject[domain.UserNum, *Session], 0, len(all))
		}
		users = append(users, subject[domain.UserNum, *Session]{app: who.App.Num, key: who.User.Num, of: s})
		if who.registered {
			devices = append(devices, subject[domain.DeviceID, *Session]{app: who.App.Num, key: who.Device, of: s})
		}
	}
	checkBatches(ctx, g, users, g.opts.Store.Heads, (*Session).checkHead)
	checkBatches(ctx, g, devices, g.opts.Store.Sessions, (*Session).checkNumber)
	checkBatches(ctx, g, g.opts.Hub.groups(), g.opts.Store.GroupHeads, g.opts.Hub.tellHead)
}

// subject is what is compared with the store, and what the store knows it by.
type subject[K cmp.Ordered, S any] struct {
	app domain.AppNum
	key K
	of  S
}

// checkBatches asks the store about the subjects, some keys of one app at a time,
// and lets each be compared with what was found for it. A query that fails is left to
// the next check, with what follows it.
func checkBatches[K cmp.Ordered, S any](ctx context.Context, g *Gateway, subjects []subject[K, S],
	query func(context.Context, domain.AppNum, []K) (map[K]int64, error), compare func(of S, found int64, ok bool),
) {
	slices.SortFunc(subjects, func(a, b subject[K, S]) int {
		return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.key, b.key))
	})
	keys := make([]K, 0, min(checkBatch, len(subjects)))
	for n := 0; len(subjects) > 0; subjects = subjects[n:] {
		app := subjects[0].app
		keys, n = nextKeys(keys[:0], subjects)
		found, err := query(ctx, app, keys)
		if err != nil {
			if ctx.Err() == nil && domain.CodeOf(err) == domain.CodeInternal {
				g.logUnknown(ctx, "comparing connections with the store failed", "", err)
			}
			return
		}
		for _, subject := range subjects[:n] {
			at, ok := found[subject.key]
			compare(subject.of, at, ok)
		}
	}
}

// nextKeys appends the keys of the next batch, which are the first n subjects'.
func nextKeys[K cmp.Ordered, S any](keys []K, subjects []subject[K, S]) (batch []K, n int) {
	for i, of := range subjects {
		if i > 0 && of.app == subjects[0].app && of.key == subjects[i-1].key {
			continue // another connection of the same
		}
		if of.app != subjects[0].app || len(keys) == checkBatch {
			return keys, i
		}
		keys = append(keys, of.key)
	}
	return keys, len(subjects)
}

// checkHead finds entries that no event told of. That a user is gone is told by
// a revocation.
func (s *Session) checkHead(head int64, ok bool) {
	if ok {
		s.noticeHead(head)
	}
}

// checkNumber finds newer sessions of the device that no event told of. A device
// that is absent was deleted.
func (s *Session) checkNumber(newest int64, ok bool) {
	if !ok {
		s.end(ending{code: wire.CloseRevoked})
		return
	}
	s.replacedBy(newest)
}

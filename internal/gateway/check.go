package gateway

import (
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

// checkAll compares every session with the store, app by app.
func (g *Gateway) checkAll(ctx context.Context) {
	users := make(map[domain.AppNum]map[domain.UserNum][]*Session)
	devices := make(map[domain.AppNum]map[domain.DeviceID][]*Session)
	for _, s := range g.snapshot() {
		who := s.who.Load()
		if who == nil || s.cursor.Load() == 0 {
			continue // not signed in yet
		}
		group(users, who.App.Num, who.User.Num, s)
		if who.registered {
			group(devices, who.App.Num, who.Device, s)
		}
	}
	for app, sessions := range users {
		checkBatches(ctx, g, app, sessions, g.opts.Store.Heads, (*Session).checkHead)
	}
	for app, sessions := range devices {
		checkBatches(ctx, g, app, sessions, g.opts.Store.Sessions, (*Session).checkNumber)
	}
}

func group[K comparable](all map[domain.AppNum]map[K][]*Session, app domain.AppNum, key K, s *Session) {
	if all[app] == nil {
		all[app] = make(map[K][]*Session)
	}
	all[app][key] = append(all[app][key], s)
}

// checkBatches asks the store about the keys, some at a time, and gives each
// session what was found for its own. A query that fails is left to the next check.
func checkBatches[K comparable](ctx context.Context, g *Gateway, app domain.AppNum, sessions map[K][]*Session,
	query func(context.Context, domain.AppNum, []K) (map[K]int64, error), compare func(s *Session, found int64, ok bool),
) {
	keys := make([]K, 0, len(sessions))
	for key := range sessions {
		keys = append(keys, key)
	}
	for batch := range slices.Chunk(keys, checkBatch) {
		found, err := query(ctx, app, batch)
		if err != nil {
			if ctx.Err() == nil && domain.CodeOf(err) == domain.CodeInternal {
				g.logUnknown(ctx, "comparing connections with the store failed", "", err)
			}
			return
		}
		for _, key := range batch {
			n, ok := found[key]
			for _, s := range sessions[key] {
				compare(s, n, ok)
			}
		}
	}
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

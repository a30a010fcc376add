package repo

import (
	"context"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

var _ domain.GroupSizer = (*Store)(nil)

const (
	groupSizeLasts = 5 * time.Second // how long the size of a group counts as known
	maxGroupSizes  = 10_000          // groups that are remembered
)

// groupSizes remembers how many members groups have.
type groupSizes struct {
	mu    sync.Mutex // guards known
	known map[groupOfApp]groupSize
}

type groupOfApp struct {
	app   domain.AppNum
	group domain.GroupID
}

type groupSize struct {
	members int
	at      time.Time
}

// GroupSize implements [domain.GroupSizer] with a count that is repeated after 5
// seconds, by one caller; the others get what was known.
func (s *Store) GroupSize(ctx context.Context, app domain.AppNum, group domain.GroupID) (int, error) {
	key, now := groupOfApp{app, group}, s.clock.Now()
	if members, known := s.sizes.get(key, now); known {
		return members, nil
	}
	const query = `SELECT COUNT(*) FROM conversations c JOIN members m ON m.app_id = c.app_id AND m.conversation_id = c.id
		WHERE c.app_id = ? AND c.conv_key = ?`
	var members int
	if err := s.read.GetContext(ctx, &members, query, app, []byte(groupKey(group))); err != nil {
		return 0, s.readError("count members", err)
	}
	s.sizes.put(key, groupSize{members, now})
	return members, nil
}

// get returns a size that is known, and asks one caller in a while to find it anew.
func (g *groupSizes) get(key groupOfApp, now time.Time) (members int, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	size, known := g.known[key]
	if known && now.Sub(size.at) >= groupSizeLasts {
		g.known[key] = groupSize{size.members, now}
		return 0, false
	}
	return size.members, known
}

// put remembers the size of a group, in the place of another's when there are too
// many. Of a group that has no members nothing is remembered: any id is one.
func (g *groupSizes) put(key groupOfApp, size groupSize) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if size.members == 0 {
		delete(g.known, key)
		return
	}
	putBounded(&g.known, key, size, maxGroupSizes)
}

// putBounded sets m[key], in the place of any other when m has limit entries.
func putBounded[K comparable, V any](m *map[K]V, key K, value V, limit int) {
	if *m == nil {
		*m = make(map[K]V)
	}
	if _, known := (*m)[key]; !known && len(*m) >= limit {
		for other := range *m {
			delete(*m, other)
			break
		}
	}
	(*m)[key] = value
}

package bench

import (
	"context"
	"fmt"
)

// connect opens the connections of a round: who sends over one does so by the
// transport of messages, all others receive.
func (r *run) connect(ctx context.Context, f *fleet, members []*member) error {
	shown := r.progress.watch(fmt.Sprintf("connecting %d", len(members)), "connections")
	defer shown()
	return f.connect(ctx, members, func(m *member) string {
		if m.sends != nil {
			return r.o.Via
		}
		return r.o.Receive
	})
}

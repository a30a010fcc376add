package bench

import (
	"context"
	"fmt"

	"github.com/gim-im/gim/wire"
)

// newReplies is for a member that sends: a closed loop has one reply under way.
func newReplies() chan *wire.ServerFrame { return make(chan *wire.ServerFrame, 1) }

// connect opens the connections of a round: who sends over one does so by the
// transport of messages, all others receive.
func (r *run) connect(ctx context.Context, f *fleet, members []*member) error {
	shown := r.progress.watch(fmt.Sprintf("connecting %d", len(members)), "connections")
	defer shown()
	return f.connect(ctx, members, func(m *member) string {
		if m.replies != nil {
			return r.o.Via
		}
		return r.o.Receive
	})
}

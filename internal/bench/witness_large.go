package bench

import (
	"maps"
	"slices"

	"github.com/gim-im/gim/wire"
)

// largeLog is what a witness knows besides of a large group. What is said there
// has a place in the group's log, which has no hole from the sign-in on, and in no
// other log.
type largeLog struct {
	group string
	// ahead are places of own messages behind which nothing was pushed yet: an answer
	// comes at once, and so before pushes with lower places.
	ahead map[int64]struct{}
}

func newLargeLog(group string) *largeLog {
	return &largeLog{group: group, ahead: make(map[int64]struct{})}
}

// head is the last place before the first push, 0 where the sign-in names none.
func (l *largeLog) head(in *wire.SignedIn) int64 {
	for _, g := range in.GetGroups() {
		if g.GetGroupId() == l.group {
			return g.GetHead()
		}
	}
	return 0
}

// inGroup judges where a message stands in the log of a large group.
func (w *witness) inGroup(seq, conv int64) (inOrder bool) {
	_, used := w.large.ahead[conv]
	if inOrder = seq == 0 && conv > w.conv && !used; !inOrder {
		w.Disorder++
		w.note("%s got place %d of the group, entry %d of its own log, after place %d", w.user, conv, seq, w.conv)
	}
	w.convGap, w.conv = follow(w.convGap, w.conv, conv)
	if len(w.large.ahead) == 0 { // as with all who only listen
		return inOrder
	}
	for place := range w.large.ahead {
		if place <= w.conv {
			delete(w.large.ahead, place)
			if place != conv {
				w.convGap-- // it was no hole
			}
		}
	}
	return inOrder
}

// answered judges the answer to an own message, which stands for the message.
func (w *witness) answered(seq, conv int64) {
	if w.large == nil {
		w.place(seq, conv)
		return
	}
	if _, used := w.large.ahead[conv]; used || seq != 0 || conv <= w.conv+1 {
		w.inGroup(seq, conv)
		return
	}
	w.large.ahead[conv] = struct{}{}
}

// allCame says that nothing is under way any more: what stands before an own
// message and has not come will not.
func (w *witness) allCame() {
	if w.large == nil {
		return
	}
	for _, place := range slices.Sorted(maps.Keys(w.large.ahead)) {
		w.convGap, w.conv = follow(w.convGap, w.conv, place)
	}
	clear(w.large.ahead)
}

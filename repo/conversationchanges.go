package repo

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// changeSettles is how long after its number was made a change may become visible
// where several write: a batch that hangs, and clocks of nodes that differ.
const changeSettles = batchTimeout + 5*time.Second

// conversationView is all that there is of a user's conversations at one moment.
type conversationView struct {
	all     []membership
	gone    map[domain.ConversationNum]conversationState // of conversations that the user is in no more
	settled int64                                        // no change up to here appears later
}

func (v *conversationView) totalUnread() (total int64) {
	for i := range v.all {
		if v.all[i].isListed() {
			total += v.all[i].unread()
		}
	}
	return total
}

// changes are the numbers of all changes.
func (v *conversationView) changes() []int64 {
	all := make([]int64, 0, len(v.all)+len(v.gone))
	for i := range v.all {
		all = append(all, v.all[i].change())
	}
	for _, state := range v.gone {
		all = append(all, state.changed)
	}
	return all
}

// readView reads all of a user's conversations in one snapshot.
func (s *Store) readView(ctx context.Context, app domain.AppNum, user domain.UserNum) (v conversationView, err error) {
	v.settled = math.MaxInt64 // numbers of changes are made by the only writer
	if s.dialect.snapshot != nil {
		v.settled = s.clock.Now().Add(-changeSettles).UnixMilli() << numberBits
	}
	tx, err := s.read.BeginTxx(ctx, s.dialect.snapshot)
	if err != nil {
		return v, err
	}
	defer tx.Rollback() //nolint:errcheck // it wrote nothing
	if v.gone, err = readStates(ctx, tx, app, user); err != nil {
		return v, err
	}
	err = each(ctx, tx, func(rows *sqlx.Rows) error {
		m, err := scanMembership(rows)
		if state, known := v.gone[m.conv]; known {
			m.state = state
			delete(v.gone, m.conv)
		}
		v.all = append(v.all, m)
		return err
	}, s.dialect.memberships(), app, user)
	return v, err
}

// ChangedConversations implements [domain.ConversationStore].
func (s *Store) ChangedConversations(ctx context.Context, app domain.AppNum, user domain.UserNum, since domain.ChangesCursor, limit int) (out domain.ConversationList, hasMore bool, err error) {
	view, err := s.readView(ctx, app, user)
	if err != nil {
		return out, false, s.readError("read conversations", err)
	}
	out.TotalUnread = view.totalUnread()
	var page []int64
	page, out.Changes, hasMore = since.Page(view.changes(), view.settled, limit)
	isTold := func(change int64) bool { _, found := slices.BinarySearch(page, change); return found }
	changed := slices.DeleteFunc(view.all, func(m membership) bool { return !isTold(m.change()) })
	if err := s.addGone(ctx, app, &changed, view.gone, isTold); err != nil {
		return out, false, s.readError("read conversations", err)
	}
	slices.SortFunc(changed, func(a, b membership) int {
		return cmp.Or(cmp.Compare(a.change(), b.change()), cmp.Compare(a.conv, b.conv))
	})
	items, err := s.describe(ctx, app, user, changed)
	if err != nil {
		return out, false, s.readError("read conversations", err)
	}
	for i, c := range items {
		if changed[i].isListed() {
			out.Items = append(out.Items, c)
		} else {
			out.Removed = append(out.Removed, c.ID)
		}
	}
	return out, hasMore, nil
}

// addGone adds the conversations that the user is in no more, if that has changed.
func (s *Store) addGone(ctx context.Context, app domain.AppNum, changed *[]membership, gone map[domain.ConversationNum]conversationState, isTold func(int64) bool) error {
	var nums []domain.ConversationNum
	for num, state := range gone {
		if isTold(state.changed) {
			nums = append(nums, num)
		}
	}
	return selectIn(ctx, s.read, `SELECT id, conv_key FROM conversations WHERE app_id = ? AND id IN`, "", []any{app}, nums, func(rows *sqlx.Rows) error {
		m := membership{kind: kindEnded}
		err := rows.Scan(&m.conv, &m.key)
		if m.state = gone[m.conv]; err == nil {
			*changed = append(*changed, m)
		}
		return err
	})
}

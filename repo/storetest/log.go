package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
)

func logTests() map[string]func(*world) {
	return map[string]func(*world){
		"ReadLog_PagesExactly":       readLogPages,
		"ReadLog_CutsAtTheByteLimit": readLogBytes,
		"ReadLog_OfNobodyIsRefused":  readLogAbsent,
		"ReadLog_EpochStays":         readLogEpoch,
		"Heads_LeaveOutTheAbsent":    headsOf,
	}
}

func readLogPages(w *world) {
	users := w.users("alice", "bob")
	const n = 7
	for i := range n {
		w.send(users[i%2], toUser(users[(i+1)%2]), fmt.Sprint(i+1))
	}
	for after := int64(0); after <= n+1; after++ {
		for limit := 1; limit <= n+1; limit++ {
			page, err := w.store.ReadLog(w.ctx, w.app.Num, users[0].Num, after, limit)
			w.ok(err)
			var got, want []int64
			for _, e := range page.Entries {
				got = append(got, e.Seq)
				w.same("message", textOf(e.Message), fmt.Sprint(e.Seq))
			}
			for seq := after + 1; seq <= min(n, after+int64(limit)); seq++ {
				want = append(want, seq)
			}
			if !slices.Equal(got, want) {
				w.Errorf("after %d, limit %d: got %v, want %v", after, limit, got, want)
			}
			if hasMore := after+int64(limit) < n; page.HasMore != hasMore {
				w.Errorf("after %d, limit %d: HasMore is %v", after, limit, page.HasMore)
			}
			w.same("head", page.LogHead, domain.LogHead{First: 1, Head: n, Epoch: page.Epoch})
		}
	}
}

// large returns a text of about n bytes.
func large(n int) string { return strings.Repeat("x", n) }

// sendLarge sends texts that fill pages by their bytes, and returns how many
// fit into one.
func sendLarge(w *world, from, to domain.UserRef, n int) (fit int) {
	w.Helper()
	const size = 60_000
	out := w.outgoing(from, toUser(to), large(size), "")
	for range n {
		_, err := w.store.Append(w.ctx, out)
		w.ok(err)
	}
	return domain.MaxPageBytes / len(out.Message.Content)
}

func readLogBytes(w *world) {
	users := w.users("alice", "bob")
	const n = 40
	fit := sendLarge(w, users[0], users[1], n)
	var after int64
	for after < n {
		page, err := w.store.ReadLog(w.ctx, w.app.Num, users[1].Num, after, domain.MaxPageSize)
		w.ok(err)
		w.same("entries", len(page.Entries), min(fit, n-int(after)))
		after += int64(len(page.Entries))
		w.same("has more", page.HasMore, after < n)
	}
	page, err := w.store.ReadLog(w.ctx, w.app.Num, users[1].Num, 0, fit)
	w.ok(err)
	w.same("limit and bytes at once", []any{len(page.Entries), page.HasMore}, []any{fit, true})
	page, err = w.store.ReadLog(w.ctx, w.app.Num, users[1].Num, 0, fit-1)
	w.ok(err)
	w.same("limit before bytes", []any{len(page.Entries), page.HasMore}, []any{fit - 1, true})
}

func readLogAbsent(w *world) {
	_, err := w.store.ReadLog(w.ctx, w.app.Num, -1, 0, 1)
	w.refused(err, domain.ErrUserNotFound)
}

func readLogEpoch(w *world) {
	users := w.users("alice", "bob")
	first, err := w.store.ReadLog(w.ctx, w.app.Num, users[0].Num, 0, 1)
	w.ok(err)
	w.send(users[0], toUser(users[1]), "x")
	w.users("alice")
	later, err := w.store.ReadLog(w.ctx, w.app.Num, users[0].Num, 0, 1)
	w.ok(err)
	w.same("epoch", later.Epoch, first.Epoch)
	bob, err := w.store.ReadLog(w.ctx, w.app.Num, users[1].Num, 0, 1)
	w.ok(err)
	if first.Epoch == "" || bob.Epoch == first.Epoch {
		w.Errorf("epochs of two users: %q and %q", first.Epoch, bob.Epoch)
	}
}

func headsOf(w *world) {
	users := w.users("alice", "bob", "carol")
	w.send(users[0], toUser(users[1]), "1")
	w.send(users[1], toUser(users[1]), "2")
	got, err := w.store.Heads(w.ctx, w.app.Num, []domain.UserNum{users[0].Num, users[1].Num, users[2].Num, -1})
	w.ok(err)
	w.same("heads", got, map[domain.UserNum]int64{users[0].Num: 1, users[1].Num: 2, users[2].Num: 0})
	got, err = w.store.Heads(w.ctx, w.app.Num, nil)
	w.ok(err)
	w.same("of nobody", got, map[domain.UserNum]int64{})
}

package storetest

import (
	"fmt"
	"slices"

	"github.com/gim-im/gim/domain"
)

func historyTests() map[string]func(*world) {
	return map[string]func(*world){
		"History_PagesExactlyInBothDirections": historyPages,
		"History_CutsAtTheByteLimit":           historyBytes,
		"History_RefusesWhatIsNotThere":        historyErrors,
		"History_KeepsConversationsApart":      historyApart,
	}
}

// wantRange checks one page against what a list of n messages has there.
func wantRange(w *world, viewer domain.UserRef, target domain.Target, n int64, r domain.HistoryRange) {
	w.Helper()
	page, err := w.store.History(w.ctx, w.app.Num, viewer, target, r)
	w.ok(err)
	low, high := int64(1), n
	hasMore := false
	if r.After != nil {
		low = *r.After + 1
		hasMore = low+int64(r.Limit) <= n
		high = min(n, low+int64(r.Limit)-1)
	} else {
		if r.Before != nil {
			high = min(n, *r.Before-1)
		}
		low = max(1, high-int64(r.Limit)+1)
		hasMore = high >= low && low > 1
	}
	var got, want []int64
	for _, m := range page.Messages {
		got = append(got, m.ConversationSeq)
		w.same("message", textOf(m), fmt.Sprint(m.ConversationSeq))
	}
	for seq := low; seq <= high; seq++ {
		want = append(want, seq)
	}
	if !slices.Equal(got, want) || page.HasMore != hasMore {
		w.Errorf("%s: got %v, %v, want %v, %v", describe(r), got, page.HasMore, want, hasMore)
	}
}

func describe(r domain.HistoryRange) string {
	switch {
	case r.After != nil:
		return fmt.Sprintf("%d after %d", r.Limit, *r.After)
	case r.Before != nil:
		return fmt.Sprintf("%d before %d", r.Limit, *r.Before)
	}
	return fmt.Sprintf("newest %d", r.Limit)
}

func historyPages(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	const n = 6
	for i := range n {
		w.send(users[i%2], toUser(users[(i+1)%2]), fmt.Sprint(i+1))
		w.send(users[i%2], toGroup("g"), fmt.Sprint(i+1))
		w.send(domain.UserRef{}, toUser(users[0]), fmt.Sprint(i+1))
	}
	for _, c := range []struct {
		viewer domain.UserRef
		target domain.Target
	}{{users[0], toUser(users[1])}, {users[1], toUser(users[0])}, {users[1], toGroup("g")}, {domain.UserRef{}, toGroup("g")}, {users[0], domain.Target{}}, {domain.UserRef{}, toUser(users[0])}} {
		for limit := 1; limit <= n+1; limit++ {
			wantRange(w, c.viewer, c.target, n, domain.HistoryRange{Limit: limit})
			for at := int64(0); at <= n+2; at++ {
				wantRange(w, c.viewer, c.target, n, domain.HistoryRange{After: &at, Limit: limit})
				wantRange(w, c.viewer, c.target, n, domain.HistoryRange{Before: &at, Limit: limit})
			}
		}
	}
}

func historyBytes(w *world) {
	users := w.users("alice", "bob")
	const n = 20
	fit := sendLarge(w, users[0], users[1], n)
	zero := int64(0)
	for _, r := range []domain.HistoryRange{{Limit: 200}, {Limit: 200, After: &zero}} {
		page, err := w.store.History(w.ctx, w.app.Num, users[1], toUser(users[0]), r)
		w.ok(err)
		w.same("page", []any{len(page.Messages), page.HasMore}, []any{fit, true})
		first := int64(1)
		if r.After == nil {
			first = n - int64(fit) + 1
		}
		w.same("begins at", page.Messages[0].ConversationSeq, first)
	}
}

func historyErrors(w *world) {
	users := w.users("alice", "bob")
	read := func(viewer domain.UserRef, target domain.Target) (domain.HistoryPage, error) {
		return w.store.History(w.ctx, w.app.Num, viewer, target, domain.HistoryRange{Limit: 1})
	}
	for _, viewer := range []domain.UserRef{users[0], {}} {
		_, err := read(viewer, domain.Target{User: "nobody"})
		w.refused(err, domain.ErrUserNotFound)
		_, err = read(viewer, toGroup("none"))
		w.refused(err, domain.ErrGroupNotFound)
		page, err := read(viewer, toUser(users[1]))
		w.ok(err)
		w.same("a conversation that has not begun", page, domain.HistoryPage{})
	}
	page, err := read(users[0], domain.Target{})
	w.ok(err)
	w.same("nothing from the business yet", page, domain.HistoryPage{})
}

func historyApart(w *world) {
	users := w.users("alice", "bob", "carol")
	w.group("bob", users...) // a group may have the name of a user
	w.send(users[0], toUser(users[1]), "ab")
	w.send(users[0], toUser(users[2]), "ac")
	w.send(users[1], toUser(users[2]), "bc")
	w.send(users[0], toUser(users[0]), "aa")
	w.send(users[0], toGroup("bob"), "group")
	w.send(domain.UserRef{}, toUser(users[1]), "business")
	w.same("alice and bob", w.history(users[0], toUser(users[1])), []string{"ab"})
	w.same("bob and alice", w.history(users[1], toUser(users[0])), []string{"ab"})
	w.same("carol and bob", w.history(users[2], toUser(users[1])), []string{"bc"})
	w.same("alice alone", w.history(users[0], toUser(users[0])), []string{"aa"})
	w.same("group", w.history(users[2], toGroup("bob")), []string{"group"})
	w.same("business", w.history(users[1], domain.Target{}), []string{"business"})
	w.same("not hers", w.history(users[2], domain.Target{}), []string{})
}

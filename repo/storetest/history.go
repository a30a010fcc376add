package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
)

func historyTests() map[string]func(*world) {
	return map[string]func(*world){
		"History_PagesExactlyInBothDirections": historyPages,
		"History_CutsAtTheByteLimit":           historyBytes,
		"History_RefusesWhatIsNotThere":        historyErrors,
		"History_KeepsConversationsApart":      historyApart,
		"History_LeavesOutTypesAndSenders":     historyFilters,
		"History_ReadsAroundAMessage":          historyAround,
		"History_BeginsAtATime":                historyFrom,
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
	if !slices.Equal(got, want) || page.HasMore() != hasMore {
		w.Errorf("%s: got %v, %v, want %v, %v", describe(r), got, page.HasMore(), want, hasMore)
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
		w.same("page", []any{len(page.Messages), page.HasMore()}, []any{fit, true})
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

// mixed sends messages of several types, from several senders, at times that nearly
// ascend, and returns them.
func mixed(w *world, users []domain.UserRef, target domain.Target, n int) []domain.Outgoing {
	w.Helper()
	all := make([]domain.Outgoing, n)
	for i := range all {
		from := append(slices.Clone(users), domain.UserRef{})[i*5%7%(len(users)+1)]
		all[i] = w.outgoing(from, target, fmt.Sprint(i+1), "")
		m := &all[i].Message
		m.SentAt = epoch.Add(time.Duration(i) * 20 * time.Second).Add(-time.Duration(i%3) * 25 * time.Second)
		if m.Type = []domain.ContentType{domain.ContentText, domain.ContentImage, domain.ContentFile}[i*3%5%3]; i == n/2 {
			m.Type = domain.ContentVoice
		}
		r, err := w.store.Append(w.ctx, all[i])
		w.ok(err)
		m.ConversationSeq = r.ConversationSeq
	}
	return all
}

func seqsOf(page domain.HistoryPage) (seqs []int64) {
	for _, m := range page.Messages {
		seqs = append(seqs, m.ConversationSeq)
	}
	return seqs
}

func historyFilters(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	target := toGroup("g")
	all := mixed(w, users, target, 21)
	for _, f := range []domain.HistoryRange{
		{}, {Types: []domain.ContentType{domain.ContentImage}}, {Types: []domain.ContentType{domain.ContentImage, domain.ContentVoice}},
		{Sender: "alice"}, {Sender: "bob", Types: []domain.ContentType{domain.ContentText}}, {Sender: "nobody"},
		{Types: []domain.ContentType{domain.ContentCommand}},
	} {
		var want []int64
		for _, out := range all {
			m := &out.Message
			if (len(f.Types) == 0 || slices.Contains(f.Types, m.Type)) && (f.Sender == "" || m.Sender.User == f.Sender) {
				want = append(want, m.ConversationSeq)
			}
		}
		for _, viewer := range []domain.UserRef{users[1], {}} {
			for f.Limit = 1; f.Limit <= len(want)+1; f.Limit++ {
				what := fmt.Sprintf("%v %q, %d", f.Types, f.Sender, f.Limit)
				w.same(what+" forward", w.walk(viewer, target, f, true), want)
				w.same(what+" backward", w.walk(viewer, target, f, false), want)
			}
		}
	}
}

// walk reads all of a range page by page, each of which is full but the last.
func (w *world) walk(viewer domain.UserRef, target domain.Target, r domain.HistoryRange, forward bool) (all []int64) {
	w.Helper()
	if forward {
		r.After = new(int64(0))
	}
	for {
		page, err := w.store.History(w.ctx, w.app.Num, viewer, target, r)
		w.ok(err)
		if forward {
			all, r.After = append(all, seqsOf(page)...), page.NextAfter
		} else {
			all, r.Before = append(seqsOf(page), all...), page.NextBefore
		}
		if !page.HasMore() {
			return all
		}
		if len(page.Messages) != r.Limit {
			w.Fatalf("a page of %d has %d messages and more", r.Limit, len(page.Messages))
		}
	}
}

func historyAround(w *world) {
	users := w.users("alice", "bob")
	const n = int64(7)
	for i := range n {
		w.send(users[0], toUser(users[1]), fmt.Sprint(i+1))
	}
	for limit := 1; limit <= 9; limit++ {
		for at := int64(0); at <= n+2; at++ {
			page, err := w.store.History(w.ctx, w.app.Num, users[1], toUser(users[0]), domain.HistoryRange{Around: &at, Limit: limit})
			w.ok(err)
			half := int64(limit / 2)
			low, high := max(1, min(at, n+1)-half), min(n, max(at, 1)+int64(limit)-half-1)
			if at == 0 { // from it on, and it is none
				high = min(n, int64(limit)-half)
			}
			var want []int64
			for seq := low; seq <= high; seq++ {
				want = append(want, seq)
			}
			what := fmt.Sprintf("%d around %d", limit, at)
			w.same(what, seqsOf(page), want)
			w.same(what+": more before", page.NextBefore != nil, min(at, n+1)-half > 1)
			w.same(what+": more after", page.NextAfter != nil, high < n)
			if page.NextBefore != nil && low <= n {
				w.same(what+": next before", *page.NextBefore, low)
			}
			if page.NextAfter != nil {
				w.same(what+": next after", *page.NextAfter, high)
			}
		}
	}
	fit := sendLarge(w, users[1], users[0], 20)
	page, err := w.store.History(w.ctx, w.app.Num, users[1], toUser(users[0]), domain.HistoryRange{Around: new(n + 10), Limit: 200})
	w.ok(err)
	if len(page.Messages) > fit || len(page.Messages) < fit-2 || page.NextBefore == nil || page.NextAfter == nil {
		w.Errorf("%d messages around one in the middle, more: %v; the limit of bytes is %d of them", len(page.Messages), page.HasMore(), fit)
	}
}

func historyFrom(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	all := mixed(w, users, toGroup("g"), 40)
	for _, at := range []time.Duration{-time.Hour, -1, 0, 1, time.Second, 35 * time.Second, 2 * time.Minute, 5*time.Minute + 1, 10 * time.Minute, time.Hour} {
		from := epoch.Add(at)
		first := slices.IndexFunc(all, func(out domain.Outgoing) bool { return !out.Message.SentAt.Before(from) })
		var want []int64
		for i := first; i >= 0 && i < min(first+5, len(all)); i++ {
			want = append(want, all[i].Message.ConversationSeq)
		}
		page, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{From: from, Limit: 5})
		w.ok(err)
		w.same(fmt.Sprint("from ", at), seqsOf(page), want)
		w.same(fmt.Sprint("more from ", at), page.HasMore(), first >= 0 && first+5 < len(all))
	}
	page, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup("g"), domain.HistoryRange{From: epoch, Limit: 1, Types: []domain.ContentType{domain.ContentVoice}})
	w.ok(err)
	w.same("the first of a type", seqsOf(page), []int64{all[20].Message.ConversationSeq})
	late := w.user("carol")
	_, err = w.add("g", domain.UserRef{}, 10, late.ID)
	w.ok(err)
	news := w.send(users[0], toGroup("g"), "news")
	page, err = w.store.History(w.ctx, w.app.Num, late, toGroup("g"), domain.HistoryRange{From: epoch.Add(-time.Hour), Limit: 5})
	w.ok(err)
	w.same("a member reads from when it joined", seqsOf(page)[len(page.Messages)-1:], []int64{news.ConversationSeq})
	if page.Messages[0].ConversationSeq <= all[39].Message.ConversationSeq {
		w.Error("a member reads from before it joined")
	}
	page, err = w.store.History(w.ctx, w.app.Num, users[0], toUser(users[1]), domain.HistoryRange{From: epoch, Limit: 5})
	w.ok(err)
	w.same("a conversation that has not begun", page, domain.HistoryPage{})
}

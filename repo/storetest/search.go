package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
)

func searchTests() map[string]func(*world) {
	return map[string]func(*world){
		"Search_FindsWordsInAnyLanguage":           searchWords,
		"Search_OfOneOwnMessagesOnly":              searchOwn,
		"Search_IsNewestFirstAndPaged":             searchPages,
		"Search_GoesByTimeSenderAndType":           searchFilters,
		"Search_FindsWhatIsSaidNow":                searchEdits,
		"Search_EditsAndIndexingMeet":              searchEditRace,
		"Search_RespectsWhatAMemberMayRead":        searchMembers,
		"Search_LargeGroups":                       searchLarge,
		"Search_WhatIsDeletedForOneselfIsNotFound": searchCleared,
		"Search_TakesAnyText":                      searchAnything,
		"Search_CommonWordsWithARareOne":           searchZigZag,
		"Search_ReadsOnlyWhereSomethingStands":     searchManyConversations,
	}
}

// searched returns the texts that a user finds, in order, in pages of size.
func (w *world) searched(user domain.UserRef, s domain.Search, size int) []string {
	w.Helper()
	w.ok(w.store.Index(w.ctx))
	found := []string{}
	for p := (domain.Page{Limit: size}); ; {
		page, err := w.store.Search(w.ctx, w.app.Num, user, s, p)
		w.ok(err)
		for _, m := range page.Items {
			found = append(found, textOf(m))
		}
		if len(page.Items) > size {
			w.Fatalf("a page of %d has %d", size, len(page.Items))
		}
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			return found
		}
	}
}

func (w *world) finds(user domain.UserRef, query string, want ...string) {
	w.Helper()
	w.same(fmt.Sprintf("%s finds %q", user.ID, query), w.searched(user, domain.Search{Query: query}, 3), append([]string{}, want...))
}

// sendAt appends a message of any content that was sent after the epoch.
func (w *world) sendAt(from domain.UserRef, to domain.Target, after time.Duration, typ domain.ContentType, content any) domain.Receipt {
	w.Helper()
	out := w.outgoing(from, to, "", "")
	out.Message.SentAt, out.Message.Type = epoch.Add(after), typ
	out.Message.Content, _ = json.Marshal(content) // of maps
	r, err := w.store.Append(w.ctx, out)
	w.ok(err)
	return r
}

func searchWords(w *world) {
	u := w.users("alice", "bob")
	w.send(u[0], toUser(u[1]), "Hello, World")
	w.send(u[0], toUser(u[1]), "我在北京买了iPhone手机")
	w.send(u[1], toUser(u[0]), "Crème brûlée für alle")
	w.send(u[1], toUser(u[0]), "東京タワーで会いましょう")
	w.send(u[1], toUser(u[0]), "국인 중국 안녕하세요")
	for query, want := range map[string]string{
		"hello": "Hello, World", "WORLD hello": "Hello, World", "北京": "我在北京买了iPhone手机", "京": "東京タワーで会いましょう|我在北京买了iPhone手机",
		"iphone 北京": "我在北京买了iPhone手机", "creme": "Crème brûlée für alle", "ＢＲÛＬÉＥ": "Crème brûlée für alle",
		"タワー": "東京タワーで会いましょう", "안녕": "국인 중국 안녕하세요", "중국인": "", "hello 北京": "", "hell": "", "机": "我在北京买了iPhone手机",
	} {
		w.finds(u[0], query, strings.FieldsFunc(want, func(r rune) bool { return r == '|' })...)
	}
}

func searchOwn(w *world) {
	u := w.users("alice", "bob", "carol")
	w.send(u[0], toUser(u[1]), "secret of two")
	w.send(domain.UserRef{}, toUser(u[2]), "secret of the business")
	w.group("g", u[1], u[2])
	w.send(u[1], toGroup("g"), "secret of a group")
	w.finds(u[0], "secret", "secret of two")
	w.finds(u[2], "secret", "secret of a group", "secret of the business")
	other := w.other()
	v := other.users("alice", "bob")
	other.send(v[0], toUser(v[1]), "secret elsewhere")
	other.finds(v[0], "secret", "secret elsewhere")
	w.finds(u[0], "secret", "secret of two")

	in := func(target domain.Target) domain.Search { return domain.Search{Query: "secret", Target: &target} }
	w.same("in one chat", w.searched(u[1], in(toUser(u[0])), 3), []string{"secret of two"})
	w.same("in one group", w.searched(u[1], in(toGroup("g")), 3), []string{"secret of a group"})
	w.same("of the business", w.searched(u[2], in(domain.Target{}), 3), []string{"secret of the business"})
	w.same("in a chat that is none", w.searched(u[0], in(toUser(u[2])), 3), []string{})
	for target, want := range map[domain.Target]error{
		toGroup("g"): domain.ErrNotInGroup, toGroup("none"): domain.ErrGroupNotFound, {User: "nobody"}: domain.ErrUserNotFound,
	} {
		_, err := w.store.Search(w.ctx, w.app.Num, u[0], in(target), domain.Page{Limit: 3})
		w.refused(err, want)
	}
}

func searchPages(w *world) {
	u := w.users("alice", "bob", "carol", "dave")
	w.group("g", u...)
	var want []string
	targets := []domain.Target{toUser(u[1]), toGroup("g"), toUser(u[2]), toUser(u[3])}
	for i := range 40 { // several at a time, and many at one time in a conversation
		text := fmt.Sprintf("number %d", i)
		w.sendAt(u[0], targets[i%4], time.Duration(i/8)*time.Second, domain.ContentText, map[string]string{"text": text})
		want = append(want, text)
	}
	w.sendAt(u[0], targets[0], 0, domain.ContentText, map[string]string{"text": "something else"})
	all := w.searched(u[0], domain.Search{Query: "number"}, domain.MaxPageSize)
	for _, size := range []int{1, 2, 7, 39, 40, 41} {
		w.same(fmt.Sprint("in pages of ", size), w.searched(u[0], domain.Search{Query: "number"}, size), all)
	}
	second := func(text string) int {
		var i int
		_, err := fmt.Sscanf(text, "number %d", &i)
		w.ok(err)
		return i / 8
	}
	w.same("newest first", slices.IsSortedFunc(all, func(a, b string) int { return second(b) - second(a) }), true)
	slices.Sort(all)
	slices.Sort(want)
	w.same("all", all, want)
	for _, cursor := range []string{"x", "1.2", "1.2.3.4", "1.2._", "-.-.-", "zzzzzzzzzzzzzzzz.1.1"} {
		_, err := w.store.Search(w.ctx, w.app.Num, u[0], domain.Search{Query: "number"}, domain.Page{Limit: 1, Cursor: cursor})
		w.refused(err, domain.Invalid("", ""))
	}
}

func searchFilters(w *world) {
	u := w.users("alice", "bob")
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	for i := range 6 {
		w.sendAt(u[i%2], toUser(u[(i+1)%2]), time.Duration(i)*time.Second, domain.ContentText, map[string]string{"text": fmt.Sprint("report ", i)})
	}
	w.sendAt(u[0], toUser(u[1]), 7*time.Second, domain.ContentFile, map[string]any{"url": "report-url", "name": "Report 2026.pdf"})
	w.sendAt(u[0], toUser(u[1]), 8*time.Second, domain.ContentLocation, map[string]any{"desc": "report office", "latitude": 1, "longitude": 2})
	w.sendAt(u[0], toUser(u[1]), 9*time.Second, domain.ContentCustom, map[string]any{"text": "report custom", "name": "report"})
	w.sendAt(u[0], toUser(u[1]), 9*time.Second, domain.ContentCommand, map[string]any{"code": 1000, "data": "report"})
	find := func(s domain.Search) int {
		w.Helper()
		s.Query = "REPORT"
		return len(w.searched(u[0], s, 2))
	}
	w.same("all", find(domain.Search{}), 8)
	w.same("of alice", find(domain.Search{Sender: "alice"}), 5)
	w.same("of bob", w.searched(u[0], domain.Search{Query: "report", Sender: "bob"}, 2), []string{"report 5", "report 3", "report 1"})
	w.same("of nobody", find(domain.Search{Sender: "nobody"}), 0)
	w.same("files", find(domain.Search{Type: domain.ContentFile}), 1)
	w.same("places", find(domain.Search{Type: domain.ContentLocation}), 1)
	w.same("texts", find(domain.Search{Type: domain.ContentText}), 6)
	w.same("voices", find(domain.Search{Type: domain.ContentVoice}), 0)
	w.same("from then on", w.searched(u[0], domain.Search{Query: "report", From: at(2), To: at(5)}, 2), []string{"report 4", "report 3", "report 2"})
	chat := toUser(u[1])
	w.same("in one chat", w.searched(u[0], domain.Search{Query: "report", From: at(2), To: at(5), Target: &chat}, 2), []string{"report 4", "report 3", "report 2"})
	w.same("before all", find(domain.Search{To: at(0)}), 0)
	w.same("after all", find(domain.Search{From: at(9)}), 0)
}

func searchEdits(w *world) {
	u := w.users("alice", "bob")
	first := w.send(u[0], toUser(u[1]), "the first word")
	w.finds(u[1], "word", "the first word")
	_, err := w.edit(u[0], first.MessageID, "the last word")
	w.ok(err)
	w.finds(u[1], "first")
	w.finds(u[1], "last", "the last word")
	w.finds(u[1], "the word", "the last word")
	second := w.send(u[0], toUser(u[1]), "not yet indexed")
	_, err = w.edit(u[0], second.MessageID, "edited before")
	w.ok(err)
	w.finds(u[1], "indexed")
	w.finds(u[1], "before", "edited before")
	_, err = w.recall(u[0], first.MessageID)
	w.ok(err)
	w.finds(u[1], "last")
	_, err = w.edit(u[0], second.MessageID, "edited again")
	w.ok(err)
	w.finds(u[0], "edited", "edited again")
}

func searchEditRace(w *world) {
	u := w.users("alice", "bob")
	for i := range 20 {
		sent := w.send(u[0], toUser(u[1]), fmt.Sprint("old", i))
		done := make(chan error, 1)
		go func() { done <- w.store.Index(context.WithoutCancel(w.ctx)) }() // ends when it has been asked for its error
		_, err := w.edit(u[0], sent.MessageID, fmt.Sprint("new", i))
		w.ok(err)
		w.ok(<-done)
		w.finds(u[1], fmt.Sprint("new", i), fmt.Sprint("new", i))
		w.finds(u[1], fmt.Sprint("old", i))
	}
}

func searchMembers(w *world) {
	u := w.users("alice", "bob", "carol")
	w.group("g", u[0], u[1])
	w.send(u[0], toGroup("g"), "word one")
	_, err := w.groups().AddMembers(w.ctx, w.caller(u[0]), "g", idsOf(u[2:]))
	w.ok(err)
	w.send(u[0], toGroup("g"), "word two")
	w.finds(u[2], "word", "word two")
	w.finds(u[1], "word", "word two", "word one")
	w.ok(w.remove("g", u[0], u[2].ID))
	w.send(u[0], toGroup("g"), "word three")
	w.finds(u[2], "word")
	_, err = w.groups().AddMembers(w.ctx, w.caller(u[0]), "g", idsOf(u[2:]))
	w.ok(err)
	w.send(u[0], toGroup("g"), "word four")
	w.finds(u[2], "word", "word four")
	w.ok(w.groups().Dismiss(w.ctx, w.caller(u[0]), "g"))
	w.finds(u[2], "word", "word four")
	w.finds(u[1], "word", "word four", "word three", "word two", "word one")
}

func searchLarge(w *world) {
	u := w.users("alice", "bob", "carol")
	w.created("joined", domain.GroupLarge, domain.HistoryJoined, u[0], u[1])
	w.created("all", domain.GroupLarge, domain.HistoryAll, u[0], u[1])
	for _, g := range []domain.GroupID{"joined", "all"} {
		w.send(u[0], toGroup(g), "early in "+string(g))
		_, err := w.groups().AddMembers(w.ctx, w.caller(u[0]), g, idsOf(u[2:]))
		w.ok(err)
		w.send(u[0], toGroup(g), "late in "+string(g))
	}
	w.finds(u[1], "early", "early in all", "early in joined")
	w.finds(u[2], "early", "early in all")
	w.finds(u[2], "late", "late in all", "late in joined")
}

func searchCleared(w *world) {
	u := w.users("alice", "bob")
	w.send(u[0], toUser(u[1]), "word before")
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, u[0].Num, toUser(u[1])))
	w.finds(u[0], "word")
	w.finds(u[1], "word", "word before")
	w.send(u[1], toUser(u[0]), "word after")
	w.finds(u[0], "word", "word after")
	chat := toUser(u[1])
	w.same("in the chat", w.searched(u[0], domain.Search{Query: "word", Target: &chat}, 3), []string{"word after"})
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "bob", epoch))
	w.finds(u[0], "word")
}

func searchAnything(w *world) {
	u := w.users("alice", "bob")
	const text = `a "b" c* NEAR(d, 3) ^e - f + g @5 ~h <i> \ % _ ' 𠮷野家 👍` + "\x00k"
	w.send(u[0], toUser(u[1]), text)
	w.send(u[0], toUser(u[1]), strings.Repeat("word ", 10_000)+"end")
	w.send(u[0], toUser(u[1]), strings.Repeat("長", 15_000))
	for _, query := range []string{
		`"b"`, `"a" AND "b"`, `c*`, `near(d 3)`, `^e`, `- f`, `+g`, `@5`, `~h`, `<i>`, `'`, `a'; DROP TABLE messages; --`, "𠮷", "野家", "👍", "k\x00", "%", "_",
		strings.Repeat("長", domain.MaxQuery), strings.Repeat("x ", 100), strings.Repeat("a", domain.MaxQuery), "\xff\xfe", "a\xffb", "OR", "NOT a",
	} {
		w.ok(w.store.Index(w.ctx))
		_, err := w.store.Search(w.ctx, w.app.Num, u[0], domain.Search{Query: query}, domain.Page{Limit: 3})
		if domain.CodeOf(err) != domain.CodeBadRequest {
			w.ok(err)
		}
	}
	for _, query := range []string{`"b" c*`, "NEAR d", "^e f", "𠮷", "野家 👍", "k"} {
		w.finds(u[0], query, text)
	}
	for _, query := range []string{"", " ", "\x00", `"*^~@><()-+%_`} {
		_, err := w.store.Search(w.ctx, w.app.Num, u[0], domain.Search{Query: query}, domain.Page{Limit: 3})
		w.refused(err, domain.Invalid("", ""))
	}
}

// A common word of which there are many reads, with one that is rare or that only
// stands where the other does not.
func searchZigZag(w *world) {
	u := w.users("alice", "bob")
	var all []domain.Outgoing
	for i := range 1500 {
		text := fmt.Sprint("common n", i)
		switch {
		case i%100 == 7:
			text += " rare"
		case i%2 == 0:
			text += " even"
		default:
			text += " odd"
		}
		out := w.outgoing(u[0], toUser(u[1]), text, "")
		out.Message.SentAt = epoch.Add(time.Duration(i) * time.Millisecond)
		all = append(all, out)
	}
	w.ok(w.store.AppendAll(w.ctx, all))
	var rare []string
	for i := 1407; i > 0; i -= 100 {
		rare = append(rare, fmt.Sprintf("common n%d rare", i))
	}
	w.same("common and rare", w.searched(u[0], domain.Search{Query: "common rare"}, 4), rare)
	w.same("odd and even", w.searched(u[0], domain.Search{Query: "odd even common"}, 4), []string{})
	w.same("one", w.searched(u[0], domain.Search{Query: "common n3"}, 4), []string{"common n3 odd"})
	w.same("all", len(w.searched(u[0], domain.Search{Query: "common"}, 100)), 1500)
	w.same("of nobody", w.searched(u[0], domain.Search{Query: "common", Sender: "nobody"}, 100), []string{})
}

// searchManyConversations: one request finds what stands in the least recent of more
// conversations than it may read in.
func searchManyConversations(w *world) {
	ids := []string{"alice"}
	for i := range 80 {
		ids = append(ids, fmt.Sprint("u", i))
	}
	users := w.users(ids...)
	for i, from := range users[1:] {
		said := "common 平常"
		if i == 0 {
			said = "rare 稀有"
		}
		w.sendAt(from, toUser(users[0]), time.Duration(i)*time.Second, domain.ContentText, map[string]string{"text": said})
	}
	w.ok(w.store.Index(w.ctx))
	for _, query := range []string{"rare", "稀", "有", "稀有"} {
		page, err := w.store.Search(w.ctx, w.app.Num, users[0], domain.Search{Query: query}, domain.Page{Limit: 5})
		w.ok(err)
		w.same("found by "+query, []any{len(page.Items), page.NextCursor}, []any{1, ""})
	}
}

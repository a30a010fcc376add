package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func largeTests() map[string]func(*world) {
	return map[string]func(*world){
		"Large_MessagesAreInItsLogOnly":        largeSend,
		"Large_RefusesAsNormalGroupsDo":        largeRefuses,
		"Large_EventsTellWhomTheyConcern":      largeEvents,
		"Large_MembershipBeginsBehindJoining":  largeJoined,
		"Large_ConversionLosesNothing":         largeConversion,
		"Large_ConversionWhenFull":             largeConversionWhenFull,
		"Large_MembersAreCounted":              largeCount,
		"Large_MembersAreCountedWhileManyWork": largeCountConcurrent,
	}
}

// telling returns the use case with the limits of the app, which tells of changes.
func (w *world) telling() *domain.Groups { return domain.NewGroups(w.store, nil, clockAt(epoch)) }

// large makes a large group whose first member is the owner, and tells nobody.
func (w *world) large(id string, members ...domain.UserRef) domain.Group {
	w.Helper()
	g := groupOf(id, members[0].ID)
	g.Type = domain.GroupLarge
	g, err := w.store.CreateGroup(w.ctx, w.app.Num, g, idsOf(members))
	w.ok(err)
	return g
}

// created makes a group by the use case, and so with its event.
func (w *world) created(id string, t domain.GroupType, history domain.HistoryRule, members ...domain.UserRef) domain.Group {
	w.Helper()
	g := groupOf(id, members[0].ID)
	g.Type, g.Settings.History = t, history
	g, err := w.telling().Create(w.ctx, w.caller(domain.UserRef{}), g, idsOf(members))
	w.ok(err)
	return g
}

func asMember(u domain.UserRef) domain.GroupReader { return domain.GroupReader{User: u.Num} }

// groupLog reads what reader may read of the log of a large group, page by page, and
// checks that it is contiguous and ends at the head.
func (w *world) groupLog(group domain.ConversationNum, reader domain.GroupReader, limit int) []*domain.Message {
	w.Helper()
	var all []*domain.Message
	after := int64(0)
	for {
		page, err := w.store.ReadGroup(w.ctx, w.app.Num, group, reader, after, limit)
		w.ok(err)
		after = max(after, page.First-1)
		for _, m := range page.Messages {
			if after++; m.ConversationSeq != after || m.Conversation != group {
				w.Fatalf("message %d of %d comes where %d belongs", m.ConversationSeq, m.Conversation, after)
			}
			if after > page.Head {
				w.Fatalf("message %d is in a page whose head is %d", after, page.Head)
			}
		}
		all = append(all, page.Messages...)
		if page.HasMore != (after < page.Head) || (page.HasMore && len(page.Messages) == 0) {
			w.Fatalf("a page of %d messages ends at %d of %d and has more: %v", len(page.Messages), after, page.Head, page.HasMore)
		}
		if !page.HasMore {
			return all
		}
	}
}

// brief names a message by its text, or an event by its code.
func brief(m *domain.Message) string {
	if e, ok := domain.EventOf(m); ok {
		return fmt.Sprint(int64(e.Code))
	}
	return textOf(m)
}

func briefs(messages []*domain.Message) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = brief(m)
	}
	return all
}

// read is the log of a large group as a member reads it, in brief.
func (w *world) read(g domain.Group, u domain.UserRef) []string {
	w.Helper()
	return briefs(w.groupLog(g.Num, asMember(u), 2))
}

// own is the log of a user, in brief.
func (w *world) own(u domain.UserRef) []string {
	w.Helper()
	all := []string{}
	for _, e := range w.log(u.Num) {
		all = append(all, brief(e.Message))
	}
	return all
}

func largeSend(w *world) {
	users := w.users("alice", "bob", "carol")
	g := w.large("g", users...)
	w.send(users[0], toUser(users[1]), "single")
	out := w.outgoing(users[1], toGroup("g"), "1", "key")
	got, err := w.store.Append(w.ctx, out)
	w.ok(err)
	want := domain.Receipt{MessageID: got.MessageID, ConversationID: "group:g", ConversationSeq: 1, SentAt: epoch, Durable: true}
	w.same("receipt", got, want)
	repeated, err := w.store.Append(w.ctx, out)
	w.ok(err)
	want.Repeated = true
	w.same("receipt of the same again", repeated, want)
	w.same("of the business", w.send(domain.UserRef{}, toGroup("g"), "2").ConversationSeq, int64(2))
	w.same("alice", w.texts(users[0]), []string{"single"})
	w.same("bob", w.texts(users[1]), []string{"single"})
	w.same("carol", w.texts(users[2]), []string{})
	stored := out.Message
	stored.ID, stored.Conversation, stored.ConversationSeq = got.MessageID, g.Num, 1
	for _, u := range users {
		log := w.groupLog(g.Num, asMember(u), 10)
		w.same("log of the group", briefs(log), []string{"1", "2"})
		w.same("message", log[0], &stored)
		w.same("history", w.history(u, toGroup("g")), []string{"1", "2"})
	}
	var told []domain.Delivery
	for _, d := range w.deliveries() {
		if d.Message.To.Group == "g" {
			told = append(told, d)
		}
	}
	w.same("published", len(told), 2)
	w.same("receivers", len(told[0].To), 0)
	told[0].To = nil
	w.same("delivery", told[0], domain.Delivery{App: w.app.Num, Message: &stored, Group: g.Num, Origin: out.Origin, Request: out.Request})
}

func largeRefuses(w *world) {
	users := w.users("owner", "admin", "member", "muted", "stranger")
	g := w.large("g", users[:4]...)
	say := func(by domain.UserRef, want error) {
		w.Helper()
		out := w.outgoing(by, toGroup("g"), "x", "")
		_, err := w.store.Append(w.ctx, out)
		to, errTo := w.store.Receivers(w.ctx, out)
		if want == nil {
			w.ok(err)
			w.ok(errTo)
			w.same("receivers", to, domain.Receivers{Group: g.Num})
			return
		}
		w.refused(err, want)
		w.refused(errTo, want)
		w.same("receivers of what is refused", to, domain.Receivers{})
	}
	set := func(change func(*domain.GroupState)) {
		w.Helper()
		_, err := w.change("g", domain.UserRef{}, []domain.UserID{"admin", "muted"}, func(s *domain.GroupState) error {
			change(s)
			return nil
		})
		w.ok(err)
	}
	muted := domain.Failure(domain.CodeMuted, "")
	say(users[2], nil)
	say(users[4], domain.ErrNotInGroup)
	say(domain.UserRef{Num: users[2].Num, ID: "owner"}, domain.ErrUnauthorized)
	set(func(s *domain.GroupState) {
		s.Users[0].Member.Role = domain.RoleAdmin
		s.Users[1].Member.MutedUntil = epoch.Add(time.Millisecond)
	})
	say(users[3], muted)
	set(func(s *domain.GroupState) { s.Users[1].Member.MutedUntil = epoch })
	say(users[3], nil)
	set(func(s *domain.GroupState) { s.Group.Settings.MuteAll = true })
	say(users[2], muted)
	for _, by := range []domain.UserRef{users[0], users[1], {}} {
		say(by, nil)
	}
	w.same("a refused send takes no number", w.send(users[0], toGroup("g"), "x").ConversationSeq, int64(6))
	set(func(s *domain.GroupState) { s.Group.DismissedAt = epoch })
	for _, by := range []domain.UserRef{users[0], users[2], {}} {
		say(by, domain.ErrGroupDismissed)
	}
	w.same("members may still read it", len(w.read(g, users[2])), 6)
}

// largeEvents: each event is in the log of the group, and in those of the users whose
// membership begins or ends by it.
func largeEvents(w *world) {
	users := w.users("owner", "early", "late", "goes")
	g := w.created("g", domain.GroupLarge, domain.HistoryJoined, users[0], users[1])
	groups, business, name := w.telling(), w.caller(domain.UserRef{}), "new"
	_, err := groups.AddMembers(w.ctx, business, "g", []domain.UserID{"late", "goes"})
	w.ok(err)
	_, err = groups.Update(w.ctx, business, "g", domain.GroupPatch{Name: &name})
	w.ok(err)
	w.send(users[2], toGroup("g"), "1")
	w.ok(groups.RemoveMember(w.ctx, business, "g", "goes"))
	w.ok(groups.RemoveMember(w.ctx, w.caller(users[1]), "g", "early"))
	w.same("owner", w.own(users[0]), []string{"100"})
	w.same("early", w.own(users[1]), []string{"100", "103"})
	w.same("late", w.own(users[2]), []string{"102"})
	w.same("goes", w.own(users[3]), []string{"102", "104"})
	w.same("numbers of who goes", w.log(users[3].Num)[1].Message.ConversationSeq, int64(5))
	w.same("the group's", w.history(domain.UserRef{}, toGroup("g")), []string{"", "", "", "1", "", ""})
	w.same("the group's, of the owner", w.read(g, users[0]), []string{"102", "101", "1", "104", "103"})
	receivers := map[int64]int{1: 2, 2: 2, 3: 0, 4: 0, 5: 1, 6: 1}
	for _, d := range w.deliveries() {
		w.same("group of a delivery", d.Group, g.Num)
		w.same(fmt.Sprint("receivers of ", d.Message.ConversationSeq), len(d.To), receivers[d.Message.ConversationSeq])
		delete(receivers, d.Message.ConversationSeq)
	}
	w.same("not published", receivers, map[int64]int{})
}

// largeJoined: who joins finds its joining in its own log, and in that of the group
// what comes behind it, or everything where the group gives its history.
func largeJoined(w *world) {
	users := w.users("owner", "guest")
	for _, c := range []struct {
		id      string
		history domain.HistoryRule
		want    []string
	}{{"j", domain.HistoryJoined, []string{"2"}}, {"a", domain.HistoryAll, []string{"100", "1", "102", "2"}}} {
		g := w.created(c.id, domain.GroupLarge, c.history, users[0])
		w.send(users[0], toGroup(g.ID), "1")
		_, _, err := w.telling().PutMember(w.ctx, w.caller(domain.UserRef{}), g.ID, "guest")
		w.ok(err)
		own := w.log(users[1].Num)
		w.same("its joining", own[len(own)-1].Message.ConversationSeq, int64(3))
		w.send(users[0], toGroup(g.ID), "2")
		w.same(c.id, w.read(g, users[1]), c.want)
		page, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup(g.ID), domain.HistoryRange{Limit: 10})
		w.ok(err)
		w.same("history of "+c.id, briefs(page.Messages), c.want)
		m, err := w.store.Member(w.ctx, w.app.Num, g.Num, "guest")
		w.ok(err)
		w.same("has read up to its joining", m.ReadSeq, int64(3))
	}
	n := w.created("n", domain.GroupNormal, domain.HistoryAll, users[0])
	_, err := w.telling().AddMembers(w.ctx, w.caller(domain.UserRef{}), n.ID, []domain.UserID{"guest"})
	w.ok(err)
	page, err := w.store.History(w.ctx, w.app.Num, users[1], toGroup("n"), domain.HistoryRange{Limit: 10})
	w.ok(err)
	w.same("a normal group gives its history too", briefs(page.Messages), []string{"100", "102"})
}

// largeConversion makes a group large while many send: each message is in the log of
// every member up to the event, and in that of the group behind it.
func largeConversion(w *world) {
	users := w.many("u", 6)
	g := w.created("g", domain.GroupNormal, domain.HistoryJoined, users...)
	const each = 20
	var wg sync.WaitGroup
	half := make(chan struct{}, len(users))
	receipts := make([][]domain.Receipt, len(users))
	for i, u := range users {
		wg.Go(func() { // ends with the test
			for n := range each {
				if n == each/2 {
					half <- struct{}{}
				}
				r, err := w.store.Append(w.ctx, w.outgoing(u, toGroup("g"), fmt.Sprintf("%d/%d", i, n), ""))
				if err != nil {
					w.Errorf("send: %v", err)
				}
				receipts[i] = append(receipts[i], r)
			}
		})
	}
	<-half
	name, large := "new", domain.GroupLarge
	_, err := w.telling().Update(w.ctx, w.caller(users[0]), "g", domain.GroupPatch{Name: &name, Type: &large})
	w.ok(err)
	wg.Wait()

	all := briefs(w.groupLog(g.Num, asMember(users[0]), 7))
	since := slices.Index(all, "108") + 1
	w.same("messages and events", len(all), len(users)*each+3)
	w.same("the rename comes before", all[since-2], "101")
	for _, u := range users {
		w.same("own log", w.own(u), all[:since])
	}
	for i, of := range receipts {
		for n, r := range of {
			w.same("text", all[r.ConversationSeq-1], fmt.Sprintf("%d/%d", i, n))
			w.same("is in the sender's log", r.Seq > 0, r.ConversationSeq <= int64(since))
		}
	}
	for _, d := range w.deliveries() {
		isLarge := d.Message.ConversationSeq > int64(since)
		w.same("told to the group", d.Group == g.Num, isLarge)
		w.same("told to its members", len(d.To) == len(users), !isLarge)
	}
	for _, lg := range w.largeGroups(users[1], "") {
		w.same("stands at the conversion", lg, domain.LargeGroup{
			Num: g.Num, ID: "g", Head: int64(len(all)), Acked: int64(since), Unread: int64(len(all) - since),
		})
	}
}

// largeConversionWhenFull: who joins by the change that makes a group large learns of
// its joining only, and those who were there of the rest.
func largeConversionWhenFull(w *world) {
	users := w.users("owner", "old", "new")
	app := w.app
	_, err := w.store.UpdateApp(w.ctx, app.ID, func(a *domain.App) error {
		a.Settings.MaxGroupMembers, a.Settings.ConvertWhenFull = 2, true
		return nil
	})
	w.ok(err)
	g := w.created("g", domain.GroupNormal, domain.HistoryJoined, users[0], users[1])
	_, err = w.telling().AddMembers(w.ctx, w.caller(domain.UserRef{}), "g", []domain.UserID{"new"})
	w.ok(err)
	w.send(users[0], toGroup("g"), "1")
	w.same("owner", w.own(users[0]), []string{"100", "108"})
	w.same("old", w.own(users[1]), []string{"100", "108"})
	w.same("new", w.own(users[2]), []string{"102"})
	w.same("new reads", w.read(g, users[2]), []string{"1"})
	w.same("old stands at", w.largeGroups(users[1], ""), []domain.LargeGroup{{Num: g.Num, ID: "g", Head: 4, Acked: 2, Unread: 1}})
	w.same("new stands at", w.largeGroups(users[2], ""), []domain.LargeGroup{{Num: g.Num, ID: "g", Head: 4, Acked: 3, Unread: 1}})
	read, err := w.store.Group(w.ctx, w.app.Num, "g", 0)
	w.ok(err)
	w.same("type", read.Type, domain.GroupLarge)
}

func (w *world) wantCount(id domain.GroupID) {
	w.Helper()
	g, err := w.store.Group(w.ctx, w.app.Num, id, 0)
	w.ok(err)
	w.same("members counted", g.MemberCount, len(w.membersOf(id)))
}

func largeCount(w *world) {
	users := w.users("a", "b", "c", "d")
	for i, id := range []string{"n", "l"} {
		t := []domain.GroupType{domain.GroupNormal, domain.GroupLarge}[i]
		w.created(id, t, domain.HistoryJoined, users[:2]...)
		w.wantCount(domain.GroupID(id))
		state, err := w.change(domain.GroupID(id), domain.UserRef{}, []domain.UserID{"b", "c", "d"}, func(g *domain.GroupState) error {
			g.Users[0].Member = nil
			for i := range 2 {
				u := &g.Users[i+1]
				u.Member = &domain.Member{User: u.ID, Role: domain.RoleMember, Extra: json.RawMessage("{}"), JoinedAt: epoch}
			}
			return nil
		})
		w.ok(err)
		w.same("members counted", state.Group.MemberCount, 3)
		w.wantCount(domain.GroupID(id))
	}
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "a", epoch)) // the owner
	for _, id := range []domain.GroupID{"n", "l"} {
		w.wantCount(id)
		w.same("members", w.members(id), []string{"c", "d"})
	}
}

func largeCountConcurrent(w *world) {
	users := w.many("u", 12)
	w.large("g", users[0])
	var wg sync.WaitGroup
	for i, u := range users[1:] {
		wg.Go(func() { // ends with the test
			if _, err := w.add("g", domain.UserRef{}, 100, u.ID); err != nil {
				w.Errorf("add: %v", err)
			}
			var err error
			switch i % 3 {
			case 0:
				err = w.remove("g", domain.UserRef{}, u.ID)
			case 1:
				err = w.store.DeleteUser(w.ctx, w.app.Num, u.ID, epoch)
			}
			if err != nil {
				w.Errorf("remove %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	w.wantCount("g")
	w.same("members", len(w.members("g")), 4)
}

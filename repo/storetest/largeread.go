package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

func largeReadTests() map[string]func(*world) {
	return map[string]func(*world){
		"LargeRead_BeginsAndEndsWithTheMembership": largeReadMembership,
		"LargeRead_PositionsArePutRight":           largeReadPositions,
		"LargeRead_AudienceMayWhereThereIsOne":     largeReadAudience,
		"LargeRead_NormalAndAbsentGroups":          largeReadOthers,
		"LargeRead_ManyMessagesInOrder":            largeReadMany,
		"LargeRead_PagesAreBoundedInBytes":         largeReadBytes,
		"LargeAck_IsMonotone":                      largeAck,
		"LargeAck_IsOfTheDevice":                   largeAckDevice,
		"LargeGroups_AreThoseOfTheUser":            largeGroupsOfUser,
		"LargeGroups_EventsAreNotUnread":           largeUnread,
	}
}

func (w *world) largeGroups(u domain.UserRef, device domain.DeviceID) []domain.LargeGroup {
	w.Helper()
	all, err := w.store.LargeGroups(w.ctx, w.app.Num, u.Num, device)
	w.ok(err)
	return all
}

func (w *world) ackGroup(u domain.UserRef, device domain.DeviceID, group domain.GroupID, seq int64) (int64, error) {
	return w.store.AckGroup(w.ctx, w.app.Num, u.Num, device, group, seq, epoch)
}

func largeReadMembership(w *world) {
	users := w.users("owner", "guest")
	g := w.created("g", domain.GroupLarge, domain.HistoryJoined, users...)
	groups, business := w.telling(), w.caller(domain.UserRef{})
	w.send(users[0], toGroup("g"), "1")
	w.same("while it is a member", w.read(g, users[1]), []string{"1"})
	w.ok(groups.RemoveMember(w.ctx, business, "g", "guest"))
	w.send(users[0], toGroup("g"), "2")
	_, err := w.store.ReadGroup(w.ctx, w.app.Num, g.Num, asMember(users[1]), 0, 10)
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.store.LargeGroup(w.ctx, w.app.Num, "g", asMember(users[1]))
	w.refused(err, domain.ErrNotInGroup)
	w.same("none of its groups", len(w.largeGroups(users[1], "")), 0)
	_, err = groups.AddMembers(w.ctx, business, "g", []domain.UserID{"guest"})
	w.ok(err)
	w.send(users[0], toGroup("g"), "3")
	w.same("from then on", w.read(g, users[1]), []string{"3"})
	w.same("the owner", w.read(g, users[0]), []string{"1", "104", "2", "102", "3"})
}

func largeReadPositions(w *world) {
	users := w.users("owner", "guest")
	g := w.large("g", users[0])
	for i := range 3 {
		w.send(users[0], toGroup("g"), fmt.Sprint(i+1))
	}
	_, err := w.add("g", domain.UserRef{}, 10, "guest")
	w.ok(err)
	read := func(u domain.UserRef, after int64, limit int) domain.GroupPage {
		w.Helper()
		page, err := w.store.ReadGroup(w.ctx, w.app.Num, g.Num, asMember(u), after, limit)
		w.ok(err)
		return page
	}
	w.same("nothing yet", read(users[1], 0, 10), domain.GroupPage{Num: g.Num, First: 4, Head: 3})
	w.send(users[0], toGroup("g"), "4")
	for _, c := range []struct {
		u      domain.UserRef
		after  int64
		limit  int
		want   []string
		first  int64
		isMore bool
	}{
		{users[0], 0, 3, []string{"1", "2", "3"}, 1, true},
		{users[0], 0, 4, []string{"1", "2", "3", "4"}, 1, false},
		{users[0], 2, 1, []string{"3"}, 1, true},
		{users[0], 3, 1, []string{"4"}, 1, false},
		{users[0], 4, 1, []string{}, 1, false},
		{users[0], 9, 1, []string{}, 1, false},
		{users[1], 1, 9, []string{"4"}, 4, false},
	} {
		page := read(c.u, c.after, c.limit)
		w.same(fmt.Sprint(c.after, c.limit), []any{briefs(page.Messages), page.First, page.Head, page.HasMore}, []any{c.want, c.first, int64(4), c.isMore})
	}
	lg, err := w.store.LargeGroup(w.ctx, w.app.Num, "g", asMember(users[1]))
	w.ok(err)
	w.same("read alone", lg, domain.LargeGroup{Num: g.Num, ID: "g", Head: 4})
	single := w.send(users[0], toUser(users[1]), "x")
	num := w.log(users[0].Num)[single.Seq-1].Message.Conversation
	heads, err := w.store.GroupHeads(w.ctx, w.app.Num, []domain.ConversationNum{g.Num, -1})
	w.ok(err)
	w.same("heads", heads, map[domain.ConversationNum]int64{g.Num: 4})
	_, err = w.store.ReadGroup(w.ctx, w.app.Num, num, asMember(users[0]), 0, 10)
	w.refused(err, domain.ErrGroupNotFound) // a conversation, and no group
}

func largeReadAudience(w *world) {
	users := w.users("owner", "viewer")
	viewer := domain.GroupReader{User: users[1].Num, Audience: true}
	g := w.large("g", users[0])
	refused := func(want error) {
		w.Helper()
		_, err := w.store.LargeGroup(w.ctx, w.app.Num, "g", viewer)
		w.refused(err, want)
		page, err := w.store.ReadGroup(w.ctx, w.app.Num, g.Num, viewer, 0, 10)
		w.refused(err, want)
		w.same("what it gets", page, domain.GroupPage{})
	}
	set := func(change func(*domain.Group)) {
		w.Helper()
		_, err := w.change("g", domain.UserRef{}, nil, func(s *domain.GroupState) error {
			change(&s.Group)
			return nil
		})
		w.ok(err)
	}
	w.send(users[0], toGroup("g"), "1")
	refused(domain.ErrNoAudience)
	set(func(g *domain.Group) { g.Settings.LiveAudience = true })
	lg, err := w.store.LargeGroup(w.ctx, w.app.Num, "g", viewer)
	w.ok(err)
	w.same("group", lg, domain.LargeGroup{Num: g.Num, ID: "g", Head: 1})
	w.same("log", briefs(w.groupLog(g.Num, viewer, 5)), []string{"1"})
	_, err = w.store.ReadGroup(w.ctx, w.app.Num, g.Num, asMember(users[1]), 0, 10)
	w.refused(err, domain.ErrNotInGroup) // who is no member asks as the audience only
	set(func(g *domain.Group) { g.DismissedAt = epoch })
	refused(domain.ErrNoAudience)
	w.same("members", w.read(g, users[0]), []string{"1"})
}

func largeReadOthers(w *world) {
	users := w.users("owner", "stranger")
	g := w.group("normal", users[0])
	w.device(users[0], "phone")
	for _, audience := range []bool{false, true} {
		reader := domain.GroupReader{User: users[0].Num, Audience: audience}
		_, err := w.store.LargeGroup(w.ctx, w.app.Num, "normal", reader)
		w.refused(err, domain.ErrNotLarge)
		_, err = w.store.ReadGroup(w.ctx, w.app.Num, g.Num, reader, 0, 1)
		w.refused(err, domain.ErrNotLarge)
		_, err = w.store.LargeGroup(w.ctx, w.app.Num, "absent", reader)
		w.refused(err, domain.ErrGroupNotFound)
		_, err = w.store.ReadGroup(w.ctx, w.app.Num, -1, reader, 0, 1)
		w.refused(err, domain.ErrGroupNotFound)
	}
	_, err := w.ackGroup(users[0], "phone", "normal", 0)
	w.refused(err, domain.ErrNotLarge)
	_, err = w.ackGroup(users[0], "phone", "absent", 0)
	w.refused(err, domain.ErrGroupNotFound)
	_, err = w.store.LargeGroup(w.ctx, w.app.Num, "normal", asMember(users[1]))
	w.refused(err, domain.ErrNotInGroup)
}

func largeReadMany(w *world) {
	const writers, each = 100, 100
	if testing.Short() {
		w.Skip("sends 10,000 messages, which -short leaves out")
	}
	users := w.many("u", writers)
	g := w.large("g", users...)
	var wg sync.WaitGroup
	defer wg.Wait() // also when the test ends early
	for i, u := range users {
		wg.Go(func() { // ends with the test
			for n := range each {
				if _, err := w.store.Append(w.ctx, w.outgoing(u, toGroup("g"), fmt.Sprintf("%03d/%03d", i, n), "")); err != nil {
					w.Errorf("send: %v", err)
				}
			}
		})
	}
	for range 20 { // what is read meanwhile is a whole part of it
		w.groupLog(g.Num, asMember(users[0]), domain.MaxPageSize)
	}
	wg.Wait()
	next := map[domain.UserID]int{}
	log := w.groupLog(g.Num, asMember(users[0]), domain.MaxPageSize)
	for _, m := range log {
		var writer, n int
		if _, err := fmt.Sscanf(textOf(m), "%03d/%03d", &writer, &n); err != nil {
			w.Fatal(err)
		}
		if by := m.Sender.User; by != users[writer].ID || n != next[by] {
			w.Fatalf("%s of %s comes where its number %d belongs", textOf(m), by, next[by])
		}
		next[m.Sender.User]++
	}
	w.same("messages", len(log), writers*each)
}

func largeReadBytes(w *world) {
	alice := w.user("alice")
	g := w.large("g", alice)
	text := fmt.Sprintf("%060000d", 0)
	for range 20 {
		w.send(alice, toGroup("g"), text)
	}
	page, err := w.store.ReadGroup(w.ctx, w.app.Num, g.Num, asMember(alice), 0, domain.MaxPageSize)
	w.ok(err)
	w.same("messages", len(page.Messages), domain.MaxPageBytes/len(page.Messages[0].Content))
	w.same("has more", page.HasMore, true)
	w.same("all", len(w.groupLog(g.Num, asMember(alice), domain.MaxPageSize)), 20)
}

func largeAck(w *world) {
	users := w.users("owner", "guest")
	w.large("g", users[0])
	for range 3 {
		w.send(users[0], toGroup("g"), "x")
	}
	_, err := w.add("g", domain.UserRef{}, 10, "guest")
	w.ok(err)
	w.device(users[1], "phone")
	w.send(users[0], toGroup("g"), "x")
	w.send(users[0], toGroup("g"), "x")
	for _, c := range []struct{ seq, want int64 }{{0, 3}, {4, 4}, {3, 4}, {5, 5}, {5, 5}, {0, 5}} {
		got, err := w.ackGroup(users[1], "phone", "g", c.seq)
		w.ok(err)
		w.same(fmt.Sprint("ack ", c.seq), got, c.want)
		w.same("as it is listed", w.largeGroups(users[1], "phone")[0].Acked, c.want)
	}
	_, err = w.ackGroup(users[1], "phone", "g", 6)
	w.refused(err, domain.ErrBadAck)
	w.same("unread", w.largeGroups(users[1], "phone")[0].Unread, int64(0))
	w.ok(w.remove("g", domain.UserRef{}, "guest"))
	_, err = w.ackGroup(users[1], "phone", "g", 5)
	w.refused(err, domain.ErrNotInGroup)
}

func largeAckDevice(w *world) {
	users := w.users("alice", "bob")
	g := w.large("g", users...)
	w.device(users[0], "phone")
	w.device(users[0], "pad")
	w.device(users[1], "bobs")
	w.send(users[0], toGroup("g"), "x")
	for _, device := range []domain.DeviceID{"bobs", "nobodys"} {
		_, err := w.ackGroup(users[0], device, "g", 1)
		w.refused(err, domain.ErrDeviceNotFound)
	}
	seen := epoch.Add(time.Hour)
	_, err := w.store.AckGroup(w.ctx, w.app.Num, users[0].Num, "phone", "g", 1, seen)
	w.ok(err)
	d, err := w.store.Device(w.ctx, w.app.Num, users[0].Num, "phone")
	w.ok(err)
	w.same("device", []any{d.LastSeenAt, d.AckedSeq}, []any{seen, int64(0)})
	acked := func(u domain.UserRef, device domain.DeviceID, want int64) {
		w.Helper()
		w.same("of "+string(device), w.largeGroups(u, device), []domain.LargeGroup{{Num: g.Num, ID: "g", Head: 1, Acked: want, Unread: 1 - want}})
	}
	acked(users[0], "phone", 1)
	acked(users[0], "pad", 0)
	acked(users[0], "", 0)
	acked(users[1], "phone", 0)
	w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, users[0].Num, "phone", epoch))
	w.device(users[0], "phone")
	acked(users[0], "phone", 0)
}

func largeGroupsOfUser(w *world) {
	users := w.users("alice", "bob")
	for _, id := range []string{"b", "a", "B", "gone"} {
		w.large(id, users...)
	}
	w.large("bobs", users[1])
	w.group("normal", users...)
	w.send(users[0], toUser(users[1]), "x")
	_, err := w.change("gone", domain.UserRef{}, nil, func(s *domain.GroupState) error {
		s.Group.DismissedAt = epoch
		return nil
	})
	w.ok(err)
	for i, want := range [][]domain.GroupID{{"B", "a", "b"}, {"B", "a", "b", "bobs"}} {
		var got []domain.GroupID
		for _, g := range w.largeGroups(users[i], "") {
			got = append(got, g.ID)
		}
		w.same("groups", got, want)
	}
	w.same("of nobody", len(w.largeGroups(domain.UserRef{Num: -1}, "")), 0)
}

// largeUnread: events are not unread, wherever they stand.
func largeUnread(w *world) {
	users := w.users("owner", "guest")
	w.created("g", domain.GroupLarge, domain.HistoryJoined, users...) // 1
	w.device(users[1], "phone")
	for i := range 3 { // an event, a message, an event: 2 to 10
		name, intro := fmt.Sprint(i), fmt.Sprint(i)
		_, err := w.telling().Update(w.ctx, w.caller(domain.UserRef{}), "g", domain.GroupPatch{Name: &name})
		w.ok(err)
		w.send(users[0], toGroup("g"), "x")
		_, err = w.telling().Update(w.ctx, w.caller(domain.UserRef{}), "g", domain.GroupPatch{Introduction: &intro})
		w.ok(err)
	}
	for seq, want := range []int64{3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0} {
		_, err := w.ackGroup(users[1], "phone", "g", int64(seq))
		w.ok(err)
		w.same(fmt.Sprint("unread behind ", seq), w.largeGroups(users[1], "phone")[0].Unread, want)
	}
}

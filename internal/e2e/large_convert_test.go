package e2e

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// own reads all of a user's own log that is of a group.
func (c caller) own(t *testing.T, group string) (all []heard) {
	t.Helper()
	for after := int64(0); ; {
		page := read[client.SyncPage](t, c.get(t, fmt.Sprintf("/v1/sync?limit=200&after=%d", after)).want(t, 200))
		for _, m := range page.Items {
			if after = m.Seq; m.ConversationId == "group:"+group {
				all = append(all, heard{m.Seq, m.ConversationSeq, textOf(m.Content)})
			}
		}
		if !page.HasMore {
			return all
		}
	}
}

// A normal group becomes large while everybody sends. Each message is either in the
// log of every member or in that of the group, and a connection, which stays, sees
// all of them in order.
func TestLarge_ConversionUnderLoad(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		users := []string{"owner", "bob", "carol", "dave", "away"}
		a := newApp(t, g1, append(users, "late")...)
		a.newGroup(t, "team", users...)
		listeners := []*listener{
			a.listen(t, g1.URL, "bob", "team", nil), a.listen(t, g2.TCPURL, "carol", "team", nil), a.listen(t, g2.URL, "owner", "team", nil),
		}
		var sending errgroup.Group
		var stop atomic.Bool
		var sent atomic.Int64
		for i := range 8 {
			by := a.as(users[i%4]).on([]*gimtest.Gim{g1, g2}[i%2])
			sending.Go(func() error {
				for n := 0; !stop.Load(); n++ {
					body := with(groupText("team", fmt.Sprintf("%d-%d", i, n)), "client_msg_id", fmt.Sprintf("%d-%d", i, n))
					if got := by.post(t, "/v1/messages", body); got.status != 201 {
						return fmt.Errorf("send: %d %s", got.status, got.body)
					}
					sent.Add(1)
				}
				return nil
			})
		}
		for sent.Load() < 200 {
			pause(t.Context())
		}
		a.as("bob").do(t, "PATCH", "/v1/groups/team", object{"type": "large"}).refused(t, 403, "forbidden")
		a.as("owner").do(t, "PATCH", "/v1/groups/team", object{"type": "large"}).want(t, 200)
		for before := sent.Load(); sent.Load() < before+200; {
			pause(t.Context())
		}
		stop.Store(true)
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		last := sent.Load() + 2 // the creation and the conversion
		all, _ := a.back().groupLog(t, "team", 0, 200)
		contiguous(t, "the conversation", all, 1, last)
		from := int64(slices.IndexFunc(all, func(h heard) bool { return h.text == "108" })) + 1
		if from < 100 || from > last-100 {
			t.Fatalf("converted by message %d of %d: that shows little", from, last)
		}
		for _, user := range users {
			own := a.as(user).own(t, "team")
			for i, h := range own {
				if h.number != int64(i)+1 || h.text != all[i].text {
					t.Errorf("%s has %+v at place %d of its log", user, h, i)
					break
				}
			}
			if int64(len(own)) != from {
				t.Errorf("%s has %d messages of the group in its log, want %d up to the conversion", user, len(own), from)
			}
			rest, _ := a.as(user).groupLog(t, "team", from, 200)
			contiguous(t, user, rest, from+1, last)
			want := client.GroupHead{GroupId: "team", Head: last, Acked: from, Unread: last - from}
			if got := a.as(user).largeGroups(t)["team"]; got != want {
				t.Errorf("%s stands at %+v, want %+v", user, got, want)
			}
		}
		for i, l := range listeners {
			for n, h := range l.untilNumber(last) {
				if h.number != int64(n)+2 || (h.seq == 0) != (h.number > from) {
					t.Errorf("connection %d saw %+v at place %d", i, h, n)
					break
				}
			}
		}
		a.as("owner").do(t, "PATCH", "/v1/groups/team", object{"type": "normal"}).refused(t, 400, "bad_request")
		if g := read[client.Group](t, a.as("owner").do(t, "PATCH", "/v1/groups/team", object{"type": "large"}).want(t, 200)); g.Type != "large" {
			t.Errorf("the group is %s", g.Type)
		}
		a.back().put(t, "/v1/groups/team/members/late", nil).want(t, 201)
		if own := a.as("late").own(t, "team"); len(own) != 1 || own[0].number != last+1 {
			t.Errorf("who came late has %v in its log", own)
		}
		if rest, _ := a.as("late").groupLog(t, "team", 0, 200); len(rest) != 0 {
			t.Errorf("who came late reads %v", rest)
		}
	})
}

// The member that a normal group has no room for makes it large, where the app says so.
func TestLarge_ConvertsByItselfWhenFull(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "owner", "bob", "carol", "dave", "erin")
		settings := func(s object) {
			a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": s}).want(t, 200)
		}
		settings(object{"max_group_members": 3, "max_large_group_members": 4})
		a.newGroup(t, "team", "owner", "bob", "carol")
		a.newGroup(t, "other", "owner", "bob", "carol")
		a.back().put(t, "/v1/groups/team/members/dave", nil).refused(t, 400, "bad_request")
		settings(object{"convert_when_full": true})
		a.back().post(t, "/v1/groups/other/members", object{"user_ids": []string{"dave", "erin"}}).refused(t, 400, "bad_request") // too many for a large one
		l := a.listen(t, g.URL, "dave", "team", nil)
		a.back().put(t, "/v1/groups/team/members/dave", nil).want(t, 201)
		group := read[client.Group](t, a.back().get(t, "/v1/groups/team").want(t, 200))
		if group.Type != "large" || group.MemberCount != 4 {
			t.Errorf("the group is %s with %d members", group.Type, group.MemberCount)
		}
		a.back().put(t, "/v1/groups/team/members/erin", nil).refused(t, 400, "bad_request")
		a.as("bob").post(t, "/v1/messages", groupText("team", "hi")).want(t, 201)
		want := map[string][]heard{ // in the own logs
			"owner": {{1, 1, "100"}, {3, 2, "108"}}, "carol": {{1, 1, "100"}, {3, 2, "108"}}, "dave": {{1, 3, "102"}}, "erin": nil,
		}
		for user, own := range want {
			if got := a.as(user).own(t, "team"); !slices.Equal(got, own) {
				t.Errorf("the log of %s has %v, want %v", user, got, own)
			}
		}
		if got := l.untilNumber(4); !slices.Equal(got, []heard{{1, 3, "102"}, {0, 4, "hi"}}) {
			t.Errorf("who was added was pushed %v", got)
		}
		if rest, _ := a.as("carol").groupLog(t, "team", 2, 50); !slices.Equal(rest, []heard{{0, 3, "102"}, {0, 4, "hi"}}) {
			t.Errorf("carol reads %v", rest)
		}
	})
}

// What is refused, with its code and without effect.
func TestLarge_BadInput(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a, foreign := newApp(t, g, "owner", "bob", "stranger"), newApp(t, g, "owner", "bob", "stranger")
		a.newLarge(t, "news", object{}, "owner", "bob")
		a.newGroup(t, "team", "owner", "bob")
		bob, _ := a.onDevice(t, "bob")
		stranger, _ := a.onDevice(t, "stranger")
		theirs, _ := foreign.onDevice(t, "bob")
		ack := func(group string, seq int) object { return object{"group_id": group, "conversation_seq": seq} }
		a.changesNothing(t, []string{"owner", "bob", "stranger"}, []string{"news", "team"}, func() {
			a.back().post(t, "/v1/groups", object{"type": "huge", "members": []string{"bob"}}).refused(t, 400, "bad_request")
			a.back().post(t, "/v1/groups", object{"members": []string{"bob"}, "settings": object{"live_audience": true}}).refused(t, 400, "bad_request")
			a.back().do(t, "PATCH", "/v1/groups/team", object{"settings": object{"live_audience": true}}).refused(t, 400, "bad_request")
			a.back().do(t, "PATCH", "/v1/groups/team", object{"settings": object{"history": "some"}}).refused(t, 400, "bad_request")
			stranger.post(t, "/v1/messages", groupText("news", "x")).refused(t, 403, "not_in_group")
			stranger.post(t, "/v1/messages", with(groupText("news", "x"), "persist", false)).refused(t, 403, "not_in_group")
			stranger.get(t, "/v1/conversations/group:news/messages").refused(t, 403, "not_in_group")
			stranger.put(t, "/v1/devices/me/ack", ack("news", 1)).refused(t, 403, "not_in_group")
			bob.put(t, "/v1/devices/me/ack", ack("news", 2)).refused(t, 400, "bad_ack")
			bob.put(t, "/v1/devices/me/ack", ack("team", 1)).refused(t, 400, "bad_request")
			bob.put(t, "/v1/devices/me/ack", ack("nowhere", 1)).refused(t, 404, "group_not_found")
			bob.put(t, "/v1/devices/me/ack", with(ack("news", 1), "seq", 1)).refused(t, 400, "bad_request")
			bob.put(t, "/v1/devices/me/ack", object{}).refused(t, 400, "bad_request")
			bob.put(t, "/v1/devices/me/ack", object{"group_id": "news"}).refused(t, 400, "bad_request")
			for _, groups := range []string{"news", "news:-1", "news:x", "news:1,news:2", ":1", "news:1,"} {
				bob.get(t, "/v1/sync?groups="+groups).refused(t, 400, "bad_request")
			}
			theirs.put(t, "/v1/devices/me/ack", ack("news", 1)).refused(t, 404, "group_not_found")
			theirs.post(t, "/v1/messages", groupText("news", "x")).refused(t, 404, "group_not_found")
			theirs.get(t, "/v1/groups/news/occupancy").refused(t, 404, "group_not_found")
			foreign.back().do(t, "PATCH", "/v1/groups/news", object{"type": "large"}).refused(t, 404, "group_not_found")
		})
		if got := theirs.sync(t, "").Groups; len(got) != 0 {
			t.Errorf("another app's user is in %v", got)
		}
		l := foreign.listen(t, g.URL, "stranger", "news", map[string]int64{"news": 1})
		l.say(&wire.ClientFrame{Id: 7, Body: &wire.ClientFrame_Subscribe{Subscribe: &wire.Subscribe{GroupId: "news"}}})
		if f := l.frame(func(f *wire.ServerFrame) bool { return f.GetId() == 7 }); f.GetError().GetCode() != "group_not_found" {
			t.Errorf("subscribing to another app's group: %v", f)
		}
		a.back().delete(t, "/v1/groups/news").want(t, 204)
		bob.post(t, "/v1/messages", groupText("news", "x")).refused(t, 403, "group_dismissed")
		if got := bob.largeGroups(t)["news"]; got.Head != 2 || got.Unread != 0 {
			t.Errorf("who has not seen the end of the group stands at %+v", got)
		}
		bob.put(t, "/v1/devices/me/ack", ack("news", 2)).want(t, 200)
		if got := slices.Collect(maps.Keys(bob.largeGroups(t))); len(got) != 0 {
			t.Errorf("a group whose end was acknowledged is among %v", got)
		}
		if rest, _ := bob.groupLog(t, "news", 1, 50); !slices.Equal(rest, []heard{{0, 2, "107"}}) {
			t.Errorf("after its end the group's log is %v", rest)
		}
	})
}

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// events returns the events in somebody's log as code and data, and what was said
// as it is, in order.
func (a app) events(t *testing.T, user string) (all []string) {
	t.Helper()
	page := a.as(user).sync(t, "")
	for i, m := range page.Items {
		if m.Seq != int64(i)+1 {
			t.Errorf("%s has %d where %d belongs", user, m.Seq, i+1)
		}
		if m.Type != "command" {
			all = append(all, texts(t, []client.Message{m})...)
			continue
		}
		if m.Sender.Type != "system" || m.Sender.UserId != nil || m.To.GroupId == nil || m.ConversationId != "group:"+*m.To.GroupId || m.Status != "normal" {
			t.Errorf("an event is %+v", m)
		}
		content := read[struct {
			Code int
			Data object
		}](t, answer{body: m.Content})
		all = append(all, fmt.Sprintf("%d %s", content.Code, strings.TrimPrefix(fmt.Sprint(content.Data), "map")))
	}
	return all
}

func TestGroups_TellTheirMembersWhatHappens(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "bob", "carol", "dave", "stranger")
		const team = "/v1/groups/team"
		owner := a.as("owner")
		var want []string // of who is there all the time
		happens := func(event string, got answer) {
			t.Helper()
			if got.status >= 300 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if event != "" {
				want = append(want, event)
			}
			if diff := cmp.Diff(want, a.events(t, "owner")); diff != "" {
				t.Errorf("the owner's log (-want +got):\n%s", diff)
			}
		}
		happens("100 [by:owner member_count:2 name:Team owner:owner]", owner.post(t, "/v1/groups", object{"group_id": "team", "name": "Team", "members": []string{"bob"}}))
		happens("102 [by:owner user_ids:[carol]]", owner.post(t, team+"/members", object{"user_ids": []string{"bob", "carol"}}))
		happens("", owner.post(t, team+"/members", object{"user_ids": []string{"bob", "carol"}}))
		happens("", owner.put(t, team+"/members/carol", nil))
		happens("101 [by:owner introduction:i name:New settings:map[join:open mute_all:true]]", owner.do(t, "PATCH", team, object{
			"name": "New", "introduction": "i", "avatar_url": "", "settings": object{"join": "open", "mute_all": true, "invite_by": "admins"},
		}))
		happens("", owner.do(t, "PATCH", team, object{"name": "New", "settings": object{"join": "open"}}))
		happens("101 [extra:map[a:1] settings:map[mute_all:false]]", a.back().do(t, "PATCH", team, object{"extra": object{"a": 1}, "settings": object{"mute_all": false}}))
		happens("102 [by:dave user_ids:[dave]]", a.as("dave").put(t, team+"/members/me", nil))
		happens("105 [by:owner members:[map[role:admin user_id:bob]]]", owner.do(t, "PATCH", team+"/members/bob", object{"role": "admin"}))
		happens("", owner.do(t, "PATCH", team+"/members/bob", object{"role": "admin"}))
		happens("106 [by:bob mute_until:2999-01-01T00:00:00.000Z user_id:carol]", a.as("bob").do(t, "PATCH", team+"/members/carol", muted))
		happens("109 [by:dave label:L user_id:dave]", a.as("dave").do(t, "PATCH", team+"/members/me", object{"label": "L", "extra": object{}}))
		happens("hi", a.as("bob").post(t, "/v1/messages", groupText("team", "hi")))
		happens("104 [by:bob user_id:carol]", a.as("bob").delete(t, team+"/members/carol"))
		happens("103 [user_id:dave]", a.as("dave").delete(t, team+"/members/me"))
		happens("105 [members:[map[role:owner user_id:bob] map[role:admin user_id:owner]]]", a.back().do(t, "PATCH", team+"/members/bob", object{"role": "owner"}))
		happens("107 [by:bob]", a.as("bob").delete(t, team))

		for user, part := range map[string][]string{"bob": want, "carol": want[1:10], "dave": want[4:11], "stranger": nil} {
			if diff := cmp.Diff(part, a.events(t, user)); diff != "" {
				t.Errorf("the log of %s (-want +got):\n%s", user, diff)
			}
		}
		// The history of the conversation says the same.
		page := a.as("bob").history(t, "group:team", "limit=200")
		for i, m := range page.Items {
			if m.ConversationSeq != int64(i)+1 {
				t.Errorf("the history has %d where %d belongs", m.ConversationSeq, i+1)
			}
		}
		if len(page.Items) != len(want) {
			t.Errorf("the history has %d entries, want %d", len(page.Items), len(want))
		}
	})
}

func TestGroups_TellWhoIsDeleted(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "alice", "bob", "carol", "dave")
		a.newGroup(t, "team", "alice", "bob", "carol")
		a.newGroup(t, "alone", "alice")
		a.newGroup(t, "ended", "alice", "dave")
		a.back().do(t, "PATCH", "/v1/groups/team/members/carol", object{"role": "admin"}).want(t, 200)
		a.back().delete(t, "/v1/groups/ended").want(t, 204)
		a.back().delete(t, "/v1/users/alice").want(t, 204)
		a.back().delete(t, "/v1/users/bob").want(t, 204)
		want := []string{
			"100 [member_count:3 name: owner:alice]", "105 [members:[map[role:admin user_id:carol]]]",
			"105 [members:[map[role:owner user_id:carol]]]", "103 [user_id:alice]", "103 [user_id:bob]",
		}
		if diff := cmp.Diff(want, a.events(t, "carol")); diff != "" {
			t.Errorf("carol's log (-want +got):\n%s", diff)
		}
		for id, members := range map[string]int{"team": 1, "alone": 0, "ended": 1} {
			if g := read[client.Group](t, a.back().get(t, "/v1/groups/"+id).want(t, 200)); g.MemberCount != members {
				t.Errorf("%s has %d members, want %d", id, g.MemberCount, members)
			}
		}
	})
}

func TestGroups_WhatIsRefusedIsNoEvent(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "bob")
		a.newGroup(t, "team", "owner", "bob")
		a.changesNothing(t, []string{"owner", "bob"}, []string{"team"}, func() {
			a.as("bob").do(t, "PATCH", "/v1/groups/team", object{"name": "x"}).refused(t, 403, "forbidden")
			a.as("owner").do(t, "PATCH", "/v1/groups/team/members/bob", object{"label": "x", "role": "king"}).refused(t, 400, "bad_request")
			a.as("bob").do(t, "PATCH", "/v1/groups/team/members/bob", object{"label": "x", "role": "admin"}).refused(t, 403, "forbidden")
			a.back().post(t, "/v1/groups/team/members", object{"user_ids": []string{"ghost"}}).refused(t, 404, "user_not_found")
			a.back().post(t, "/v1/groups", object{"group_id": "team", "owner": "bob"}).refused(t, 409, "group_exists")
		})
	})
}

package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestGroups_AreMadeByTheBusinessAndByUsers(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		full := object{
			"name": "Team 😀", "type": "normal", "introduction": "über", "avatar_url": "https://a.example/t.png", "extra": object{"k": []int{1, 2}},
		}
		for _, tt := range []struct {
			name    string
			by      caller
			body    object
			owner   string
			members int
			role    client.Role
		}{
			{"by the business, with an owner", a.back(), object{"owner": "carol", "members": []string{"alice", "carol"}}, "carol", 2, ""},
			{"by the business, with members", a.back(), object{"members": []string{"bob", "alice"}}, "bob", 2, ""},
			{"by the business, of one", a.back(), object{"owner": "bob"}, "bob", 1, ""},
			{"by a user", a.as("alice"), object{"members": []string{"bob", "carol"}}, "alice", 3, "owner"},
			{"by a user, who is named", a.as("alice"), object{"owner": "alice", "members": []string{"alice", "bob"}}, "alice", 2, "owner"},
			{"by a user alone", a.as("alice"), object{}, "alice", 1, "owner"},
		} {
			body := with(tt.body, "name", full["name"])
			for name, value := range full {
				body = with(body, name, value)
			}
			got := read[client.Group](t, tt.by.post(t, "/v1/groups", body).want(t, 201))
			role := client.Role("")
			if got.MyRole != nil {
				role = *got.MyRole
			}
			if got.Owner != tt.owner || got.MemberCount != tt.members || role != tt.role || got.Name != "Team 😀" || got.Introduction != "über" ||
				got.AvatarUrl != full["avatar_url"] || string(got.Extra) != `{"k":[1,2]}` || got.GroupId == "" || got.Type != "normal" {
				t.Errorf("%s: %+v", tt.name, got)
			}
			if diff := cmp.Diff(got, read[client.Group](t, tt.by.get(t, "/v1/groups/"+got.GroupId).want(t, 200))); diff != "" {
				t.Errorf("%s, read again (-want +got):\n%s", tt.name, diff)
			}
		}
		a.newGroup(t, "team", "alice", "bob")
		bob := read[client.Group](t, a.as("bob").get(t, "/v1/groups/team").want(t, 200))
		if *bob.MyRole != "member" || bob.Owner != "alice" {
			t.Errorf("bob reads %+v", bob)
		}
		a.changesNothing(t, nil, []string{"team"}, func() {
			a.back().post(t, "/v1/groups", object{"group_id": "team", "owner": "carol"}).refused(t, 409, "group_exists")
			a.as("carol").post(t, "/v1/groups", object{"group_id": "team"}).refused(t, 409, "group_exists")
		})
	})
}

func TestGroups_ShowTheirMembersInPages(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g)
		var ids []string
		for i := range 10 {
			ids = append(ids, fmt.Sprint("m", i))
		}
		a.newUsers(t, append(ids, "stranger")...)
		a.back().post(t, "/v1/groups", object{"group_id": "team", "owner": "m7", "members": ids}).want(t, 201)
		for _, by := range []caller{a.back(), a.as("m3")} {
			var listed []string
			for _, m := range everything[client.Member](t, by, "/v1/groups/team/members") {
				listed = append(listed, m.UserId)
				if wantOwner := m.UserId == "m7"; (m.Role == "owner") != wantOwner || m.JoinedAt.IsZero() {
					t.Errorf("member %+v", m)
				}
			}
			if diff := cmp.Diff(ids, listed); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		}
		a.as("stranger").get(t, "/v1/groups/team/members").refused(t, 403, "not_in_group")
		a.back().get(t, "/v1/groups/ghost/members").refused(t, 404, "group_not_found")
	})
}

func TestGroups_RefuseStrangersAndChangeNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob")
		a.as("alice").post(t, "/v1/messages", groupText("team", "hi")).want(t, 201)
		a.changesNothing(t, []string{"alice", "bob", "carol"}, []string{"team", "x"}, func() {
			carol := a.as("carol")
			carol.post(t, "/v1/messages", groupText("team", "hi")).refused(t, 403, "not_in_group")
			carol.post(t, "/v1/messages", with(groupText("team", "hi"), "persist", false)).refused(t, 403, "not_in_group")
			carol.get(t, "/v1/groups/team").refused(t, 403, "not_in_group")
			carol.get(t, "/v1/conversations/group:team/messages").refused(t, 403, "not_in_group")
			carol.post(t, "/v1/groups/team/members", object{"user_ids": []string{"carol"}}).refused(t, 403, "not_in_group")
			carol.delete(t, "/v1/groups/team/members/bob").refused(t, 403, "not_in_group")
			carol.delete(t, "/v1/groups/team/members/me").refused(t, 403, "not_in_group")
			for _, by := range []caller{a.back(), a.as("alice")} {
				by.post(t, "/v1/groups/team/members", object{"user_ids": []string{"carol", "ghost"}}).refused(t, 404, "user_not_found")
				by.delete(t, "/v1/groups/team/members/carol").refused(t, 404, "member_not_found")
				by.delete(t, "/v1/groups/team/members/ghost").refused(t, 404, "member_not_found")
				by.delete(t, "/v1/groups/team/members/alice").refused(t, 403, "forbidden")
				by.post(t, "/v1/groups", object{"group_id": "x", "members": []string{"bob", "ghost"}}).refused(t, 404, "user_not_found")
			}
			a.back().post(t, "/v1/messages", groupText("ghost", "hi")).refused(t, 404, "group_not_found")
			a.as("alice").post(t, "/v1/messages", groupText("ghost", "hi")).refused(t, 404, "group_not_found")
			a.as("alice").post(t, "/v1/messages", text("ghost", "hi")).refused(t, 404, "user_not_found")
		})
	})
}

func TestGroups_AreLimitedAsTheAppSays(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g)
		ids := make([]string, 501)
		for i := range ids {
			ids[i] = fmt.Sprintf("u%03d", i)
		}
		a.newUsers(t, ids...)
		a.newGroup(t, "full", ids[:500]...)
		a.newGroup(t, "small", ids[0])
		a.changesNothing(t, nil, []string{"full", "small", "x"}, func() {
			a.back().post(t, "/v1/groups", object{"group_id": "x", "members": ids}).refused(t, 400, "bad_request")
			a.back().post(t, "/v1/groups/full/members", object{"user_ids": ids[500:]}).refused(t, 400, "bad_request")
			a.back().post(t, "/v1/groups/small/members", object{"user_ids": ids}).refused(t, 400, "bad_request")
		})
		// Who is in already takes no room.
		if got := read[client.AddedMembers](t, a.back().post(t, "/v1/groups/full/members", object{"user_ids": ids[:500]}).want(t, 200)); len(got.Added) != 0 {
			t.Errorf("added %v", got.Added)
		}
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"max_group_members": 501}}).want(t, 200)
		if got := read[client.AddedMembers](t, a.back().post(t, "/v1/groups/full/members", object{"user_ids": ids[:500]}).want(t, 200)); len(got.Added) != 0 {
			t.Errorf("added %v", got.Added)
		}
		a.back().post(t, "/v1/groups/full/members", object{"user_ids": ids[500:]}).want(t, 200)
		a.back().post(t, "/v1/messages", groupText("full", "hello all")).want(t, 201)
		for _, id := range []string{ids[0], ids[250], ids[500]} {
			if diff := cmp.Diff([]string{"hello all"}, texts(t, a.as(id).sync(t, "").Items)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
	})
}

func TestGroups_MembersReadFromTheirFirstToTheirLastMoment(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol", "dave")
		a.newGroup(t, "team", "alice", "bob")
		say := func(text string) { a.as("alice").post(t, "/v1/messages", groupText("team", text)).want(t, 201) }
		add := func(by caller, want []string, ids ...string) {
			t.Helper()
			got := read[client.AddedMembers](t, by.post(t, "/v1/groups/team/members", object{"user_ids": ids}).want(t, 200))
			if diff := cmp.Diff(want, got.Added); diff != "" {
				t.Errorf("added (-want +got):\n%s", diff)
			}
		}
		say("1")
		add(a.as("alice"), []string{"carol"}, "carol", "bob")
		say("2")
		a.back().delete(t, "/v1/groups/team/members/bob").want(t, 204)
		say("3")
		a.as("carol").delete(t, "/v1/groups/team/members/me").want(t, 204)
		add(a.back(), []string{"dave"}, "dave")
		say("4")
		add(a.as("alice"), []string{"bob"}, "bob", "dave")
		add(a.as("alice"), []string{}, "bob", "dave")
		say("5")

		for user, want := range map[string][]string{"alice": {"1", "2", "3", "4", "5"}, "bob": {"1", "2", "5"}, "carol": {"2", "3"}, "dave": {"4", "5"}} {
			page := a.as(user).sync(t, "")
			if diff := cmp.Diff(want, texts(t, page.Items)); diff != "" {
				t.Errorf("log of %s (-want +got):\n%s", user, diff)
			}
			for i, m := range page.Items {
				if m.Seq != int64(i)+1 || m.ConversationId != "group:team" || *m.To.GroupId != "team" || (m.Type == "text") != (m.Sender.UserId != nil) {
					t.Errorf("entry %d of %s is %+v", i, user, m)
				}
			}
		}
		// The history begins where the membership does.
		for user, want := range map[string][]string{"alice": {"1", "2", "3", "4", "5"}, "bob": {"5"}, "dave": {"4", "5"}} {
			page := read[client.MessagePage](t, a.as(user).get(t, "/v1/conversations/group:team/messages").want(t, 200))
			if diff := cmp.Diff(want, texts(t, page.Items)); diff != "" {
				t.Errorf("history of %s (-want +got):\n%s", user, diff)
			}
		}
		a.as("carol").get(t, "/v1/conversations/group:team/messages").refused(t, 403, "not_in_group")
		a.as("carol").post(t, "/v1/messages", groupText("team", "still here?")).refused(t, 403, "not_in_group")
		if got := read[client.Group](t, a.back().get(t, "/v1/groups/team")); got.MemberCount != 3 {
			t.Errorf("%d members, want 3", got.MemberCount)
		}
	})
}

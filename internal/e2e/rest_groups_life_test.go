package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestGroups_AreHandedOver(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "alice", "bob", "carol", "dave")
		a.newGroup(t, "team", "alice", "bob", "carol", "dave")
		owner := func(want string, roles ...string) {
			t.Helper()
			got := a.back().get(t, "/v1/groups/team").want(t, 200)
			if g := read[struct{ Owner string }](t, got); g.Owner != want {
				t.Errorf("owned by %s, want %s", g.Owner, want)
			}
			var have []string
			for _, m := range everything[struct{ Role string }](t, a.back(), "/v1/groups/team/members") {
				have = append(have, m.Role)
			}
			if !slices.Equal(have, roles) {
				t.Errorf("roles are %v, want %v", have, roles)
			}
		}
		patch := func(by caller, user, role string) answer {
			return by.do(t, "PATCH", "/v1/groups/team/members/"+user, object{"role": role})
		}
		patch(a.as("alice"), "bob", "owner").want(t, 200)
		owner("bob", "admin", "owner", "member", "member")
		patch(a.as("alice"), "alice", "owner").refused(t, 403, "forbidden")
		patch(a.back(), "bob", "member").refused(t, 403, "forbidden") // a group has an owner
		patch(a.back(), "bob", "owner").want(t, 200)
		patch(a.back(), "dave", "owner").want(t, 200)
		owner("dave", "admin", "admin", "member", "owner")
		patch(a.as("dave"), "alice", "member").want(t, 200)
		patch(a.as("dave"), "ghost", "member").refused(t, 404, "member_not_found")
		patch(a.as("dave"), "alice", "king").refused(t, 400, "bad_request")
		a.back().delete(t, "/v1/users/dave").want(t, 204) // an admin comes before who was there as long
		owner("bob", "member", "owner", "member")
		a.back().delete(t, "/v1/users/bob").want(t, 204)
		owner("alice", "owner", "member")
		a.as("carol").delete(t, "/v1/groups/team/members/me").want(t, 204)
		a.back().delete(t, "/v1/users/alice").want(t, 204)
		owner("")
		a.back().post(t, "/v1/groups/team/members", object{"user_ids": []string{"carol"}}).want(t, 200)
		patch(a.back(), "carol", "owner").want(t, 200)
		owner("carol", "owner")
	})
}

func TestGroups_TakeMembersByApproval(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "carol", "dave", "erin")
		a.as("owner").post(t, "/v1/groups", object{"group_id": "club", "settings": object{"join": "approval"}}).want(t, 201)
		const club = "/v1/groups/club"
		ask := func(user, message string) answer {
			return a.as(user).do(t, "PUT", club+"/join-requests/me", object{"message": message})
		}
		a.as("carol").do(t, "PUT", club+"/members/me", nil).refused(t, 403, "approval_required")
		ask("carol", "first").want(t, 201)
		ask("carol", "again").want(t, 200)
		ask("dave", "").want(t, 201)
		ask("erin", strings.Repeat("x", 1025)).refused(t, 400, "bad_request")
		ask("owner", "x").refused(t, 403, "forbidden")
		a.as("erin").do(t, "PUT", club+"/join-requests/carol", object{}).refused(t, 403, "forbidden")
		a.as("erin").get(t, club+"/join-requests/carol").refused(t, 403, "not_in_group")
		a.as("erin").get(t, club+"/join-requests/me").refused(t, 404, "join_request_not_found")
		asked := func(want ...string) {
			t.Helper()
			got := []string{}
			for _, r := range everything[struct {
				UserID  string `json:"user_id"`
				Message string
			}](t, a.as("owner"), club+"/join-requests") {
				got = append(got, r.UserID+" "+r.Message)
			}
			if !slices.Equal(got, want) {
				t.Errorf("asked: %q, want %q", got, want)
			}
		}
		asked("carol again", "dave ")
		a.as("owner").do(t, "PUT", club+"/members/carol", nil).want(t, 201)
		a.as("owner").do(t, "PUT", club+"/members/carol", nil).want(t, 200)
		asked("dave ")
		a.as("owner").delete(t, club+"/join-requests/carol").refused(t, 404, "join_request_not_found")
		a.as("dave").delete(t, club+"/join-requests/me").want(t, 204)
		asked()
		a.as("dave").do(t, "PUT", club+"/members/me", nil).refused(t, 403, "approval_required")
		ask("erin", "x").want(t, 201)
		a.back().delete(t, "/v1/users/erin").want(t, 204)
		asked()

		a.as("owner").do(t, "PATCH", club, object{"settings": object{"join": "open"}}).want(t, 200)
		ask("dave", "x").refused(t, 403, "forbidden")
		a.as("dave").do(t, "PUT", club+"/members/me", nil).want(t, 201)
		a.as("dave").do(t, "PUT", club+"/members/me", nil).want(t, 200)
		a.back().do(t, "PUT", club+"/members/ghost", nil).refused(t, 404, "user_not_found")
		a.as("owner").do(t, "PATCH", club, object{"settings": object{"join": "invite"}}).want(t, 200)
		a.newUsers(t, "frank")
		ask("frank", "x").refused(t, 403, "forbidden")
		a.as("frank").do(t, "PUT", club+"/members/me", nil).refused(t, 403, "forbidden")
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"max_group_members": 3}}).want(t, 200)
		a.as("owner").do(t, "PUT", club+"/members/frank", nil).refused(t, 400, "bad_request")
		for _, bad := range []object{{"settings": object{"join": "x"}}, {"settings": object{"invite_by": "x"}}, {"settings": object{"mention_all_by": "x"}}, {"settings": object{"color": 1}}, {"name": strings.Repeat("x", 129)}} {
			a.as("owner").do(t, "PATCH", club, bad).refused(t, 400, "bad_request")
		}
	})
}

func TestGroups_RespectBlocks(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "admin", "bob", "carol")
		a.newGroup(t, "team", "owner", "admin")
		a.back().do(t, "PATCH", "/v1/groups/team/members/admin", object{"role": "admin"}).want(t, 200)
		a.as("bob").do(t, "PUT", "/v1/blocks/owner", nil).want(t, 201)
		a.changesNothing(t, []string{"bob", "carol"}, []string{"team"}, func() {
			a.as("owner").do(t, "PUT", "/v1/groups/team/members/bob", nil).refused(t, 403, "blocked")
			a.as("owner").post(t, "/v1/groups/team/members", object{"user_ids": []string{"carol", "bob"}}).refused(t, 403, "blocked")
		})
		a.as("admin").do(t, "PUT", "/v1/groups/team/members/bob", nil).want(t, 201)
		a.as("owner").do(t, "PUT", "/v1/groups/team/members/bob", nil).want(t, 200) // is there already
		a.as("bob").delete(t, "/v1/groups/team/members/me").want(t, 204)
		a.back().post(t, "/v1/groups/team/members", object{"user_ids": []string{"bob"}}).want(t, 200)
	})
}

func TestGroups_MutesEnd(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "bob")
		a.newGroup(t, "team", "owner", "bob")
		mute := func(until time.Time) answer {
			return a.as("owner").do(t, "PATCH", "/v1/groups/team/members/bob", object{"mute_until": until.UTC().Format(time.RFC3339Nano)})
		}
		say := func() answer { return a.as("bob").post(t, "/v1/messages", groupText("team", "hi")) }
		typing := func() answer {
			return a.as("bob").post(t, "/v1/messages", with(groupText("team", "hi"), "persist", false))
		}
		mute(time.Now().Add(time.Hour)).want(t, 200)
		say().refused(t, 403, "muted")
		typing().refused(t, 403, "muted")
		// It outlasts leaving.
		a.as("bob").delete(t, "/v1/groups/team/members/me").want(t, 204)
		a.as("owner").do(t, "PUT", "/v1/groups/team/members/bob", nil).want(t, 201)
		say().refused(t, 403, "muted")
		mute(time.Now().Add(-time.Hour)).want(t, 200)
		say().want(t, 201)
		typing().want(t, 202)
		mute(time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)).refused(t, 400, "bad_request")
		a.as("owner").do(t, "PATCH", "/v1/groups/team/members/bob", object{"mute_until": "soon"}).refused(t, 400, "bad_request")
	})
}

func TestGroups_AreDismissed(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "bob", "carol")
		a.newGroup(t, "team", "owner", "bob")
		a.newGroup(t, "other", "bob")
		list := func(by caller, want ...string) {
			t.Helper()
			got := []string{}
			for _, g := range everything[struct {
				GroupID string `json:"group_id"`
			}](t, by, "/v1/groups") {
				got = append(got, g.GroupID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("groups %v, want %v", got, want)
			}
		}
		list(a.back(), "other", "team")
		list(a.as("bob"), "other", "team")
		list(a.as("owner"), "team")
		list(a.as("carol"))
		sent := object{"client_msg_id": "1", "to": object{"group_id": "team"}, "type": "text", "content": object{"text": "last"}}
		a.as("bob").post(t, "/v1/messages", sent).want(t, 201)
		a.as("owner").delete(t, "/v1/groups/team").want(t, 204)
		list(a.back(), "other")
		list(a.as("bob"), "other")
		if g := read[struct {
			DismissedAt *time.Time `json:"dismissed_at"`
			MemberCount int        `json:"member_count"`
		}](t, a.as("bob").get(t, "/v1/groups/team").want(t, 200)); g.DismissedAt == nil || g.MemberCount != 2 {
			t.Errorf("the group is %+v", g)
		}
		if got := texts(t, read[client.MessagePage](t, a.as("bob").get(t, "/v1/conversations/group:team/messages").want(t, 200)).Items); !slices.Equal(got, []string{"last"}) {
			t.Errorf("history is %v", got)
		}
		a.as("bob").post(t, "/v1/messages", sent).want(t, 200) // it was accepted
		a.changesNothing(t, []string{"owner", "bob"}, []string{"team"}, func() {
			for _, by := range []caller{a.back(), a.as("owner")} {
				for _, got := range []answer{
					by.post(t, "/v1/messages", groupText("team", "hi")),
					by.post(t, "/v1/messages", with(groupText("team", "hi"), "persist", false)),
					by.do(t, "PATCH", "/v1/groups/team", object{"name": "x"}), by.delete(t, "/v1/groups/team"),
					by.do(t, "PUT", "/v1/groups/team/members/carol", nil), by.post(t, "/v1/groups/team/members", object{"user_ids": []string{"carol"}}),
					by.do(t, "PATCH", "/v1/groups/team/members/bob", object{"role": "admin"}), by.delete(t, "/v1/groups/team/members/bob"),
				} {
					got.refused(t, 403, "group_dismissed")
				}
			}
			a.back().post(t, "/v1/groups", object{"group_id": "team", "owner": "bob"}).refused(t, 409, "group_exists")
			a.as("carol").do(t, "PUT", "/v1/groups/team/members/me", nil).refused(t, 403, "group_dismissed")
		})
	})
}

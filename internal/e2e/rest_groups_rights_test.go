package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// deeds are what the table of rights in docs/groups.md is about, under the same
// names. Each is tried on a group of its own: of owner, admin and member, of whom
// the caller is one, with admin2 and member2 to do it to, and with asker, who asks
// to join.
var deeds = map[string]func(t *testing.T, g rightsGroup, by caller) answer{
	"read the group and its members": func(t *testing.T, g rightsGroup, by caller) answer {
		for _, path := range []string{"", "/members/me", "/members/member2"} {
			if path == "/members/me" && by.user == "" {
				continue
			}
			if got := by.get(t, g.path+path); got.status != 200 {
				return got
			}
		}
		return by.get(t, g.path+"/members")
	},
	"change profile and settings": func(t *testing.T, g rightsGroup, by caller) answer {
		return by.do(t, "PATCH", g.path, object{"name": "New", "settings": object{"join": "open"}})
	},
	"add members": func(t *testing.T, g rightsGroup, by caller) answer {
		if got := by.do(t, "PUT", g.path+"/members/asker", nil); got.status != 201 {
			return got
		}
		return by.post(t, g.path+"/members", object{"user_ids": []string{"asker", "other2"}})
	},
	"add members where `invite_by` is `members`": func(t *testing.T, g rightsGroup, by caller) answer {
		g.set(t, object{"invite_by": "members"})
		return by.post(t, g.path+"/members", object{"user_ids": []string{"other2"}})
	},
	"join an open group": func(t *testing.T, g rightsGroup, by caller) answer {
		g.set(t, object{"join": "open"})
		return by.do(t, "PUT", g.path+"/members/me", nil)
	},
	"remove a member":                    remove("member2"),
	"remove an admin":                    remove("admin2"),
	"remove the owner":                   func(t *testing.T, g rightsGroup, by caller) answer { return by.delete(t, g.path+"/members/owner") },
	"leave":                              remove("me"),
	"make a member an admin":             patchMember("member2", object{"role": "admin"}),
	"make another member the owner":      patchMember("member2", object{"role": "owner"}),
	"mute a member":                      patchMember("member2", muted),
	"mute an admin":                      patchMember("admin2", muted),
	"change label and extra of a member": patchMember("member2", object{"label": "L", "extra": object{"a": 1}}),
	"change one's own label and extra":   patchMember("me", object{"label": "L", "extra": object{"a": 1}}),
	"see and answer join requests": func(t *testing.T, g rightsGroup, by caller) answer {
		for _, path := range []string{"/join-requests", "/join-requests/asker"} {
			if got := by.get(t, g.path+path); got.status != 200 {
				return got
			}
		}
		return by.delete(t, g.path+"/join-requests/asker")
	},
	"send": say,
	"send while all are muted": func(t *testing.T, g rightsGroup, by caller) answer {
		g.set(t, object{"mute_all": true})
		return say(t, g, by)
	},
	"send while muted": func(t *testing.T, g rightsGroup, by caller) answer {
		g.app.back().do(t, "PATCH", g.path+"/members/"+by.user, muted).want(t, 200)
		return say(t, g, by)
	},
	"dismiss the group": func(t *testing.T, g rightsGroup, by caller) answer { return by.delete(t, g.path) },
}

var muted = object{"mute_until": "2999-01-01T00:00:00Z"}

func remove(user string) func(t *testing.T, g rightsGroup, by caller) answer {
	return func(t *testing.T, g rightsGroup, by caller) answer { return by.delete(t, g.path+"/members/"+user) }
}

func patchMember(user string, body object) func(t *testing.T, g rightsGroup, by caller) answer {
	return func(t *testing.T, g rightsGroup, by caller) answer {
		return by.do(t, "PATCH", g.path+"/members/"+user, body)
	}
}

// say sends in both ways, of which the first answer that is no success counts.
func say(t *testing.T, g rightsGroup, by caller) answer {
	if got := by.post(t, "/v1/messages", with(groupText(g.id, "hi"), "persist", false)); got.status != 202 {
		return got
	}
	return by.post(t, "/v1/messages", groupText(g.id, "hi"))
}

type rightsGroup struct {
	app      app
	id, path string
}

func (g rightsGroup) set(t *testing.T, settings object) {
	t.Helper()
	g.app.back().do(t, "PATCH", g.path, object{"settings": settings}).want(t, 200)
}

func TestGroups_RightsAreAsDocumented(t *testing.T) {
	onBackends(t, func(t *testing.T, gim *gimtest.Gim) {
		a := newApp(t, gim, "owner", "admin", "admin2", "member", "member2", "asker", "other", "other2")
		rows, callers := rightsTable(t)
		tried := map[string]bool{}
		for _, row := range rows {
			deed := deeds[row[0]]
			if deed == nil {
				t.Errorf("nobody tries to %s", row[0])
				continue
			}
			tried[row[0]] = true
			for i, may := range row[1:] {
				if may == "–" {
					continue
				}
				who := callers[i]
				g := a.rightsGroup(t, "g-"+strings.ReplaceAll(strings.Map(plain, row[0]), " ", "-")+"-"+who)
				by := a.as(who)
				switch who {
				case "business":
					by = a.back()
				case "others":
					by = a.as("other")
				}
				before := a.state(t, []string{"member2"}, []string{g.id})
				got := deed(t, g, by)
				switch {
				case may == "yes":
					if got.status >= 300 {
						t.Errorf("%s may %s: %d %s", who, row[0], got.status, got.body)
					}
				case may != "no":
					t.Errorf("%s may %s: %q", who, row[0], may)
				case strings.HasPrefix(row[0], "send while"):
					if who == "others" {
						got.refused(t, 403, "not_in_group")
					} else {
						got.refused(t, 403, "muted")
					}
				case who == "others":
					got.refused(t, 403, "not_in_group")
				default:
					got.refused(t, 403, "forbidden")
				}
				if may == "no" && !strings.Contains(row[0], " while ") && !strings.Contains(row[0], "`") &&
					!maps.Equal(before, a.state(t, []string{"member2"}, []string{g.id})) {
					t.Errorf("%s who may not %s has changed something", who, row[0])
				}
			}
		}
		for deed := range deeds {
			if !tried[deed] {
				t.Errorf("docs/groups.md does not say who may %s", deed)
			}
		}
	})
}

func plain(r rune) rune {
	if r == ' ' || r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

// rightsGroup makes a group that takes members by approval.
func (a app) rightsGroup(t *testing.T, id string) rightsGroup {
	t.Helper()
	id = id[:min(len(id), 64)]
	g := rightsGroup{app: a, id: id, path: "/v1/groups/" + id}
	a.back().post(t, "/v1/groups", object{
		"group_id": id, "owner": "owner", "members": []string{"admin", "admin2", "member", "member2"}, "settings": object{"join": "approval"},
	}).want(t, 201)
	for _, admin := range []string{"admin", "admin2"} {
		a.back().do(t, "PATCH", g.path+"/members/"+admin, object{"role": "admin"}).want(t, 200)
	}
	a.as("asker").do(t, "PUT", g.path+"/join-requests/me", object{"message": "please"}).want(t, 201)
	return g
}

// rightsTable reads the table of docs/groups.md: what, and then for each caller
// yes, no or – where it cannot be.
func rightsTable(t *testing.T) (rows [][]string, callers []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/groups.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(doc), "## Who may do what\n\n")
	if !found {
		t.Fatal("docs/groups.md has no table of rights")
	}
	table, _, _ := strings.Cut(rest, "\n\n")
	for i, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		switch i {
		case 0:
			callers = cells[1:]
		case 1:
		default:
			rows = append(rows, cells)
		}
	}
	if !slices.Equal(callers, []string{"business", "owner", "admin", "member", "others"}) {
		t.Fatalf("the table of rights is about %v", callers)
	}
	return rows, callers
}

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
		for _, bad := range []object{{"settings": object{"join": "x"}}, {"settings": object{"invite_by": "x"}}, {"settings": object{"color": 1}}, {"name": strings.Repeat("x", 129)}} {
			a.as("owner").do(t, "PATCH", club, bad).refused(t, 400, "bad_request")
		}
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

package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

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
	makeLarge: func(t *testing.T, g rightsGroup, by caller) answer {
		return by.do(t, "PATCH", g.path, object{"type": "large"})
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
	"send": func(t *testing.T, g rightsGroup, by caller) answer { return say(t, g, by) },
	"send while all are muted": func(t *testing.T, g rightsGroup, by caller) answer {
		g.set(t, object{"mute_all": true})
		return say(t, g, by)
	},
	"send while muted": func(t *testing.T, g rightsGroup, by caller) answer {
		g.app.back().do(t, "PATCH", g.path+"/members/"+by.user, muted).want(t, 200)
		return say(t, g, by)
	},
	"mention `@all`": func(t *testing.T, g rightsGroup, by caller) answer { return say(t, g, by, "@all") },
	"mention `@all` where `mention_all_by` is `members`": func(t *testing.T, g rightsGroup, by caller) answer {
		g.set(t, object{"mention_all_by": "members"})
		return say(t, g, by, "@all")
	},
	"dismiss the group": func(t *testing.T, g rightsGroup, by caller) answer { return by.delete(t, g.path) },
}

const makeLarge = "make a normal group large"

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
func say(t *testing.T, g rightsGroup, by caller, mentions ...string) answer {
	text := with(groupText(g.id, "hi"), "mentions", append([]string{}, mentions...))
	if got := by.post(t, "/v1/messages", with(text, "persist", false)); got.status != 202 {
		return got
	}
	return by.post(t, "/v1/messages", text)
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
		for _, kind := range []string{"normal", "large"} {
			t.Run(kind, func(t *testing.T) { rightsOf(t, gim, kind) })
		}
	})
}

// rightsOf tries the table on groups of a type.
func rightsOf(t *testing.T, gim *gimtest.Gim, kind string) {
	t.Helper()
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
			if kind == "large" && row[0] == makeLarge {
				continue
			}
			g := a.rightsGroup(t, kind, "g-"+strings.ReplaceAll(strings.Map(plain, row[0]), " ", "-")+"-"+who)
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
}

func plain(r rune) rune {
	if r == ' ' || r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

// rightsGroup makes a group that takes members by approval.
func (a app) rightsGroup(t *testing.T, kind, id string) rightsGroup {
	t.Helper()
	id = id[:min(len(id), 64)]
	g := rightsGroup{app: a, id: id, path: "/v1/groups/" + id}
	a.back().post(t, "/v1/groups", object{
		"group_id": id, "type": kind, "owner": "owner", "members": []string{"admin", "admin2", "member", "member2"}, "settings": object{"join": "approval"},
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

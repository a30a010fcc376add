package storetest

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
)

func groupTests() map[string]func(*world) {
	return map[string]func(*world){
		"Group_IsReadAsItWasCreated":         groupIsRead,
		"Group_IDIsTaken":                    groupIDIsTaken,
		"Group_UnknownMembersAreNamed":       groupUnknownMembers,
		"Group_MembersAreListedByID":         groupMembersList,
		"Group_AddFollowsTheOwnerRule":       groupAddOwnerRule,
		"Group_AddIsAllOrNoneWithinTheLimit": groupAddLimit,
		"Group_AddOfMembersNeedsNoRoom":      groupAddKnown,
		"Group_RemoveFollowsTheOwnerRule":    groupRemoveOwnerRule,
		"Group_IDsAreComparedByteForByte":    groupIDsExact,
	}
}

func groupIsRead(w *world) {
	users := w.users("alice", "bob", "carol")
	want := domain.Group{
		ID: "team", Type: domain.GroupNormal, Name: "Tëam 🎉", Introduction: "intro", AvatarURL: "a", Extra: json.RawMessage(`{"x":"😀"}`),
		Owner: "bob", CreatedAt: epoch, UpdatedAt: epoch.Add(time.Millisecond),
		Settings: domain.GroupSettings{Join: domain.JoinApproval, InviteBy: domain.InviteByMembers, MentionAllBy: domain.MentionAllByMembers, MuteAll: true},
	}
	got, err := w.store.CreateGroup(w.ctx, w.app.Num, want, idsOf(users[:2]))
	w.ok(err)
	want.Num, want.MemberCount = got.Num, 2
	w.same("created", got, want)
	for viewer, role := range map[domain.UserNum]domain.Role{0: "", users[0].Num: domain.RoleMember, users[1].Num: domain.RoleOwner, users[2].Num: ""} {
		got, err = w.store.Group(w.ctx, w.app.Num, "team", viewer)
		w.ok(err)
		want.MyRole = role
		w.same("read", got, want)
	}
	_, err = w.store.Group(w.ctx, w.app.Num, "absent", 0)
	w.refused(err, domain.ErrGroupNotFound)
}

func groupIDIsTaken(w *world) {
	alice := w.user("alice")
	w.group("g", alice)
	_, err := w.store.CreateGroup(w.ctx, w.app.Num, groupOf("g", "alice"), []domain.UserID{"alice"})
	w.refused(err, domain.ErrGroupExists)
}

func fieldsOf(err error) []string {
	known, ok := errors.AsType[*domain.Error](err)
	if !ok {
		return nil
	}
	pointers := []string{}
	for _, f := range known.Fields {
		pointers = append(pointers, f.Pointer)
	}
	return pointers
}

func groupUnknownMembers(w *world) {
	w.users("alice", "bob")
	_, err := w.store.CreateGroup(w.ctx, w.app.Num, groupOf("g", "alice"), []domain.UserID{"x", "bob", "y", "alice"})
	w.refused(err, domain.ErrUserNotFound)
	w.same("fields", fieldsOf(err), []string{"/members/0", "/members/2"})
	_, err = w.store.CreateGroup(w.ctx, w.app.Num, groupOf("g", "ghost"), []domain.UserID{"bob", "ghost"})
	w.refused(err, domain.ErrUserNotFound)
	w.same("fields", fieldsOf(err), []string{"/owner"})
	_, err = w.store.Group(w.ctx, w.app.Num, "g", 0)
	w.refused(err, domain.ErrGroupNotFound) // nothing is left of it
	_, err = w.store.Append(w.ctx, w.outgoing(domain.UserRef{}, toGroup("g"), "x", ""))
	w.refused(err, domain.ErrGroupNotFound)
}

func groupMembersList(w *world) {
	users := w.users("b", "a", "B", "c", "outsider")
	w.group("g", users[:3]...)
	at := epoch.Add(time.Hour)
	_, err := groupsOf(w.store, 10, at).AddMembers(w.ctx, w.caller(domain.UserRef{}), "g", []domain.UserID{"c"})
	w.ok(err)
	id := func(m domain.Member) string { return string(m.User) }
	for _, by := range []domain.UserRef{{}, users[3]} {
		wantPages(w, []string{"b", "a", "B", "c"}, id, func(p domain.Page) (domain.List[domain.Member], error) {
			return w.groups().Members(w.ctx, w.caller(by), "g", p)
		})
	}
	empty := json.RawMessage("{}")
	w.same("members", w.membersOf("g"), []domain.Member{
		{User: "B", Role: domain.RoleMember, Extra: empty, JoinedAt: epoch},
		{User: "a", Role: domain.RoleMember, Extra: empty, JoinedAt: epoch},
		{User: "b", Role: domain.RoleOwner, Extra: empty, JoinedAt: epoch},
		{User: "c", Role: domain.RoleMember, Extra: empty, JoinedAt: at},
	})
	_, err = w.groups().Members(w.ctx, w.caller(users[4]), "g", domain.Page{Limit: 10})
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.groups().Members(w.ctx, w.caller(domain.UserRef{}), "g", domain.Page{Limit: 10, Cursor: "no number"})
	w.refused(err, domain.Invalid("cursor", ""))
	_, err = w.groups().Members(w.ctx, w.caller(domain.UserRef{}), "absent", domain.Page{Limit: 10})
	w.refused(err, domain.ErrGroupNotFound)
}

func groupAddOwnerRule(w *world) {
	users := w.users("owner", "member", "guest", "more")
	w.group("g", users[0], users[1])
	_, err := w.add("g", users[1], 10, "guest")
	w.refused(err, domain.ErrForbidden)
	_, err = w.add("g", users[2], 10, "guest")
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.add("absent", domain.UserRef{}, 10, "guest")
	w.refused(err, domain.ErrGroupNotFound)
	got, err := w.add("g", users[0], 10, "guest")
	w.ok(err)
	w.same("added by the owner", got, []domain.UserID{"guest"})
	got, err = w.add("g", domain.UserRef{}, 10, "owner", "more", "guest")
	w.ok(err)
	w.same("added by the business", got, []domain.UserID{"more"})
}

func (w *world) members(id domain.GroupID) []string {
	w.Helper()
	ids := []string{}
	for _, m := range w.membersOf(id) {
		ids = append(ids, string(m.User))
	}
	return ids
}

func groupAddLimit(w *world) {
	users := w.users("a", "b", "c", "d")
	w.group("g", users[0])
	_, err := w.add("g", domain.UserRef{}, 10, "b", "x", "c", "y")
	w.refused(err, domain.ErrUserNotFound)
	w.same("fields", fieldsOf(err), []string{"/user_ids/1", "/user_ids/3"})
	_, err = w.add("g", domain.UserRef{}, 3, "b", "c", "d")
	w.refused(err, domain.Invalid("", ""))
	w.same("nobody was added", w.members("g"), []string{"a"})
	got, err := w.add("g", domain.UserRef{}, 3, "b", "c")
	w.ok(err)
	w.same("up to the limit", got, []domain.UserID{"b", "c"})
	_, err = w.add("g", domain.UserRef{}, 3, "d")
	w.refused(err, domain.Invalid("", ""))
	w.same("members", w.members("g"), []string{"a", "b", "c"})
}

// groupAddKnown: who is a member already takes no room, even where the limit
// was lowered since.
func groupAddKnown(w *world) {
	w.group("g", w.users("a", "b", "c")...)
	got, err := w.add("g", domain.UserRef{}, 2, "b", "a")
	w.ok(err)
	w.same("added", got, []domain.UserID{})
}

func groupRemoveOwnerRule(w *world) {
	users := w.users("owner", "a", "b", "c", "outsider")
	owner, a, outsider := users[0], users[1], users[4]
	w.group("g", users[:4]...)
	business := domain.UserRef{}
	w.refused(w.remove("absent", business, "a"), domain.ErrGroupNotFound)
	w.refused(w.remove("g", a, "b"), domain.ErrForbidden)
	w.refused(w.remove("g", outsider, "b"), domain.ErrNotInGroup)
	w.refused(w.remove("g", outsider, "outsider"), domain.ErrNotInGroup)
	for _, by := range []domain.UserRef{owner, business} {
		w.refused(w.remove("g", by, "outsider"), domain.ErrMemberNotFound)
		w.refused(w.remove("g", by, "nobody"), domain.ErrMemberNotFound)
		w.refused(w.remove("g", by, "owner"), domain.ErrForbidden)
	}
	w.same("nobody went", w.members("g"), []string{"a", "b", "c", "owner"})
	w.ok(w.remove("g", a, "a"))
	w.ok(w.remove("g", owner, "b"))
	w.ok(w.remove("g", business, "c"))
	w.same("members", w.members("g"), []string{"owner"})
	w.refused(w.remove("g", business, "c"), domain.ErrMemberNotFound)
}

func groupIDsExact(w *world) {
	alice := w.user("alice")
	for _, id := range exactIDs() {
		g := w.group(id, alice)
		w.same("own conversation", w.send(alice, toGroup(g.ID), id).ConversationSeq, int64(1))
	}
	for _, id := range exactIDs() {
		w.same("history of "+id, w.history(alice, domain.Target{Group: domain.GroupID(id)}), []string{id})
	}
	_, err := w.store.Group(w.ctx, w.app.Num, "aLICE", 0)
	w.refused(err, domain.ErrGroupNotFound)
}

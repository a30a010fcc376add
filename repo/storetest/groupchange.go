package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func groupChangeTests() map[string]func(*world) {
	return map[string]func(*world){
		"GroupChange_IsStoredAndNothingElse": groupChangeIsStored,
		"GroupChange_ErrorsChangeNothing":    groupChangeFails,
		"GroupChange_SeesWhomItIsAbout":      groupChangeSees,
		"GroupChange_StopsTheNextMessage":    groupChangeStops,
		"GroupChange_OneAfterAnother":        groupChangeSerial,
		"GroupChange_TellsWhomItConcerns":    groupChangeTells,
		"Group_RequestsAreListedByID":        groupRequestsList,
		"Group_AreListedByID":                groupsList,
		"Group_PassesToWhoWasThereLongest":   groupPasses,
	}
}

func (w *world) change(id domain.GroupID, by domain.UserRef, users []domain.UserID, change func(*domain.GroupState) error) (domain.GroupState, error) {
	return w.store.ChangeGroup(w.ctx, w.app.Num, id, by.Num, users, change)
}

func groupChangeIsStored(w *world) {
	users := w.users("owner", "a", "b", "new")
	made := w.group("g", users[:3]...)
	w.group("untouched", users...)
	at := epoch.Add(time.Hour)
	want := made
	want.Name, want.Introduction, want.AvatarURL, want.Extra = "Nëw 🎉", "i", "u", json.RawMessage(`{"a":1}`)
	want.Settings = domain.GroupSettings{Join: domain.JoinOpen, InviteBy: domain.InviteByMembers, MentionAllBy: domain.MentionAllByMembers, MuteAll: true}
	want.UpdatedAt, want.DismissedAt = at, at
	got, err := w.change("g", domain.UserRef{}, []domain.UserID{"a", "b", "new"}, func(g *domain.GroupState) error {
		g.Group = want
		a, b := g.Users[0].Member, &g.Users[1]
		a.Role, a.Label, a.Extra, a.MutedUntil = domain.RoleAdmin, "L 🎉", json.RawMessage(`{"b":2}`), at
		b.Member = nil
		b.Request = &domain.JoinRequest{User: "b", Message: "let me back 🎉", CreatedAt: at}
		g.Users[2].Member = &domain.Member{User: "new", Role: domain.RoleMember, Extra: json.RawMessage("{}"), JoinedAt: at}
		return nil
	})
	w.ok(err)
	w.same("members counted", got.Group.MemberCount, 3)
	read, err := w.store.Group(w.ctx, w.app.Num, "g", 0)
	w.ok(err)
	w.same("group", read, want)
	empty := json.RawMessage("{}")
	w.same("members", w.membersOf("g"), []domain.Member{
		{User: "a", Role: domain.RoleAdmin, Label: "L 🎉", Extra: json.RawMessage(`{"b":2}`), JoinedAt: epoch, MutedUntil: at},
		{User: "new", Role: domain.RoleMember, Extra: empty, JoinedAt: at},
		{User: "owner", Role: domain.RoleOwner, Extra: empty, JoinedAt: epoch},
	})
	one, err := w.store.Member(w.ctx, w.app.Num, made.Num, "a")
	w.ok(err)
	w.same("member", one, w.membersOf("g")[0])
	_, err = w.store.Member(w.ctx, w.app.Num, made.Num, "b")
	w.refused(err, domain.ErrMemberNotFound)
	request, err := w.store.JoinRequest(w.ctx, w.app.Num, made.Num, "b")
	w.ok(err)
	w.same("request", request, domain.JoinRequest{User: "b", Message: "let me back 🎉", CreatedAt: at})
	w.same("other group", w.members("untouched"), []string{"a", "b", "new", "owner"})

	// All of it may be taken back.
	_, err = w.change("g", domain.UserRef{}, []domain.UserID{"a", "b"}, func(g *domain.GroupState) error {
		g.Group.DismissedAt = time.Time{}
		g.Users[0].Member.MutedUntil = epoch
		g.Users[1].Request.Message = "please"
		return nil
	})
	w.ok(err)
	read, err = w.store.Group(w.ctx, w.app.Num, "g", 0)
	w.ok(err)
	w.same("lives", read.DismissedAt, time.Time{})
	w.same("mute", w.membersOf("g")[0].MutedUntil, epoch)
	_, err = w.change("g", domain.UserRef{}, []domain.UserID{"b"}, func(g *domain.GroupState) error {
		w.same("request", *g.Users[0].Request, domain.JoinRequest{User: "b", Message: "please", CreatedAt: at})
		g.Users[0].Request = nil
		return nil
	})
	w.ok(err)
	_, err = w.store.JoinRequest(w.ctx, w.app.Num, made.Num, "b")
	w.refused(err, domain.ErrJoinRequestNotFound)
}

func groupChangeFails(w *world) {
	users := w.users("owner", "a")
	w.group("g", users...)
	before := w.membersOf("g")
	failed := errors.New("no")
	_, err := w.change("g", domain.UserRef{}, []domain.UserID{"a"}, func(g *domain.GroupState) error {
		g.Users[0].Member = nil
		g.Group.Name = "other"
		return failed
	})
	if !errors.Is(err, failed) {
		w.Errorf("got %v", err)
	}
	w.same("members", w.membersOf("g"), before)
	_, err = w.change("absent", domain.UserRef{}, nil, func(*domain.GroupState) error { return failed })
	w.refused(err, domain.ErrGroupNotFound)
}

func groupChangeSees(w *world) {
	users := w.users("owner", "a", "stranger", "gone")
	w.group("g", users[0], users[1])
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "gone", epoch))
	for by, role := range map[domain.UserRef]domain.Role{{}: "", users[0]: domain.RoleOwner, users[1]: domain.RoleMember, users[2]: ""} {
		_, err := w.change("g", by, []domain.UserID{"stranger", "a", "ghost", "gone"}, func(g *domain.GroupState) error {
			w.same("role", g.Group.MyRole, role)
			w.same("owner", g.Owner.Member.Role, domain.RoleOwner)
			w.same("owner's number", g.Owner.Num, users[0].Num)
			var nums []domain.UserNum
			for i, u := range g.Users {
				nums = append(nums, u.Num)
				w.same("is a member", u.Member != nil, i == 1)
			}
			w.same("numbers", nums, []domain.UserNum{users[2].Num, users[1].Num, 0, 0})
			return nil
		})
		w.ok(err)
	}
	_, err := w.change("g", domain.UserRef{}, []domain.UserID{"owner"}, func(g *domain.GroupState) error {
		w.same("the owner is there once", g.Owner, domain.GroupUser{})
		return nil
	})
	w.ok(err)
	_, _, err = w.store.PutBlock(w.ctx, w.app.Num, users[2], domain.Block{User: "owner", CreatedAt: epoch}, 10)
	w.ok(err)
	for by, blocks := range map[domain.UserRef]bool{{}: false, users[0]: true, users[1]: false, users[2]: false} {
		_, err := w.change("g", by, []domain.UserID{"a", "stranger"}, func(g *domain.GroupState) error {
			w.same("a blocks", g.Users[0].Blocks, false)
			w.same("stranger blocks", g.Users[1].Blocks, blocks)
			return nil
		})
		w.ok(err)
	}
}

// groupChangeStops: what a group's settings forbid is refused from the next
// message on, for stored ones and others.
func groupChangeStops(w *world) {
	users := w.users("owner", "admin", "bob")
	w.group("g", users...)
	set := func(change func(*domain.GroupState)) {
		w.Helper()
		_, err := w.change("g", domain.UserRef{}, []domain.UserID{"admin", "bob"}, func(g *domain.GroupState) error {
			change(g)
			g.Group.UpdatedAt = g.Group.UpdatedAt.Add(time.Second)
			return nil
		})
		w.ok(err)
	}
	say := func(by domain.UserRef, want error) {
		w.Helper()
		out := w.outgoing(by, toGroup("g"), "x", "")
		_, errStored := w.store.Append(w.ctx, out)
		_, errPassing := w.store.Receivers(w.ctx, out)
		for _, err := range []error{errStored, errPassing} {
			if want == nil {
				w.ok(err)
			} else {
				w.refused(err, want)
			}
		}
	}
	business := domain.UserRef{}
	set(func(g *domain.GroupState) { g.Group.Settings.MuteAll, g.Users[0].Member.Role = true, domain.RoleAdmin })
	say(users[2], domain.ErrMuted)
	for _, by := range []domain.UserRef{users[0], users[1], business} {
		say(by, nil)
	}
	sentAt := w.outgoing(users[2], toGroup("g"), "x", "").Message.SentAt
	set(func(g *domain.GroupState) {
		g.Group.Settings.MuteAll, g.Users[1].Member.MutedUntil = false, sentAt.Add(time.Millisecond)
	})
	say(users[2], domain.ErrMuted)
	say(users[1], nil)
	set(func(g *domain.GroupState) { g.Users[1].Member.MutedUntil = sentAt })
	say(users[2], nil)
	set(func(g *domain.GroupState) { g.Group.DismissedAt = epoch })
	for _, by := range []domain.UserRef{users[0], users[2], business} {
		say(by, domain.ErrGroupDismissed)
	}
}

// groupChangeSerial: of changes at once each sees those before it.
func groupChangeSerial(w *world) {
	users := w.many("u", 9)
	w.group("g", users[0])
	const limit = 5
	var wg sync.WaitGroup
	for _, u := range users[1:] {
		wg.Go(func() { // ends with the test
			if _, err := w.add("g", domain.UserRef{}, limit, u.ID); err != nil && domain.CodeOf(err) != domain.CodeBadRequest {
				w.Errorf("add: %v", err)
			}
		})
	}
	wg.Wait()
	w.same("members", len(w.members("g")), limit)
}

func groupRequestsList(w *world) {
	users := w.users("owner", "b", "a", "B", "gone")
	g := w.group("g", users[0])
	_, err := w.change("g", domain.UserRef{}, []domain.UserID{"b", "a", "B", "gone"}, func(g *domain.GroupState) error {
		for i := range g.Users {
			g.Users[i].Request = &domain.JoinRequest{User: g.Users[i].ID, CreatedAt: epoch}
		}
		return nil
	})
	w.ok(err)
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "gone", epoch))
	wantPages(w, []string{"B", "a", "b"}, func(r domain.JoinRequest) string { return string(r.User) }, func(p domain.Page) (domain.List[domain.JoinRequest], error) {
		return w.store.JoinRequests(w.ctx, w.app.Num, g.Num, p)
	})
}

func groupsList(w *world) {
	users := w.users("alice", "bob")
	for _, id := range []string{"b", "a", "B"} {
		w.group(id, users...)
	}
	w.group("alice-only", users[0])
	w.group("dismissed", users...)
	_, err := w.change("dismissed", domain.UserRef{}, nil, func(g *domain.GroupState) error {
		g.Group.DismissedAt = epoch
		return nil
	})
	w.ok(err)
	id := func(g domain.Group) string { return string(g.ID) }
	for by, want := range map[domain.UserRef][]string{
		{}: {"B", "a", "alice-only", "b"}, users[0]: {"B", "a", "alice-only", "b"}, users[1]: {"B", "a", "b"},
	} {
		wantPages(w, want, id, func(p domain.Page) (domain.List[domain.Group], error) {
			return w.store.Groups(w.ctx, w.app.Num, by.Num, p)
		})
	}
	got, err := w.store.Groups(w.ctx, w.app.Num, users[1].Num, domain.Page{Limit: 1})
	w.ok(err)
	one, err := w.store.Group(w.ctx, w.app.Num, "B", users[1].Num)
	w.ok(err)
	w.same("as it is read alone", got.Items[0], one)
}

func groupPasses(w *world) {
	users := w.users("owner", "late", "early", "admin")
	g := w.group("g", users[0])
	for i, id := range []domain.UserID{"early", "late", "admin"} {
		_, err := groupsOf(w.store, 10, epoch.Add(time.Duration(i)*time.Minute)).AddMembers(w.ctx, w.caller(domain.UserRef{}), "g", []domain.UserID{id})
		w.ok(err)
	}
	_, err := w.change("g", domain.UserRef{}, []domain.UserID{"admin"}, func(g *domain.GroupState) error {
		g.Users[0].Member.Role = domain.RoleAdmin
		return nil
	})
	w.ok(err)
	for _, step := range []struct{ deleted, owner domain.UserID }{{"owner", "admin"}, {"admin", "early"}, {"early", "late"}, {"late", ""}} {
		deleted, err := w.store.User(w.ctx, w.app.Num, step.deleted)
		w.ok(err)
		heir, err := w.store.Heir(w.ctx, w.app.Num, g.Num, deleted.Num)
		w.ok(err)
		w.same("heir of "+string(step.deleted), heir, step.owner)
		w.ok(w.store.DeleteUser(w.ctx, w.app.Num, step.deleted, epoch))
		g, err = w.store.Group(w.ctx, w.app.Num, "g", 0)
		w.ok(err)
		w.same("owner after "+string(step.deleted), g.Owner, step.owner)
	}
}

// groupChangeTells: events are in the logs of those who are members, and of those
// who no longer are, with the numbers of the group's messages, and are published.
func groupChangeTells(w *world) {
	users := w.users("owner", "goes", "comes", "stranger")
	created := domain.GroupEvent{Code: domain.EventGroupCreated}
	_, err := w.store.CreateGroup(w.ctx, w.app.Num, groupOf("g", "owner"), idsOf(users[:2]), created)
	w.ok(err)
	w.send(users[0], toGroup("g"), "1")
	_, err = w.change("g", users[0], []domain.UserID{"goes", "comes"}, func(g *domain.GroupState) error {
		g.Users[0].Member = nil
		g.Users[1].Member = &domain.Member{User: "comes", Role: domain.RoleMember, Extra: json.RawMessage("{}"), JoinedAt: epoch}
		g.Events = []domain.GroupEvent{
			{Code: domain.EventMemberRemoved, Data: domain.GroupEventData{By: "owner", User: "goes"}},
			{Code: domain.EventMembersJoined, Data: domain.GroupEventData{Users: []domain.UserID{"comes"}}},
		}
		return nil
	})
	w.ok(err)
	w.send(users[0], toGroup("g"), "2")
	for user, want := range map[domain.UserRef][]int64{users[0]: {1, 2, 3, 4, 5}, users[1]: {1, 2, 3, 4}, users[2]: {3, 4, 5}, users[3]: nil} {
		var got []int64
		for i, e := range w.log(user.Num) {
			w.same("number", e.Seq, int64(i)+1)
			got = append(got, e.Message.ConversationSeq)
		}
		w.same("log of "+string(user.ID), got, want)
	}
	event := w.log(users[2].Num)[0].Message
	w.same("content", string(event.Content), `{"code":104,"data":{"by":"owner","user_id":"goes"}}`)
	w.same("sender", event.Sender, domain.Sender{Type: domain.SenderSystem})
	page, err := w.store.History(w.ctx, w.app.Num, users[2], toGroup("g"), domain.HistoryRange{Limit: 10})
	w.ok(err)
	w.same("history from joining on", len(page.Messages), 3)
	var published []int64
	for _, d := range w.deliveries() {
		published = append(published, d.Message.ConversationSeq)
	}
	slices.Sort(published) // sends and changes are published by different goroutines
	w.same("published", published, []int64{1, 2, 3, 4, 5})

	failed := errors.New("no")
	if _, err := w.change("g", users[0], nil, func(g *domain.GroupState) error {
		g.Events = []domain.GroupEvent{created}
		return failed
	}); !errors.Is(err, failed) {
		w.Errorf("got %v", err)
	}
	w.same("what fails tells nobody", len(w.log(users[0].Num)), 5)
}

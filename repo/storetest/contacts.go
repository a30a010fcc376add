package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func contactTests() map[string]func(*world) {
	return map[string]func(*world){
		"Contact_IsAskedForAcceptedAndRemoved":     contactLife,
		"Contact_RequestIsTurnedDownAndTakenBack":  contactRequests,
		"Contact_RemarkIsItsAuthorsAlone":          contactRemark,
		"Contact_ByTheBusinessNeedsNoAnswer":       contactByBusiness,
		"Contact_OfWhoHasBlockedIsRefused":         contactBlocked,
		"Contact_ListIsPagedByUserIDAndStatus":     contactList,
		"Contact_EndsWithEitherUser":               contactDeletedUser,
		"Contact_LimitHoldsForBoth":                contactLimit,
		"Contact_WhoAskEachOtherAtOnceAreContacts": contactBothAsk,
		"Contact_OfAnotherAppIsAbsent":             contactForeign,
		"Contact_EventsAreNumberedAmongMessages":   contactAmongMessages,
		"Contact_RefusedChangeTellsNobody":         contactRefused,
	}
}

type everything struct{}

func (everything) AllowN(domain.LimitKey, int) (bool, time.Duration) { return true, 0 }
func (everything) GiveBack(domain.LimitKey, int)                     {}

// Now is the clock of the tests.
func (everything) Now() time.Time { return epoch }

// contacts is the use case on the store, so that its rules are tried with it.
func (w *world) contacts() *domain.Contacts {
	return domain.NewContacts(w.store, everything{}, everything{})
}

func (w *world) by(user domain.UserRef) domain.Principal {
	return domain.Principal{Kind: domain.PrincipalUser, App: w.app.Ref(), User: user}
}

// ask makes user ask id, or accept its request, and returns what is then between them.
func (w *world) ask(user domain.UserRef, id domain.UserID, message string) domain.Contact {
	w.Helper()
	c, _, err := w.contacts().Put(w.ctx, w.by(user), id, domain.ContactParams{Message: &message})
	w.ok(err)
	return c
}

func (w *world) befriend(user domain.UserRef, others ...domain.UserRef) {
	w.Helper()
	for _, other := range others {
		w.ask(user, other.ID, "")
		w.ask(other, user.ID, "")
	}
}

func (w *world) wantContacts(user domain.UserRef, status domain.ContactStatus, want ...string) {
	w.Helper()
	wantPages(w, want, func(c domain.Contact) string { return string(c.User) }, func(p domain.Page) (domain.List[domain.Contact], error) {
		return w.store.Contacts(w.ctx, w.app.Num, user.Num, status, p)
	})
}

// wantStrangers reports where there is something between two users.
func (w *world) wantStrangers(a, b domain.UserRef) {
	w.Helper()
	for _, of := range [][2]domain.UserRef{{a, b}, {b, a}} {
		_, err := w.store.Contact(w.ctx, w.app.Num, of[0].Num, of[1].ID)
		w.refused(err, domain.ErrContactNotFound)
		for _, status := range []domain.ContactStatus{domain.ContactMutual, domain.ContactIncoming, domain.ContactOutgoing} {
			page, err := w.store.Contacts(w.ctx, w.app.Num, of[0].Num, status, domain.Page{Limit: 10})
			w.ok(err)
			for _, c := range page.Items {
				if c.User == of[1].ID {
					w.Errorf("%s lists %+v", of[0].ID, c)
				}
			}
		}
	}
}

// wantEvents checks the commands in a user's log.
func (w *world) wantEvents(user domain.UserRef, want ...string) {
	w.Helper()
	got := []string{}
	for _, e := range w.log(user.Num) {
		m := e.Message
		if m.Type != domain.ContentCommand || m.Sender.Type != domain.SenderSystem {
			continue
		}
		w.same("conversation", m.ConversationID(e.IsSender), domain.BusinessConversation)
		got = append(got, strings.NewReplacer(`{"code":`, "", `"data":`, "", `"`, "", "}", "", "{", "").Replace(string(m.Content)))
	}
	w.same("events of "+string(user.ID), got, append([]string{}, want...))
}

func contactLife(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	asked := w.ask(alice, "bob", "It is Alice")
	w.same("asked", asked, domain.Contact{User: "bob", Status: domain.ContactOutgoing, Message: "It is Alice", CreatedAt: epoch})
	theirs, err := w.store.Contact(w.ctx, w.app.Num, bob.Num, "alice")
	w.ok(err)
	w.same("incoming", theirs, domain.Contact{User: "alice", Status: domain.ContactIncoming, Message: "It is Alice", CreatedAt: epoch})
	w.ask(alice, "bob", "It is Alice")        // again: nothing is told
	w.ask(alice, "bob", "It is Alice, hello") // another message
	accepted := w.ask(bob, "alice", "unused")
	w.same("accepted", accepted, domain.Contact{User: "alice", Status: domain.ContactMutual, CreatedAt: epoch})
	w.same("again", w.ask(alice, "bob", "unused"), domain.Contact{User: "bob", Status: domain.ContactMutual, CreatedAt: epoch})
	w.wantContacts(alice, domain.ContactMutual, "bob")
	w.wantContacts(bob, domain.ContactMutual, "alice")
	w.wantContacts(alice, domain.ContactOutgoing)
	w.wantContacts(bob, domain.ContactIncoming)

	w.ok(w.contacts().Delete(w.ctx, w.by(alice), "bob"))
	w.wantStrangers(alice, bob)
	for _, by := range [][2]domain.UserRef{{alice, bob}, {bob, alice}} {
		w.refused(w.contacts().Delete(w.ctx, w.by(by[0]), by[1].ID), domain.ErrContactNotFound)
	}
	w.wantEvents(alice,
		"200,user_id:bob,by:alice,message:It is Alice", "200,user_id:bob,by:alice,message:It is Alice, hello", "201,user_id:bob,by:bob", "204,user_id:bob,by:alice")
	w.wantEvents(bob,
		"200,user_id:alice,by:alice,message:It is Alice", "200,user_id:alice,by:alice,message:It is Alice, hello", "201,user_id:alice,by:bob", "204,user_id:alice,by:alice")
	w.same("published", len(w.deliveries()), 8)
	w.ask(bob, "alice", "") // it may begin again
	w.wantContacts(alice, domain.ContactIncoming, "bob")
}

func contactRequests(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.ask(alice, "bob", "")
	w.ask(alice, "carol", "")
	w.ok(w.contacts().Delete(w.ctx, w.by(bob), "alice"))
	w.ok(w.contacts().Delete(w.ctx, w.by(alice), "carol"))
	w.wantStrangers(alice, bob)
	w.wantStrangers(alice, carol)
	w.wantEvents(alice, "200,user_id:bob,by:alice", "200,user_id:carol,by:alice", "202,user_id:bob,by:bob", "203,user_id:carol,by:alice")
	w.wantEvents(bob, "200,user_id:alice,by:alice", "202,user_id:alice,by:bob")
	w.wantEvents(carol, "200,user_id:alice,by:alice", "203,user_id:alice,by:alice")
}

func contactRemark(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	note := func(by domain.UserRef, id domain.UserID, remark string) domain.Contact {
		w.Helper()
		c, err := w.contacts().Update(w.ctx, w.by(by), id, &remark)
		w.ok(err)
		return c
	}
	w.ask(alice, "bob", "hi")
	want := domain.Contact{User: "bob", Status: domain.ContactOutgoing, Remark: "plumber 🔧", Message: "hi", CreatedAt: epoch}
	w.same("remark on a request", note(alice, "bob", "plumber 🔧"), want)
	w.same("again", note(alice, "bob", "plumber 🔧"), want)
	w.ask(bob, "alice", "")
	w.same("of bob", note(bob, "alice", "sales").Remark, "sales")
	got, err := w.store.Contact(w.ctx, w.app.Num, alice.Num, "bob")
	w.ok(err)
	w.same("kept when it was accepted", got, domain.Contact{User: "bob", Status: domain.ContactMutual, Remark: "plumber 🔧", CreatedAt: epoch})
	w.wantEvents(alice, "200,user_id:bob,by:alice,message:hi", "205,user_id:bob,by:alice,remark:plumber 🔧", "201,user_id:bob,by:bob")
	w.wantEvents(bob, "200,user_id:alice,by:alice,message:hi", "201,user_id:alice,by:bob", "205,user_id:alice,by:bob,remark:sales")
}

func contactByBusiness(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	business := w.by(alice)
	business.Kind = domain.PrincipalApp
	w.block(bob, "alice")
	w.ask(alice, "carol", "hi")
	for i, id := range []domain.UserID{"bob", "carol", "bob"} {
		remark := "of " + string(id)
		c, isNew, err := w.contacts().Put(w.ctx, business, id, domain.ContactParams{IsAccepted: true, Remark: &remark})
		w.ok(err)
		w.same("made", []any{c, isNew}, []any{domain.Contact{User: id, Status: domain.ContactMutual, Remark: remark, CreatedAt: epoch}, i == 0})
	}
	w.wantContacts(bob, domain.ContactMutual, "alice")
	w.wantContacts(carol, domain.ContactMutual, "alice")
	w.wantEvents(bob, "201,user_id:alice")
	_, _, err := w.contacts().Put(w.ctx, w.by(alice), "bob", domain.ContactParams{IsAccepted: true})
	w.refused(err, domain.ErrForbidden)
}

func contactBlocked(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.block(bob, "alice")
	_, _, err := w.contacts().Put(w.ctx, w.by(alice), "bob", domain.ContactParams{})
	w.refused(err, domain.ErrBlocked)
	w.wantStrangers(alice, bob)
	w.ask(bob, "alice", "")
	_, _, err = w.contacts().Put(w.ctx, w.by(alice), "bob", domain.ContactParams{}) // nor is a request of bob accepted
	w.refused(err, domain.ErrBlocked)
	w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, bob.Num, "alice"))
	w.same("accepted", w.ask(alice, "bob", "").Status, domain.ContactMutual)
	w.block(bob, "alice")
	w.same("a contact stays one", w.ask(alice, "bob", "").Status, domain.ContactMutual)
	w.ask(carol, "bob", "")
}

func contactList(w *world) {
	users := w.users("alice", "z", "b", "a", "B", "a.", "x")
	alice := users[0]
	for _, u := range users[1:4] {
		w.befriend(alice, u)
	}
	w.ask(alice, "B", "")
	w.ask(alice, "a.", "")
	w.ask(users[6], "alice", "")
	w.wantContacts(alice, domain.ContactMutual, "a", "b", "z")
	w.wantContacts(alice, domain.ContactOutgoing, "B", "a.")
	w.wantContacts(alice, domain.ContactIncoming, "x")
	w.wantContacts(users[1], domain.ContactMutual, "alice")
}

func contactDeletedUser(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.befriend(alice, bob, carol)
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "bob", epoch))
	w.wantContacts(alice, domain.ContactMutual, "carol")
	w.wantContacts(bob, domain.ContactMutual) // nothing is left under its number
	_, err := w.store.Contact(w.ctx, w.app.Num, alice.Num, "bob")
	w.refused(err, domain.ErrContactNotFound)
	w.refused(w.contacts().Delete(w.ctx, w.by(alice), "bob"), domain.ErrContactNotFound)
	_, _, err = w.contacts().Put(w.ctx, w.by(bob), "alice", domain.ContactParams{})
	w.refused(err, domain.ErrUnauthorized)
	_, _, err = w.contacts().Put(w.ctx, w.by(alice), "bob", domain.ContactParams{})
	w.refused(err, domain.ErrUserNotFound)
	w.wantStrangers(alice, w.user("bob")) // another one
}

func contactLimit(w *world) {
	users := w.many("u", 12)
	alice := users[0]
	const limit = 3
	ask := func(by domain.UserRef, id domain.UserID) error {
		_, err := w.store.ChangeContact(w.ctx, w.app.Num, by, id, limit, func(p *domain.ContactPair) error {
			p.Contact = &domain.Contact{User: p.Other, Status: domain.ContactOutgoing, CreatedAt: epoch}
			return nil
		})
		return err
	}
	var mu sync.Mutex
	var made []domain.UserRef
	var wg sync.WaitGroup
	for i, u := range users[1:] {
		wg.Go(func() { // ends with the test
			err := ask(alice, u.ID)
			if i%2 == 0 {
				err = errors.Join(err, ask(u, alice.ID)) // the limit of who is asked
			}
			mu.Lock()
			defer mu.Unlock()
			if _, err := w.store.Contact(w.ctx, w.app.Num, alice.Num, u.ID); err == nil {
				made = append(made, u)
			}
			if err != nil && !errors.Is(err, domain.TooManyContacts(limit)) {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.same("made at once", len(made), limit)
	w.ok(ask(alice, made[0].ID)) // one that is there is not one more
	w.ok(w.contacts().Delete(w.ctx, w.by(alice), made[0].ID))
	w.ok(ask(made[0], alice.ID))
}

func contactBothAsk(w *world) {
	users := w.many("u", 10)
	var wg sync.WaitGroup
	for i := 0; i < len(users); i += 2 {
		for _, pair := range [][2]domain.UserRef{{users[i], users[i+1]}, {users[i+1], users[i]}} {
			wg.Go(func() { // ends with the test
				if _, _, err := w.contacts().Put(w.ctx, w.by(pair[0]), pair[1].ID, domain.ContactParams{}); err != nil {
					w.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i, u := range users {
		w.wantContacts(u, domain.ContactMutual, string(users[i^1].ID))
		w.same("log", len(w.log(u.Num)), 2)
	}
}

func contactForeign(w *world) {
	users := w.users("alice", "bob")
	w.befriend(users[0], users[1])
	e := w.other()
	theirs := e.users("alice", "bob")
	for _, alice := range []domain.UserRef{users[0], theirs[0]} {
		e.wantContacts(alice, domain.ContactMutual)
		_, err := w.store.Contact(w.ctx, e.app.Num, alice.Num, "bob")
		w.refused(err, domain.ErrContactNotFound)
	}
	w.refused(e.contacts().Delete(w.ctx, e.by(theirs[0]), "bob"), domain.ErrContactNotFound)
	_, _, err := e.contacts().Put(w.ctx, e.by(users[0]), "bob", domain.ContactParams{})
	w.refused(err, domain.ErrUnauthorized)
	w.ok(w.store.DeleteUser(w.ctx, e.app.Num, "alice", epoch))
	w.wantContacts(users[0], domain.ContactMutual, "bob")
}

// contactAmongMessages has events between messages of the business.
func contactAmongMessages(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.send(domain.UserRef{}, toUser(bob), "welcome")
	for i := range 3 {
		w.ask(alice, "bob", fmt.Sprint(i))
		w.ok(w.contacts().Delete(w.ctx, w.by(bob), "alice"))
	}
	w.send(domain.UserRef{}, toUser(bob), "news")
	w.same("history", w.history(bob, domain.Target{}), []string{"welcome", "", "", "", "", "", "", "news"})
	w.same("log", w.texts(bob), []string{"welcome", "", "", "", "", "", "", "news"})
}

func contactRefused(w *world) {
	users := w.users("alice", "bob")
	_, err := w.store.ChangeContact(w.ctx, w.app.Num, users[0], "bob", 10, func(p *domain.ContactPair) error {
		p.Contact = &domain.Contact{User: "bob", Status: domain.ContactMutual, CreatedAt: epoch}
		p.Events = append(p.Events, domain.ContactEvent{Code: domain.EventContactAdded, To: "bob", User: "alice"})
		return domain.ErrForbidden
	})
	w.refused(err, domain.ErrForbidden)
	w.wantStrangers(users[0], users[1])
	w.same("stored", len(w.log(users[1].Num)), 0)
	w.same("published", len(w.deliveries()), 0)
}

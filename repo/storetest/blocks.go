package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
)

func blockTests() map[string]func(*world) {
	return map[string]func(*world){
		"Block_StaysAsItWasMadeUntilItIsDeleted": blockLife,
		"Block_ListIsPagedByUserID":              blockList,
		"Block_NamesAUserAndNotAnID":             blockDeletedUser,
		"Block_ListEndsWithItsUser":              blockDeletedOwner,
		"Block_LimitHolds":                       blockLimit,
		"Block_RefusesWhatTheBlockedSends":       blockRefuses,
		"Block_RefusesNothingElse":               blockRefusesOnly,
		"Block_RepeatsKeepTheirFirstAnswer":      blockRepeats,
		"Block_RefusesItsSendsAmongMany":         blockAmongMany,
		"Block_OfAnotherAppIsAbsent":             blockForeign,
	}
}

// put blocks id for user.
func (w *world) put(user domain.UserRef, id domain.UserID, at time.Time, limit int) (domain.Block, bool, error) {
	return w.store.PutBlock(w.ctx, w.app.Num, user, domain.Block{User: id, CreatedAt: at}, limit)
}

func (w *world) block(user domain.UserRef, ids ...domain.UserID) {
	w.Helper()
	for _, id := range ids {
		_, _, err := w.put(user, id, epoch, domain.MaxBlocks)
		w.ok(err)
	}
}

func (w *world) wantBlocks(user domain.UserRef, want ...string) {
	w.Helper()
	wantPages(w, want, func(b domain.Block) string { return string(b.User) }, func(p domain.Page) (domain.List[domain.Block], error) {
		return w.store.Blocks(w.ctx, w.app.Num, user.Num, p)
	})
}

func blockLife(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	want := domain.Block{User: "bob", CreatedAt: epoch}
	for _, isFirst := range []bool{true, false} {
		got, isNew, err := w.put(alice, "bob", want.CreatedAt, 10)
		w.ok(err)
		w.same("blocked", []any{got, isNew}, []any{want, isFirst})
	}
	got, isNew, err := w.put(alice, "bob", epoch.Add(time.Hour), 10)
	w.ok(err)
	w.same("blocked later", []any{got, isNew}, []any{want, false})
	got, err = w.store.Block(w.ctx, w.app.Num, alice.Num, "bob")
	w.ok(err)
	w.same("read", got, want)
	page, err := w.store.Blocks(w.ctx, w.app.Num, alice.Num, domain.Page{Limit: 10})
	w.ok(err)
	w.same("list", page.Items, []domain.Block{want})
	w.wantBlocks(bob)

	_, _, err = w.put(alice, "ghost", epoch, 10)
	w.refused(err, domain.ErrUserNotFound)
	_, _, err = w.put(domain.UserRef{Num: alice.Num + 1, ID: "alice"}, "bob", epoch, 10) // an earlier user of the name
	w.refused(err, domain.ErrUnauthorized)
	_, _, err = w.put(domain.UserRef{Num: 1, ID: "ghost"}, "bob", epoch, 10)
	w.refused(err, domain.ErrUnauthorized)
	for _, id := range []domain.UserID{"alice", "Bob", "ghost"} {
		_, err = w.store.Block(w.ctx, w.app.Num, alice.Num, id)
		w.refused(err, domain.ErrBlockNotFound)
		w.refused(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, id), domain.ErrBlockNotFound)
	}
	_, err = w.store.Block(w.ctx, w.app.Num, bob.Num, "alice")
	w.refused(err, domain.ErrBlockNotFound)

	w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, "bob"))
	w.refused(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, "bob"), domain.ErrBlockNotFound)
	_, err = w.store.Block(w.ctx, w.app.Num, alice.Num, "bob")
	w.refused(err, domain.ErrBlockNotFound)
	w.wantBlocks(alice)
	w.send(bob, toUser(alice), "again")
}

func blockList(w *world) {
	users := w.users("alice", "z", "b", "a", "B", "a.")
	w.block(users[0], "z", "b", "a", "B", "a.")
	w.block(users[1], "alice", "b")
	w.wantBlocks(users[0], "B", "a", "a.", "b", "z")
	w.wantBlocks(users[1], "alice", "b")
}

func blockDeletedUser(w *world) {
	users := w.users("alice", "bob", "carol")
	alice := users[0]
	w.block(alice, "bob", "carol")
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "bob", epoch))
	absent := func() {
		w.Helper()
		w.wantBlocks(alice, "carol")
		_, err := w.store.Block(w.ctx, w.app.Num, alice.Num, "bob")
		w.refused(err, domain.ErrBlockNotFound)
		w.refused(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, "bob"), domain.ErrBlockNotFound)
	}
	absent()
	_, _, err := w.put(alice, "bob", epoch, 10)
	w.refused(err, domain.ErrUserNotFound)
	bob := w.user("bob")
	absent()
	w.send(bob, toUser(alice), "a new bob")
	_, isNew, err := w.put(alice, "bob", epoch, 2) // the old one does not count
	w.ok(err)
	w.same("is new", isNew, true)
	w.wantBlocks(alice, "bob", "carol")
}

func blockDeletedOwner(w *world) {
	users := w.users("alice", "bob")
	w.block(users[0], "bob")
	w.block(users[1], "alice")
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", epoch))
	w.wantBlocks(users[0]) // nothing is left under its number
	alice := w.user("alice")
	w.wantBlocks(alice)
	w.send(users[1], toUser(alice), "hi")
}

func blockLimit(w *world) {
	users := w.many("u", 12)
	alice := users[0]
	const limit = 3
	var made atomic.Int32
	var wg sync.WaitGroup
	for _, u := range users[1:] {
		wg.Go(func() { // ends with the test
			switch _, _, err := w.put(alice, u.ID, epoch, limit); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, domain.TooManyBlocks(limit)):
				w.Error(err)
			}
		})
	}
	wg.Wait()
	w.same("made at once", made.Load(), int32(limit))
	page, err := w.store.Blocks(w.ctx, w.app.Num, alice.Num, domain.Page{Limit: 20})
	w.ok(err)
	w.same("listed", len(page.Items), limit)
	_, isNew, err := w.put(alice, page.Items[0].User, epoch, limit) // one that is there is not one more
	w.ok(err)
	w.same("is new", isNew, false)
	w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, page.Items[0].User))
	w.block(alice, page.Items[0].User)
}

func blockRefuses(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.block(alice, "bob")
	out := w.outgoing(bob, toUser(alice), "x", "c1")
	for range 2 {
		_, err := w.store.Append(w.ctx, out)
		w.refused(err, domain.ErrBlocked)
		_, err = w.store.Receivers(w.ctx, out)
		w.refused(err, domain.ErrBlocked)
	}
	w.same("nothing was stored", [][]string{w.texts(alice), w.texts(bob)}, [][]string{{}, {}})
	w.same("nothing was published", len(w.deliveries()), 0)

	w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, "bob"))
	r, err := w.store.Append(w.ctx, out) // a refused send has not taken its client_msg_id
	w.ok(err)
	w.same("first", []any{r.Repeated, r.ConversationSeq}, []any{false, int64(1)})
}

func blockRefusesOnly(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.group("g", users...)
	w.block(alice, "bob")
	for i, out := range []domain.Outgoing{
		w.outgoing(alice, toUser(bob), "0", ""),              // who blocks may write
		w.outgoing(bob, toUser(carol), "1", ""),              // to others
		w.outgoing(carol, toUser(alice), "2", ""),            // by others
		w.outgoing(bob, toUser(bob), "3", ""),                // to oneself
		w.outgoing(bob, toGroup("g"), "4", ""),               // in a group
		w.outgoing(domain.UserRef{}, toUser(alice), "5", ""), // by the business
	} {
		_, err := w.store.Receivers(w.ctx, out)
		w.ok(err)
		_, err = w.store.Append(w.ctx, out)
		w.ok(err)
		w.same("published", len(w.deliveries()), i+1)
	}
	w.same("alice", w.texts(alice), []string{"0", "2", "4", "5"})
	w.same("bob", w.texts(bob), []string{"0", "1", "3", "4"})
}

func blockRepeats(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	out := w.outgoing(bob, toUser(alice), "x", "c1")
	first, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.block(alice, "bob")
	again, err := w.store.Append(w.ctx, out)
	w.ok(err)
	first.Repeated = true
	w.same("again", again, first)
	_, err = w.store.Append(w.ctx, w.outgoing(bob, toUser(alice), "y", "c1"))
	w.refused(err, domain.ErrIdempotencyConflict)
	_, err = w.store.Append(w.ctx, w.outgoing(bob, toUser(alice), "x", "c2"))
	w.refused(err, domain.ErrBlocked)
	w.same("stored", w.texts(alice), []string{"x"})
}

// blockAmongMany sends all at once, so that they share batches.
func blockAmongMany(w *world) {
	users := w.many("u", 12)
	w.block(users[0], "u001", "u003")
	w.block(users[3], "u000", "u002")
	blocked := map[[2]int]bool{{1, 0}: true, {3, 0}: true, {0, 3}: true, {2, 3}: true} // by sender and receiver
	got := make([]int, len(users))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for from := range users {
		for to := range users {
			wg.Go(func() { // ends with the test
				want := domain.Code("")
				if blocked[[2]int{from, to}] {
					want = domain.CodeBlocked
				}
				_, err := w.store.Append(w.ctx, w.outgoing(users[from], toUser(users[to]), fmt.Sprint(from), ""))
				if domain.CodeOf(err) != want {
					w.Errorf("from %d to %d: got %v, want code %q", from, to, err, want)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					got[to]++
				}
			})
		}
	}
	wg.Wait()
	w.same("stored", got, []int{10, 12, 12, 10, 12, 12, 12, 12, 12, 12, 12, 12})
}

// blockForeign asks another app for the entries of this one, by the numbers of its users.
func blockForeign(w *world) {
	users := w.users("alice", "bob")
	w.block(users[0], "bob")
	e := w.other()
	theirs := e.users("alice", "bob")
	for _, alice := range []domain.UserRef{users[0], theirs[0]} {
		e.wantBlocks(alice)
		_, err := w.store.Block(w.ctx, e.app.Num, alice.Num, "bob")
		w.refused(err, domain.ErrBlockNotFound)
		w.refused(w.store.DeleteBlock(w.ctx, e.app.Num, alice.Num, "bob"), domain.ErrBlockNotFound)
	}
	_, _, err := e.put(users[0], "bob", epoch, 10)
	w.refused(err, domain.ErrUnauthorized)
	e.send(theirs[1], toUser(theirs[0]), "hi")
	e.block(theirs[0], "bob")
	w.ok(w.store.DeleteUser(w.ctx, e.app.Num, "alice", epoch))
	w.wantBlocks(users[0], "bob")
}

// nodesBlock blocks on one node and sends on the other, while others write too.
func nodesBlock(w *world, b Store) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	var wg sync.WaitGroup
	wg.Go(func() { // ends after its sends
		for i := range 60 {
			if _, err := b.Append(w.ctx, w.outgoing(carol, toUser(alice), fmt.Sprint(i), "")); err != nil {
				w.Error(err)
			}
		}
	})
	const rounds = 12
	for range rounds {
		w.block(alice, "bob")
		out := w.outgoing(bob, toUser(alice), "x", "")
		_, err := b.Append(w.ctx, out)
		w.refused(err, domain.ErrBlocked)
		_, err = b.Receivers(w.ctx, out)
		w.refused(err, domain.ErrBlocked)
		w.ok(w.store.DeleteBlock(w.ctx, w.app.Num, alice.Num, "bob"))
		_, err = b.Append(w.ctx, out)
		w.ok(err)
	}
	wg.Wait()
	w.same("from bob", len(w.log(bob.Num)), rounds)
}

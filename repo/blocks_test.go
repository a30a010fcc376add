package repo

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gim-im/gim/domain"
)

func TestAppend_BlocksTakeOneStatementABatch(t *testing.T) {
	t.Parallel()
	users := make([]domain.UserID, 40)
	for i := range users {
		users[i] = domain.UserID(fmt.Sprintf("u%02d", i))
	}
	g := gather(t, users...)
	_, _, err := g.PutBlock(t.Context(), g.app, domain.UserRef{Num: g.users["u00"], ID: "u00"}, domain.Block{User: "u01"}, 1)
	g.must(err)
	_, err = g.CreateGroup(t.Context(), g.app, domain.Group{ID: "g", Type: domain.GroupNormal, Owner: "u00", Extra: json.RawMessage("{}")}, users)
	g.must(err)
	seen := newStatementsSeen()
	seen.watch(t, g.Store, g.dir)

	var blocked *answer
	for i, from := range users {
		a := g.queue(g.out(from, domain.Target{User: users[0]}, fmt.Sprint(i), ""))
		if from == "u01" {
			blocked = a
		}
		g.queue(g.out(from, domain.Target{Group: "g"}, "in the group", ""))
	}
	g.run()
	g.want("batches", g.batches, []int{2 * len(users)})
	g.want("blocked", domain.CodeOf(blocked.err), domain.CodeBlocked)
	g.want("stored", len(g.log("u00")), 2*len(users)-1)
	g.want("statements", seen.times("JOIN blocks"), 1)
	var conversations int
	g.must(g.read.Get(&conversations, `SELECT COUNT(*) FROM conversations`))
	g.want("conversations with the group's", conversations, len(users))
}

func TestAppend_BlocksAreNotAskedForWithoutSingleChats(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	_, err := g.CreateGroup(t.Context(), g.app, domain.Group{ID: "g", Type: domain.GroupNormal, Owner: "bob", Extra: json.RawMessage("{}")}, []domain.UserID{"alice", "bob"})
	g.must(err)
	seen := newStatementsSeen()
	seen.watch(t, g.Store, g.dir)
	byBusiness := g.out("alice", domain.Target{User: "bob"}, "by the business", "")
	byBusiness.User, byBusiness.Message.Sender = 0, domain.Sender{Type: domain.SenderBusiness}
	for _, out := range []domain.Outgoing{byBusiness, g.out("alice", domain.Target{Group: "g"}, "in a group", ""), g.out("bob", domain.Target{User: "bob"}, "to oneself", "")} {
		g.queue(out)
	}
	g.run()
	g.want("stored", g.log("bob"), []string{"by the business", "in a group", "to oneself"})
	g.want("statements", seen.times("JOIN blocks"), 0)
}

// Contacts are asked for by one more statement a batch, and only where the app's users
// may send to them alone.
func TestAppend_ContactsTakeAStatementWhereTheyMatter(t *testing.T) {
	t.Parallel()
	for friendsOnly, want := range map[int]domain.Code{0: "", 1: domain.CodeNotFriend} {
		g := gather(t, "alice", "bob", "carol")
		_, err := g.write.Exec(`UPDATE apps SET friends_only = ? WHERE id = ?`, friendsOnly, g.app)
		g.must(err)
		seen := newStatementsSeen()
		seen.watch(t, g.Store, g.dir)
		bob := g.queue(g.out("alice", domain.Target{User: "bob"}, "hi", ""))
		carol := g.queue(g.out("alice", domain.Target{User: "carol"}, "hi", ""))
		g.run()
		g.want("batches", g.batches, []int{2})
		g.want("answers", []domain.Code{domain.CodeOf(bob.err), domain.CodeOf(carol.err)}, []domain.Code{want, want})
		g.want("statements", seen.times("contacts"), friendsOnly)
	}
}

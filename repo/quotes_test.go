package repo

import (
	"testing"

	"github.com/gim-im/gim/domain"
)

// Replies cost a batch one statement, whoever sends them and in how many conversations,
// and none where there are no replies.
func TestQuotes_AreReadTogether(t *testing.T) {
	t.Parallel()
	g, users := gatherGroup(t, 3)
	group, chat := domain.Target{Group: "g"}, domain.Target{User: users[1]}
	seen := newStatementsSeen()
	commit := func(quoted map[domain.Target]domain.MessageID) (ids map[domain.Target]domain.MessageID) {
		answers := map[domain.Target]*answer{}
		for _, from := range []domain.UserID{users[0], users[2], users[0]} {
			for _, to := range []domain.Target{group, chat} {
				if to == chat {
					from = users[0]
				}
				out := g.out(from, to, "text", "")
				out.Message.ReplyTo = quoted[to]
				answers[to] = g.queue(out)
			}
		}
		g.commitAll()
		ids = map[domain.Target]domain.MessageID{}
		for to, a := range answers {
			g.must(a.err)
			ids[to] = a.receipt.MessageID
		}
		return ids
	}
	commit(nil) // begins the chat
	seen.watch(t, g.Store, g.dir)
	quoted := commit(nil)
	g.want("statements without replies", seen.times(" AS c FROM (VALUES"), 0)
	before := seen.times("")
	commit(quoted)
	g.want("statements that read what is answered", seen.times(" AS c FROM (VALUES"), 1)
	g.want("statements more than without", seen.times("")-2*before, 1)
}

// What one has deleted, others of the batch may answer.
func TestQuotes_AreEachSendersOwn(t *testing.T) {
	t.Parallel()
	g, users := gatherGroup(t, 3)
	group := domain.Target{Group: "g"}
	first := g.queue(g.out(users[0], group, "first", ""))
	g.commitAll()
	g.must(first.err)
	for _, id := range users[:2] {
		g.must(g.DeleteMessage(t.Context(), g.app, domain.UserRef{Num: g.users[id], ID: id}, first.receipt.MessageID))
	}
	g.batches = nil
	var got []domain.Code
	var all []*answer
	for _, from := range []domain.UserID{users[0], users[2], users[1]} {
		out := g.out(from, group, "reply", "")
		out.Message.ReplyTo = first.receipt.MessageID
		all = append(all, g.queue(out))
	}
	g.commitAll()
	for _, a := range all {
		got = append(got, domain.CodeOf(a.err))
	}
	g.want("batches", g.batches, []int{3})
	g.want("answers", got, []domain.Code{domain.CodeBadRequest, "", domain.CodeBadRequest})
}

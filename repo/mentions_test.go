package repo

import (
	"testing"

	"github.com/gim-im/gim/domain"
)

// Mentions cost a batch one statement, whatever their number, and none where there are
// no mentions.
func TestMentions_AreWrittenTogether(t *testing.T) {
	t.Parallel()
	g, users := gatherGroup(t, 5)
	seen := newStatementsSeen()
	seen.watch(t, g.Store, g.dir)
	for range 3 {
		g.queue(g.out(users[0], domain.Target{Group: "g"}, "plain", ""))
	}
	g.commitAll()
	g.want("statements without mentions", seen.times("mentions ("), 0)
	before := seen.times("")
	for _, from := range users[:3] {
		out := g.out(from, domain.Target{Group: "g"}, "look", "")
		for _, id := range users {
			out.Message.Mentions = append(out.Message.Mentions, string(id))
		}
		g.queue(out)
	}
	g.commitAll()
	g.want("statements that write mentions", seen.times("mentions ("), 1)
	g.want("statements more than without", seen.times("")-2*before, 1)
	g.want("mentions", g.rows("mentions"), 3*4)
}

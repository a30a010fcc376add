package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func TestSignal_IsAnsweredAndPushed(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		alice.send(`{"id":2,"signal":{"to":{"user_id":"bob"},"kind":"typing"}}`)
		synctest.Wait()
		if f := alice.frame(-1); f.ID != 2 || f.Signaled == nil {
			t.Errorf("answered with %s", alice)
		}
		if f := bob.frame(-1); f.ID != 0 || f.Signal == nil || f.Signal.Kind != "typing" {
			t.Errorf("bob received %s", bob)
		}
		alice.send(`{"id":3,"signal":{"to":{"user_id":"bob"}}}`)
		alice.wantFailed(3, domain.CodeBadRequest)
		bob.wantSeqs("")
	})
}

// TestSignal_WaitsForNobody: it is not pushed before the sign-in is answered, and
// dropped rather than held for a client that does not read.
func TestSignal_WaitsForNobody(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		large := fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 4000))
		signal := func() {
			w.PublishEvents([]*wire.Event{{Kind: wire.EventSignal, Topic: w.topic("alice"), Signal: wire.NewSignal(&wire.PushedSignal{
				ConversationId: "user:bob", Kind: "typing", Data: large,
			})}})
		}
		w.setOnRead(signal) // attached, and not yet signed in
		c := n.signIn(t, "alice", "")
		w.setOnRead(nil)
		if len(c.frames) != 1 {
			t.Errorf("received %s", c)
		}
		resume := c.pause()
		for range 1000 { // four times what the queue holds
			signal()
		}
		synctest.Wait()
		resume()
		w.receive("alice", "is pushed all the same")
		c.wantSeqs("1")
		c.wantOpen()
	})
}

package gateway_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

const hello = `{"id":%d,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"}}}`

func TestOwnSend_IsAnsweredInThePlaceOfItsPush(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		b := n.signIn(t, "bob", "")
		w.receive("alice", "one")
		c.send(hello, 5)
		synctest.Wait()
		w.receive("alice", "three")
		c.wantSeqs("1 s2 3")
		b.wantSeqs("1")
		if f := c.frame(2); f.ID != 5 || f.Sent.Durable != nil {
			t.Errorf("sent is %s", c)
		}
	})
}

// The interleavings of a commit, its events and its answer: how the steps
// between the start and the end of a send are ordered.
func TestOwnSend_KeepsItsPlaceWhateverComesFirst(t *testing.T) {
	tests := []struct {
		name   string
		before int  // messages of others stored before the send
		after  int  // and after it, before its answer
		events bool // the events of all that arrive before the answer
		lose   bool // and those of others never
		want   string
	}{
		{"event, then answer", 0, 0, true, false, "s1"},
		{"answer without event", 0, 0, false, false, "s1"},
		{"others around, events first", 2, 2, true, false, "1 2 s3 4 5"},
		{"others around, answer first", 2, 2, false, false, "1 2 s3 4 5"},
		{"others around, events of others lost", 2, 2, true, true, "1 2 s3 4 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				c := n.signIn(t, "alice", "")
				w.instant = false
				w.events = nil
				answer := make(chan struct{})
				w.beforeSend = func(domain.SendParams) error {
					for range tt.before {
						w.receive("alice", "before")
					}
					return nil
				}
				w.afterCommit = func(domain.SendParams) error {
					for range tt.after {
						w.receive("alice", "after")
					}
					<-answer
					return nil
				}
				c.send(hello, 5)
				synctest.Wait()
				deliver := func() {
					for _, e := range w.events {
						if !tt.lose || e.IsSender {
							w.hub.Handle(e)
						}
					}
				}
				if tt.events {
					deliver()
					synctest.Wait()
				}
				if strings.Contains(c.seqs(), "s") {
					t.Fatal("answered before it was answered")
				}
				close(answer)
				synctest.Wait()
				deliver()
				c.wantSeqs(tt.want)
			})
		})
	}
}

func TestOwnSend_OutcomeUnknownIsPushedLikeAnyOther(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.afterCommit = func(domain.SendParams) error { return domain.ErrUnavailable }
		c.send(`{"id":5,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},"client_msg_id":"c1"}}`)
		c.wantSeqs("1")
		c.wantFailed(5, domain.CodeUnavailable)
		w.afterCommit = nil
		w.receive("alice", "two")
		synctest.Wait()
		before := w.reads
		c.send(`{"id":6,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},"client_msg_id":"c1"}}`)
		c.wantSeqs("1 2 s1") // the first answer again, at once
		if w.reads != before {
			t.Error("reads the store for an answer whose place is in the past")
		}
	})
}

func TestOwnSend_RepeatedDuringReplayStandsInItsPlace(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		const send = `{"id":5,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"hi"},"client_msg_id":"c1"}}`
		for range 300 {
			w.receive("alice", "before")
		}
		first := n.signIn(t, "alice", "")
		first.send(send)
		synctest.Wait()
		w.receive("alice", "after")
		first.peer.Drop()
		reads, goOn := 0, make(chan struct{})
		w.onRead = func() {
			if reads++; reads == 2 { // of the page with the message
				<-goOn
			}
		}
		c := n.signIn(t, "alice", `,"after":50`)
		c.send(send)
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		if got := c.seqs(); !strings.HasSuffix(got, " 299 300 s301 302") {
			t.Errorf("received %s", got)
		}
	})
}

func TestOwnSend_RefusedIsAnsweredAtOnce(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.beforeSend = func(domain.SendParams) error {
			return &domain.Error{Code: domain.CodeRateLimited, Detail: "Too fast.", RetryAfter: 250e6}
		}
		c.send(hello, 5)
		c.wantFailed(5, domain.CodeRateLimited)
		if f := c.frame(-1); !f.Error.Retryable || f.Error.RetryAfterMs != 250 {
			t.Errorf("answered %s", c)
		}
	})
}

func TestOwnSend_ByRESTIsPushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		byREST := func() {
			w.commit("alice", domain.Message{
				Sender: domain.Sender{Type: domain.SenderUser, User: "alice", Device: "alice-phone"}, To: domain.Target{User: "bob"},
				Type: domain.ContentText, Content: []byte(`{"text":"hi"}`),
			}, true, "")
		}
		byREST()
		c.wantSeqs("1")
		w.afterCommit = func(domain.SendParams) error { byREST(); return nil }
		c.send(hello, 5)
		c.wantSeqs("1 s2 3")
	})
}

func TestOwnSend_OtherDevicesOfTheUserArePushedIt(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		other := n.dial(t)
		other.send(`{"id":1,"sign_in":{"token":"alice alice-web"}}`)
		synctest.Wait()
		c.send(hello, 5)
		c.wantSeqs("s1")
		other.wantSeqs("1")
		if id := other.frame(1).Push.Messages[0].ConversationID; id != "user:bob" {
			t.Errorf("conversation %q, want user:bob", id)
		}
	})
}

func TestOwnSend_KeepsTheOrderOfItsFrames(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		for i := range 20 {
			c.send(hello, i+2)
		}
		synctest.Wait()
		for i := range 20 {
			if f := c.frame(i + 1); f.ID != uint64(i+2) || f.Sent.Seq != int64(i+1) {
				t.Fatalf("answer %d is id %d, seq %d", i, f.ID, f.Sent.Seq)
			}
		}
	})
}

func TestOwnSend_UnansweredOnesAreBounded(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		resume := c.pause()
		c.send(`{"id":2,"ping":{}}`) // its answer takes the pause into effect
		c.send(`{"id":3,"ping":{}}`)
		sent := 0
		go func() {
			for i := range 200 {
				c.send(hello, i+10)
				sent++
			}
		}()
		synctest.Wait()
		if log := len(w.users["alice"].log); log > 70 {
			t.Errorf("took %d sends from a client that reads no answers", log)
		}
		resume()
		synctest.Wait()
		if sent != 200 {
			t.Errorf("took %d sends in the end, want 200", sent)
		}
	})
}

func TestEphemeral_IsPushedToOthersAndNotNumbered(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		b := n.signIn(t, "bob", "")
		c.send(`{"id":5,"send":{"to":{"user_id":"bob"},"type":"custom","content":{"x":1},"persist":false}}`)
		b.wantSeqs("0")
		c.wantSeqs("s0")
		if f := c.frame(-1); f.Sent.Durable == nil || *f.Sent.Durable {
			t.Errorf("answered %s", c)
		}
	})
}

func TestEphemeral_IsPushedDuringAReplayToo(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.receive("alice", "one")
		w.onRead = func() {
			w.onRead = nil
			w.hub.Handle(&wire.Event{Kind: wire.EventMessage, Topic: w.topic("alice"), Body: wire.NewBody(&domain.Message{
				ID: "e", Sender: domain.Sender{Type: domain.SenderBusiness}, To: domain.Target{User: "alice"}, Content: []byte(`{}`),
			})})
		}
		n.signIn(t, "alice", `,"after":0`).wantSeqs("0 1")
	})
}

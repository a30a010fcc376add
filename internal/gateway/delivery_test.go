package gateway_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func TestSession_ReplaysThenGoesLive(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 3 {
			w.receive("alice", "before")
		}
		c := n.signIn(t, "alice", `,"after":1,"epoch":"e1"`)
		if f := c.frame(0).SignedIn; f.HeadSeq != 3 || f.FirstSeq != 1 || f.Epoch != "e1" || f.DeviceID != "alice-phone" {
			t.Errorf("signed in with %+v", f)
		}
		w.receive("alice", "after")
		c.wantSeqs("2 3 4")
	})
}

func TestSession_WithoutCursorOnlyNewMessagesArePushed(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.receive("alice", "before")
		c := n.signIn(t, "alice", "")
		w.receive("alice", "after")
		c.wantSeqs("2")
	})
}

func TestSession_MissesNothingThatIsStoredWhileItReplays(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 950 {
			w.receive("alice", "before")
		}
		reads := 0
		w.onRead = func() { // right after each of the first reads, more is stored
			if reads++; reads <= 6 {
				w.receive("alice", "meanwhile")
			}
		}
		c := n.signIn(t, "alice", `,"after":0`)
		c.wantSeqs(rangeOf(1, 956))
		before := w.reads
		w.receive("alice", "live")
		synctest.Wait()
		if w.reads != before {
			t.Error("still reads the store after having caught up")
		}
	})
}

func TestSession_StoredWhileSigningInIsPushed(t *testing.T) {
	for _, fields := range []string{``, `,"after":0`} {
		t.Run(fields, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				w.onRead = func() {
					w.onRead = nil
					w.receive("alice", "meanwhile")
				}
				n.signIn(t, "alice", fields).wantSeqs("1")
			})
		})
	}
}

func TestSession_ReadsTheStoreForWhatTheBusLoses(t *testing.T) {
	tests := []struct {
		name  string
		order []int // of delivery, of three events; an event may come twice or never
		gap   bool
		want  string
	}{
		{"in order", []int{0, 1, 2}, false, "1 2 3"},
		{"first lost", []int{1, 2}, false, "1 2 3"},
		{"last alone", []int{2}, false, "1 2 3"},
		{"reversed", []int{2, 1, 0}, false, "1 2 3"},
		{"each twice", []int{0, 0, 1, 1, 2, 2}, false, "1 2 3"},
		{"old repeated late", []int{0, 1, 2, 0, 1}, false, "1 2 3"},
		{"all lost with a gap", nil, true, "1 2 3"},
		{"last lost", []int{0, 1}, false, "1 2 3"}, // found by the regular check
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world, n *node) {
				c := n.signIn(t, "alice", "")
				w.instant = false
				w.events = nil
				for range 3 {
					w.receive("alice", "hi")
				}
				events := w.events
				for _, i := range tt.order {
					w.hub.Handle(events[i])
					synctest.Wait()
				}
				if tt.gap {
					w.hub.Handle(&wire.Event{Kind: wire.EventGap})
				}
				if tt.name == "last lost" { // nothing tells of it but the regular check
					c.wantSeqs("1 2")
					time.Sleep(16 * time.Second)
				}
				c.wantSeqs(tt.want)
			})
		})
	}
}

func TestSession_GapOfItsTopicMakesItReadTheStore(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.instant = false
		w.receive("alice", "lost")
		w.hub.Handle(&wire.Event{Kind: wire.EventGap, Topic: w.topic("bob")})
		c.wantSeqs("")
		w.hub.Handle(&wire.Event{Kind: wire.EventGap, Topic: w.topic("alice")})
		c.wantSeqs("1")
	})
}

func TestSession_GapDuringAReplayIsNotForgotten(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		w.instant = false
		w.onRead = func() { // stored after the snapshot, its event lost, and the bus says so
			w.onRead = nil
			w.receive("alice", "lost")
			w.hub.Handle(&wire.Event{Kind: wire.EventGap})
		}
		n.signIn(t, "alice", `,"after":0`).wantSeqs("1")
	})
}

func TestSession_EventBeyondTheLogDoesNoHarm(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.receive("alice", "hi")
		bogus := *w.published[len(w.published)-1]
		bogus.Seq = 1 << 40
		w.hub.Handle(&bogus)
		c.wantSeqs("1")
		w.receive("alice", "still here")
		c.wantSeqs("1 2")
	})
}

func TestSession_PurgedEntriesAreSkipped(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 5 {
			w.receive("alice", "hi")
		}
		w.users["alice"].first = 4
		c := n.signIn(t, "alice", `,"after":1`)
		if first := c.frame(0).SignedIn.FirstSeq; first != 4 {
			t.Errorf("first_seq %d, want 4", first)
		}
		c.wantSeqs("4 5")
	})
}

func TestSession_LooksIntoTheStoreEachSecondWhileTheBusIsDown(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.mu.Lock()
		w.down = true
		w.mu.Unlock()
		w.receive("alice", "hi")
		c.wantSeqs("")
		time.Sleep(2 * time.Second)
		c.wantSeqs("1")
	})
}

func TestSession_StoreThatFailsIsTriedAgain(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.mu.Lock()
		w.instant, w.readErr = false, errStore
		w.mu.Unlock()
		w.receive("alice", "hi")
		w.hub.Handle(&wire.Event{Kind: wire.EventGap})
		time.Sleep(1500 * time.Millisecond)
		c.send(`{"id":7,"ping":{}}`)
		synctest.Wait()
		if f := c.frame(-1); f.Pong == nil {
			t.Errorf("no pong while the store fails: %s", c)
		}
		w.mu.Lock()
		w.readErr = nil
		w.mu.Unlock()
		time.Sleep(time.Second)
		c.wantSeqs("1")
		if n := strings.Count(n.logs.String(), "the disk is on fire"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
	})
}

func TestSession_StoreThatStaysAwayClosesWithTryLater(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		c := n.signIn(t, "alice", "")
		w.mu.Lock()
		w.readErr = domain.ErrUnavailable
		w.mu.Unlock()
		w.hub.Handle(&wire.Event{Kind: wire.EventGap})
		c.wantClosed(wire.CloseTryLater)
	})
}

func TestSession_ManyWaitingMessagesShareAFrame(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 450 {
			w.receive("alice", "hi")
		}
		c := n.signIn(t, "alice", `,"after":0`)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, f := range c.frames[1:] {
			if n := len(f.Push.Messages); n > 200 {
				t.Errorf("%d messages in a frame", n)
			}
		}
		if len(c.frames) > 4 {
			t.Errorf("%d frames for 450 messages", len(c.frames)-1)
		}
	})
}

func TestSession_FramesStayBelowTheirSizeUnlessOneMessageIsLarger(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		for range 10 {
			w.receive("alice", strings.Repeat("a", 30_000))
		}
		c := n.signIn(t, "alice", `,"after":0`)
		c.wantSeqs("1 2 3 4 5 6 7 8 9 10")
		for i, want := range []int{4, 4, 2} {
			if n := len(c.frame(i + 1).Push.Messages); n != want {
				t.Errorf("frame %d has %d messages, want %d", i, n, want)
			}
		}
	})
}

package gateway_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

// quickPipe is a connection that can write without waiting, and counts it.
type quickPipe struct {
	gateway.Conn
	tried atomic.Int64
	full  atomic.Bool
}

func (q *quickPipe) TryWrite(frame []byte) bool {
	q.tried.Add(1)
	return !q.full.Load() && q.WriteFrames([][]byte{frame}, time.Now().Add(time.Second)) == nil
}

func (n *node) dialQuick(t tester) (*quickPipe, *client) {
	conn, peer := conntest.NewPipe(wire.JSON)
	q := &quickPipe{Conn: conn}
	return q, n.serve(t, q, peer)
}

func TestPing_IsAnsweredQuickly(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		stranger := n.dial(t)
		stranger.send(`{"id":7,"ping":{}}`)
		stranger.wantClosed(wire.CloseUnauthenticated) // before the sign-in it is no different from others
		q, c := n.dialQuick(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		c.wantOpen()
		w.receive("alice", "hi")
		c.wantOpen()
		for i, test := range []struct {
			frame string
			tried int64
			full  bool
		}{
			{`{"id":7,"ping":{}}`, 1, false},
			{`{"id":7,"ping":{"seq":0}}`, 1, false}, // asks the store
			{`{"ping":{},"id":7}`, 1, false},        // nobody writes it like that
			{`{"id":7,"ping":{}}`, 2, true},
		} {
			q.full.Store(test.full)
			c.send("%s", test.frame)
			c.wantOpen()
			if f := c.frame(-1); f.ID != 7 || f.Pong == nil || f.Pong.HeadSeq != 1 || q.tried.Load() != test.tried {
				t.Errorf("%d: tried %d times, want %d: %s", i, q.tried.Load(), test.tried, c)
			}
		}
	})
}

// While the pump writes it alone does, and what comes while a ping is answered is
// not forgotten.
func TestPing_AndThePumpTakeTurns(t *testing.T) {
	run(t, func(t *testing.T, w *world, n *node) {
		_, c := n.dialQuick(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		c.wantOpen()
		for _, first := range []func(){
			func() { w.receive("alice", "one") },
			func() { c.send(`{"id":2,"ping":{}}`) },
		} {
			resume := c.pause() // the pipe holds nothing: who writes is stuck
			first()
			synctest.Wait()
			c.send(`{"id":3,"ping":{}}`)
			synctest.Wait()
			w.receive("alice", "two")
			synctest.Wait()
			resume()
			c.wantOpen()
			if f := c.frame(-1); f.Push == nil && f.Pong == nil {
				t.Errorf("ends with neither: %s", c)
			}
		}
		c.wantSeqs("1 2 3")
	})
}

func TestPing_AfterMalformedFramesCountsAsWellFormed(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		_, c := n.dialQuick(t)
		c.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		for range 4 {
			c.send("x")
			c.send("x")
			c.send(`{"id":2,"ping":{}}`)
			c.wantOpen()
		}
	})
}

package e2e

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// dialNarrow opens a connection of which little is on its way when nobody reads.
func dialNarrow(t *testing.T, url string) *talk {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return conn, err
	}}
	ws, resp, err := websocket.Dial(t.Context(), url+"/v1/ws", &websocket.DialOptions{
		Subprotocols: []string{wire.Proto.String()}, HTTPClient: &http.Client{Transport: transport},
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &talk{t: t, enc: wire.Proto, ws: ws}
}

// stepOf puts what a trace says of a user into words.
func stepOf(trace client.MessageTrace, user string) string {
	for _, s := range trace.Items {
		if s.UserId == user {
			return says(s)
		}
	}
	return ""
}

// Whose connection was closed because nobody read from it has what it was to be pushed
// in the log, and the trace says why it is no further.
func TestTrace_OfASlowConsumerSaysSo(t *testing.T) {
	onTracingPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob")
		alice := a.as("alice")
		token := a.token(t, "bob", object{"device": object{"type": "web"}})
		dialNarrow(t, g2.URL).signIn(token.Token, nil)
		a.waitOnline(t, "bob", 1)
		// A node that has only just come to know the others does not know all.
		first := alice.sent(t, text("bob", "first")).MessageId
		alice.trace(t, first, written(1))

		big := with(text("bob", ""), "content", contentOf(64<<10))
		stuck := alice.sent(t, big).MessageId
		const want = "bob stored slow_consumer offline"
		for deadline := time.Now().Add(patience); ; { // some more than the network holds, and then until it is closed
			trace := read[client.MessageTrace](t, alice.get(t, "/v1/messages/"+stuck+"/trace").want(t, 200))
			step := stepOf(trace, "bob")
			if step == want {
				break
			}
			if strings.HasPrefix(step, "bob written") {
				stuck = alice.sent(t, big).MessageId
			} else {
				time.Sleep(20 * time.Millisecond) // a write may take 10 s
			}
			if time.Now().After(deadline) {
				t.Fatalf("what nobody reads stays %q", step)
			}
		}
		trace := a.back().on(g2).trace(t, stuck, func(trace client.MessageTrace) bool { return stepOf(trace, "bob") == want })
		wantSteps(t, trace, "alice sent", want)
		for _, s := range trace.Items {
			if s.UserId == "bob" && (len(s.Devices) != 1 || s.Devices[0].DeviceId != *token.DeviceId || s.OfflineSince == nil) {
				t.Errorf("%s", marshal(t, s))
			}
		}
		// It is no reason for what came through before, nor for what is sent since.
		wantSteps(t, alice.trace(t, first, written(1)), "alice sent", "bob written websocket")
		later := alice.sent(t, text("bob", "later")).MessageId
		wantSteps(t, alice.trace(t, later, written(0)), "alice sent", "bob stored offline")
	})
}

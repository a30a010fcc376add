package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

// node is a gateway under test, inside a synctest bubble.
type node struct {
	*gateway.Gateway
	w    *world
	logs *logBuffer
	stop func()
}

// tester is what both *testing.T and *rapid.T are.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func start(t tester, w *world, change ...func(*gateway.Options)) *node {
	t.Helper()
	logs := new(logBuffer)
	o := gateway.Options{
		Hub: w.hub, Auth: w, Messages: w, Devices: w, Store: w, IDs: w, Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	g, err := gateway.New(o)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Run(ctx)
	}()
	return &node{Gateway: g, w: w, logs: logs, stop: func() { cancel(); <-done }}
}

// run is a test in a bubble with one world and one node.
func run(t *testing.T, test func(t *testing.T, w *world, n *node)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := start(t, w)
		defer n.stop()
		test(t, w, n)
	})
}

// client is the other end of a connection; it notes all it receives.
type client struct {
	t    tester
	peer *conntest.PipePeer
	done chan struct{} // closed when the connection is

	mu     sync.Mutex
	frames []frame
	code   wire.CloseCode
	away   time.Duration // how long it was told to stay away
	stall  chan struct{} // while not nil, nothing is read
}

// frame is a server frame in JSON, loosely.
type frame struct {
	ID       uint64 `json:"id"`
	SignedIn *struct {
		DeviceID  string `json:"device_id"`
		SessionID string `json:"session_id"`
		FirstSeq  int64  `json:"first_seq"`
		HeadSeq   int64  `json:"head_seq"`
		Epoch     string `json:"epoch"`
		Groups    []groupHead
	} `json:"signed_in"`
	Pong *struct {
		HeadSeq int64 `json:"head_seq"`
	} `json:"pong"`
	Acked *struct {
		Seq             int64
		GroupID         string `json:"group_id"`
		ConversationSeq int64  `json:"conversation_seq"`
	} `json:"acked"`
	Sent *struct {
		Seq             int64
		ConversationSeq int64 `json:"conversation_seq"`
		Durable         *bool
	} `json:"sent"`
	Subscribed   *groupHead `json:"subscribed"`
	Unsubscribed *groupHead `json:"unsubscribed"`
	SyncPage     *struct {
		Items   []message
		HasMore bool `json:"has_more"`
	} `json:"sync_page"`
	Error *struct {
		Code, Message string
		Retryable     bool
		RetryAfterMs  int64 `json:"retry_after_ms"`
	} `json:"error"`
	Push *struct {
		Messages []message
	} `json:"push"`
	Signal    *struct{ Kind string } `json:"signal"`
	Signaled  *struct{}              `json:"signaled"`
	Refreshed *struct {
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"refreshed"`
	Presence *struct {
		Items []presenceItem
	} `json:"presence"`
	Closing *struct {
		Code             int
		Reason           string
		ReconnectAfterMs int64 `json:"reconnect_after_ms"`
	} `json:"closing"`
}

type message struct {
	Seq             int64
	ConversationID  string `json:"conversation_id"`
	ConversationSeq int64  `json:"conversation_seq"`
	Content         json.RawMessage
}

type groupHead struct {
	GroupID string `json:"group_id"`
	Head    int64
	Acked   int64
	Unread  int64
}

// somebody is at the other end of every connection here.
var somebody = gateway.Peer{Transport: "tcp", Addr: netip.MustParseAddr("192.0.2.1")}

// dial connects without signing in.
func (n *node) dial(t tester) *client {
	conn, peer := conntest.NewPipe(wire.JSON)
	return n.serve(t, conn, peer)
}

func (n *node) serve(t tester, conn gateway.Conn, peer *conntest.PipePeer) *client {
	return n.serveAt(t, conn, peer, somebody)
}

func (n *node) serveAt(t tester, conn gateway.Conn, peer *conntest.PipePeer, at gateway.Peer) *client {
	c := &client{t: t, peer: peer, done: make(chan struct{})}
	go n.Serve(context.Background(), conn, at)
	go c.read()
	return c
}

// signIn connects as a user from its phone, with more fields for the sign-in.
func (n *node) signIn(t tester, user, fields string) *client {
	t.Helper()
	c := n.dial(t)
	c.send(`{"id":1,"sign_in":{"token":"%s %s-phone"%s}}`, user, user, fields)
	synctest.Wait()
	if f := c.frame(0); f.SignedIn == nil {
		t.Fatalf("sign-in answered with %s", c)
	}
	return c
}

func (c *client) read() {
	defer close(c.done)
	for {
		c.mu.Lock()
		stall := c.stall
		c.mu.Unlock()
		if stall != nil {
			<-stall
		}
		raw, err := c.peer.Receive()
		c.mu.Lock()
		if err != nil {
			closed := err.(*conntest.Closed) //nolint:errorlint,forcetypeassert // the only one
			c.code, c.away = closed.Code, closed.ReconnectAfter
			c.mu.Unlock()
			return
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			c.t.Errorf("received %s: %v", raw, err)
		}
		c.frames = append(c.frames, f)
		c.mu.Unlock()
	}
}

// pause stops reading until resume.
func (c *client) pause() (resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stall := make(chan struct{})
	c.stall = stall
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stall = nil
		close(stall)
	}
}

func (c *client) send(format string, args ...any) {
	_ = c.peer.Send(fmt.Appendf(nil, format, args...))
}

func (c *client) frame(i int) frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 {
		i += len(c.frames)
	}
	if i < 0 || i >= len(c.frames) {
		return frame{}
	}
	return c.frames[i]
}

// seqs lists what has a place in the log, in the order of arrival: "3" was
// pushed, "s3" is the answer to an own send.
func (c *client) seqs() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, f := range c.frames {
		if f.Sent != nil {
			all = append(all, fmt.Sprintf("s%d", f.Sent.Seq))
		}
		if f.Push != nil {
			for _, m := range f.Push.Messages {
				all = append(all, fmt.Sprint(m.Seq))
			}
		}
	}
	return strings.Join(all, " ")
}

func (c *client) wantSeqs(want string) {
	c.t.Helper()
	synctest.Wait()
	if got := c.seqs(); got != want {
		c.t.Errorf("received %q, want %q", got, want)
	}
}

// wantClosed waits until the connection is closed.
func (c *client) wantClosed(code wire.CloseCode) {
	c.t.Helper()
	<-c.done
	if c.code != code {
		c.t.Errorf("closed with %d %s, want %d %s", c.code, c.code, code, code)
	}
}

func (c *client) wantOpen() {
	c.t.Helper()
	synctest.Wait()
	select {
	case <-c.done:
		c.t.Fatalf("closed with %d %s", c.code, c.code)
	default:
	}
}

func (c *client) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, _ := json.Marshal(c.frames)
	return string(raw)
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// wantFailed wants an error as the answer to a frame.
func (c *client) wantFailed(id uint64, code domain.Code) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.ID == id && f.Error != nil {
			if f.Error.Code != string(code) {
				c.t.Errorf("frame %d failed with %q, want %q", id, f.Error.Code, code)
			}
			return
		}
	}
	c.t.Errorf("frame %d got no error, want %q", id, code)
}

// rangeOf lists pushed entries as seqs does.
func rangeOf(from, to int) string {
	var all []string
	for seq := from; seq <= to; seq++ {
		all = append(all, fmt.Sprint(seq))
	}
	return strings.Join(all, " ")
}

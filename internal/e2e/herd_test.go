package e2e

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// herd is one device that connects many times at once. Every connection asks for
// the whole log.
type herd struct {
	t             *testing.T
	rec           *history.Recorder
	user, device  string
	token         string
	members, over sync.WaitGroup

	mu       sync.Mutex // guards what follows
	changed  chan struct{}
	codes    []int // of the connections that are over
	strange  []error
	volatile map[string]int // messages without a number, and how often each came
}

// connect opens a connection to each of the addresses and keeps it until the
// server closes it or ctx ends.
func (h *herd) connect(ctx context.Context, addresses []string) {
	begin := make(chan struct{})
	for _, address := range addresses {
		h.members.Add(1)
		h.over.Go(func() { // ends with ctx
			h.members.Done()
			<-begin
			err := h.live(ctx, address)
			h.note(func() {
				if closed, ok := errors.AsType[*client.ClosedError](err); ok {
					h.codes = append(h.codes, closed.Code)
				} else if ctx.Err() == nil {
					h.strange = append(h.strange, err)
				}
			})
		})
	}
	h.members.Wait()
	close(begin)
}

func (h *herd) live(ctx context.Context, address string) error {
	conn, err := client.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // mostly closed by then
	var all int64
	if _, err := conn.SignIn(ctx, h.token, &all); err != nil {
		return err
	}
	seen := h.rec.Connect(h.user, h.device, 0)
	for {
		f, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		for _, m := range f.GetPush().GetMessages() {
			if m.GetSeq() == 0 {
				h.note(func() { h.volatile[m.GetMessageId()]++ })
				continue
			}
			seen.Got(pushed(m))
			h.note(func() {})
		}
	}
}

func (h *herd) note(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// until waits for a condition, which is looked at under mu.
func (h *herd) until(what string, holds func() bool) {
	h.t.Helper()
	late := time.After(2 * patience)
	for {
		h.mu.Lock()
		ok, changed := holds(), h.changed
		over, strange := len(h.codes), slices.Clone(h.strange)
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			h.t.Fatalf("%s does not come about: %d connections are over, %d others failed: %v", what, over, len(strange), strange[:min(3, len(strange))])
		}
	}
}

// Of a device that connects a thousand times at once, to two nodes, one
// connection stays; the others are told that they are replaced. Whatever is sent
// meanwhile is in the log of the one that stays, and nothing goes astray.
func TestCluster_OneOfAHerdOfConnectionsOfADeviceStays(t *testing.T) {
	t.Parallel()
	c := newCluster(t, testserver.MariaDB(t), testserver.NewRedis(t).URL(), "--sign-in-timeout", "1m")
	alice := c.phone("alice", c.a)
	c.keepSending(c.rest("alice", c.a), clusterPair, clusterTeam)
	c.keepSending(c.rest("carol", c.b), clusterTeam)
	token, device := c.app.Token(t, "bob")
	h := &herd{t: t, rec: c.rec, user: "bob", device: device, token: token, changed: make(chan struct{}), volatile: make(map[string]int)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	const size = 1000
	h.connect(ctx, slices.Repeat(c.addresses(), size/len(c.addresses())))
	h.until("that one stays", func() bool { return len(h.codes)+len(h.strange) >= size-1 })
	c.progress(alice)
	c.finish()
	c.noneFailed()
	no, bob := false, "bob"
	got, err := c.app.For(t, "alice").SendMessageWithResponse(t.Context(), nil, client.SendMessageRequest{
		To: client.Target{UserId: &bob}, Type: "text", Content: []byte(`{"text":"only now"}`), Persist: &no,
	})
	if err != nil || got.JSON202 == nil {
		t.Fatalf("send what is not stored: %v", err)
	}
	h.until("that it is pushed", func() bool { return h.volatile[got.JSON202.MessageId] > 0 })
	if len(h.codes) != size-1 || len(h.strange) > 0 {
		t.Errorf("%d connections are over, %d others failed: %v", len(h.codes), len(h.strange), h.strange[:min(3, len(h.strange))])
	}
	for _, code := range h.codes {
		if wire.CloseCode(code) != wire.CloseReplaced { //nolint:gosec // small
			t.Errorf("closed with %d, want %d", code, wire.CloseReplaced)
		}
	}
	if n := h.volatile[got.JSON202.MessageId]; n != 1 {
		t.Errorf("%d connections were left", n)
	}
	cancel()
	h.over.Wait()
	c.judge(alice)
}

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// wanderer is a device that reads its user's log and one large group, now over one
// transport and now over another. It holds two numbers and nothing else.
type wanderer struct {
	t      *testing.T
	caller // with the token of the device
	group  string
	rand   *rand.Rand

	seq, number           int64 // of the last message that it holds, in the log and in the group
	lastSeq, lastNumber   int64 // of the last that there will be
	own, ofGroup          []string
	turns, repeats, taken map[string]int // by transport
	now                   string         // the transport
}

func (w *wanderer) over() bool { return w.seq == w.lastSeq && w.number == w.lastNumber }

// take takes a message: what it holds is dropped, and nothing may be missing.
func (w *wanderer) take(seq, number int64, id string) {
	w.t.Helper()
	n, at, all := seq, &w.seq, &w.own
	if seq == 0 {
		n, at, all = number, &w.number, &w.ofGroup
	}
	switch {
	case n <= *at:
		w.repeats[w.now]++
	case n != *at+1:
		w.t.Fatalf("%s: %d (seq %d) follows %d after %v", w.now, n, seq, *at, w.taken)
	default:
		*at = n
		*all = append(*all, id)
		w.taken[w.now]++
	}
}

// takeAll takes messages until left of them were taken; the rest of a frame is lost with
// its connection.
func (w *wanderer) takeAll(messages []*wire.Message, left *int) {
	w.t.Helper()
	for _, m := range messages {
		if *left == 0 {
			return
		}
		w.take(m.GetSeq(), m.GetConversationSeq(), m.GetMessageId())
		*left--
	}
}

func (w *wanderer) byConn(address string, left int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	conn, err := client.Dial(ctx, address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Drop() //nolint:errcheck // gone either way
	err = conn.Write(ctx, &wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{
		Token: w.credential, After: &w.seq, Groups: map[string]int64{w.group: w.number},
	}}})
	if err != nil {
		w.t.Fatal(err)
	}
	if f, err := conn.Read(ctx); f.GetSignedIn() == nil {
		w.t.Fatalf("%s: %v, %v", w.now, f, err)
	}
	for left > 0 && !w.over() {
		f, err := conn.Read(ctx)
		if err != nil {
			w.t.Fatalf("%s: %v", w.now, err)
		}
		w.takeAll(f.GetPush().GetMessages(), &left)
	}
}

func (w *wanderer) bySSE(url string, left int) {
	w.t.Helper()
	s := openSSE(w.t, url, w.credential, fmt.Sprintf("groups=%s:%d", w.group, w.number), fmt.Sprintf("Last-Event-ID: %d", w.seq))
	defer s.cancel()
	for left > 0 && !w.over() {
		w.takeAll([]*wire.Message{s.message()}, &left)
	}
}

// byPoll makes one long poll, and reads what it says the group has.
func (w *wanderer) byPoll(limit int) {
	w.t.Helper()
	page := read[client.SyncPage](w.t, w.get(w.t, fmt.Sprintf("/v1/sync?wait=20&limit=%d&after=%d&groups=%s:%d", limit, w.seq, w.group, w.number)).want(w.t, 200))
	for _, m := range page.Items {
		w.take(m.Seq, m.ConversationSeq, m.MessageId)
	}
	for _, g := range page.Groups {
		if g.GroupId != w.group || g.Head <= w.number {
			continue
		}
		for _, m := range w.history(w.t, "group:"+w.group, fmt.Sprintf("after=%d&limit=%d", w.number, limit)).Items {
			w.take(m.Seq, m.ConversationSeq, m.MessageId)
		}
	}
}

// turn reads some messages over a transport, from either node.
func (w *wanderer) turn(transport string, g *gimtest.Gim) {
	w.t.Helper()
	w.now, w.gim = transport, g
	w.turns[transport]++
	switch some := 1 + w.rand.IntN(12); transport {
	case "websocket":
		w.byConn(g.URL, some)
	case "tcp":
		w.byConn(g.TCPURL, some)
	case "sse":
		w.bySSE(g.URL, some)
	case "poll":
		w.byPoll(some)
	}
}

// A device changes transports at any moment, also in the middle of a push, while others
// and its own user write: it sees every message once and in order, by its two numbers.
func TestSwitch_EveryMessageOnceOverFourTransports(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		const each = 60 // messages of a sender, to bob and to the group by turns
		nodes := []*gimtest.Gim{g1, g2}
		a := newApp(t, g1, "alice", "carol", "bob")
		a.newLarge(t, "news", object{}, "alice", "carol", "bob")
		device, _ := a.onDevice(t, "bob")
		seed := rand.Uint64() //nolint:gosec // a test's
		t.Logf("seed %d", seed)
		w := &wanderer{
			t: t, caller: device, group: "news", rand: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // a test's
			number: 1, lastSeq: 1 + 3*each/2, lastNumber: 1 + 3*each/2, // the creation comes first, and is in the log too
			turns: map[string]int{}, repeats: map[string]int{}, taken: map[string]int{},
		}
		var sending errgroup.Group
		for i, user := range []string{"alice", "carol", "bob"} {
			by, to := a.as(user).on(nodes[i%2]), "bob"
			if user == "bob" {
				to = "alice"
			}
			sending.Go(func() error {
				for n := range each {
					body := groupText("news", fmt.Sprint(user, n))
					if n%2 == 0 {
						body = text(to, fmt.Sprint(user, n))
					}
					if got := by.post(t, "/v1/messages", body); got.status != 201 {
						return fmt.Errorf("send: %d %s", got.status, got.body)
					}
				}
				return nil
			})
		}
		transports := []string{"websocket", "tcp", "sse", "poll"}
		for !w.over() {
			for _, i := range w.rand.Perm(len(transports)) {
				if !w.over() {
					w.turn(transports[i], nodes[w.rand.IntN(2)])
				}
			}
		}
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		for _, transport := range transports {
			if w.turns[transport] < 2 {
				t.Errorf("%d turns by %s", w.turns[transport], transport)
			}
		}
		t.Logf("turns %v, messages %v, repeats %v", w.turns, w.taken, w.repeats)
		w.gim = g1
		var own, ofGroup []string
		for _, m := range walk(t, w.caller, 200) {
			own = append(own, m.MessageId)
		}
		for _, m := range w.history(t, "group:news", "after=1&limit=200").Items {
			ofGroup = append(ofGroup, m.MessageId)
		}
		if !slices.Equal(w.own, own) || !slices.Equal(w.ofGroup, ofGroup) {
			t.Errorf("saw %d and %d messages, and not what the log and the group have: %d and %d", len(w.own), len(w.ofGroup), len(own), len(ofGroup))
		}
	})
}

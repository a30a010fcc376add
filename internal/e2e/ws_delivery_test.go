package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

var wsApps atomic.Int64

// onWires runs test on both backends with both encodings, each with an app of
// its own.
func onWires(t *testing.T, test func(t *testing.T, app gimtest.App, enc wire.Encoding)) {
	t.Helper()
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
			t.Run(enc.String(), func(t *testing.T) {
				t.Parallel()
				app := g.NewApp(t, fmt.Sprintf("ws-%d", wsApps.Add(1)))
				app.NewUsers(t, "alice", "bob")
				test(t, app, enc)
			})
		}
	})
}

// pairHistory is a history of alice and bob.
func pairHistory() (rec *history.Recorder, pair history.Conversation) {
	rec, pair = history.New(), history.Single("alice", "bob")
	rec.Converse(pair, "alice", "bob")
	return rec, pair
}

// connectWS connects a new device of user from after on, into the history; nil
// is without a cursor.
func connectWS(t *testing.T, rec *history.Recorder, app gimtest.App, user string, enc wire.Encoding, after *int64) (*talk, *history.Connection) {
	t.Helper()
	token, device := app.Token(t, user)
	k := dialWS(t, app.URL, enc)
	k.signIn(token, after)
	from := k.signed.GetHeadSeq()
	if after != nil {
		from = *after
	}
	return k, rec.Connect(user, device, from)
}

// A device that signs in with a cursor gets what follows it and then what comes,
// while somebody sends without pause.
func TestWS_ReplaysAndGoesLiveWithoutAHole(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		rec, pair := pairHistory()
		s := byREST(t, rec, app, "alice", 0, app.URL)
		ctx := t.Context()
		if err := s.sendMany(ctx, func(n int) bool { return n == 20 }, pair); err != nil {
			t.Fatal(err)
		}
		var stop atomic.Bool
		var sending errgroup.Group
		sending.Go(func() error { // ends with stop
			return s.sendMany(ctx, func(int) bool { return stop.Load() }, pair)
		})
		var talks []*talk
		var connections []*history.Connection
		for round := range int64(8) {
			after := round * 2
			cursor := &after
			if round%4 == 3 {
				cursor = nil // only what is new
			}
			k, seen := connectWS(t, rec, app, "bob", enc, cursor)
			if k.signed.GetUserId() != "bob" || k.signed.GetFirstSeq() != 1 || k.signed.GetEpoch() == "" ||
				k.signed.GetHeartbeatMs() != 30_000 || k.signed.GetMaxFrameBytes() != wire.MaxFrameBytes {
				t.Errorf("signed in as %v", k.signed)
			}
			for seen.Cursor() < k.signed.GetHeadSeq()+5 {
				seen.Got(pushed(k.message()))
			}
			talks, connections = append(talks, k), append(connections, seen)
		}
		stop.Store(true)
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		for i, seen := range connections {
			for seen.Cursor() < int64(s.sent) {
				seen.Got(pushed(talks[i].message()))
			}
		}
		judge(t, rec, app, []string{"alice", "bob"})
	})
}

// The answers to a connection's own sends stand among its pushes in the place of
// the messages, also when the user sends from elsewhere at the same time.
func TestWS_OrdersOwnSendsAmongPushes(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		const each = 40
		rec, pair := pairHistory()
		none := int64(0)
		k, seen := connectWS(t, rec, app, "alice", enc, &none)
		other, _ := app.Token(t, "alice")
		second := newTalk(t, app, enc, other)
		var sending errgroup.Group
		for lane, user := range []string{"alice", "bob"} {
			s := byREST(t, rec, app, user, lane, app.URL)
			sending.Go(func() error { return s.sendMany(t.Context(), func(n int) bool { return n == each }, pair) })
		}
		own := make(map[uint64]history.Send)
		for i := range each { // not one after the other: the server keeps the order of a connection
			m := history.Send{ClientMsgID: fmt.Sprintf("own-%d", i), Sender: "alice", To: pair, Lane: 2}
			rec.Sends(m)
			own[k.say(&wire.ClientFrame{Body: sendFrame("bob", m.ClientMsgID, m.ClientMsgID)})] = m
			elsewhere := history.Send{ClientMsgID: fmt.Sprintf("elsewhere-%d", i), Sender: "alice", To: pair, Lane: 3}
			rec.Sends(elsewhere)
			second.say(&wire.ClientFrame{Body: sendFrame("bob", elsewhere.ClientMsgID, elsewhere.ClientMsgID)})
		}
		for seen.Cursor() < 4*each {
			f := k.hear()
			for _, m := range f.GetPush().GetMessages() {
				seen.Got(pushed(m))
				if m.GetSender().GetDeviceId() == k.signed.GetDeviceId() {
					t.Errorf("the connection was pushed its own %s", m.GetClientMsgId())
				}
			}
			if sent := f.GetSent(); sent != nil {
				m := own[f.GetId()]
				rec.Acked(m.ClientMsgID, history.Receipt{MessageID: sent.GetMessageId(), ConversationSeq: sent.GetConversationSeq(), Seq: sent.GetSeq()})
				seen.Got(history.Entry{
					Seq: sent.GetSeq(), MessageID: sent.GetMessageId(), ClientMsgID: m.ClientMsgID, Sender: "alice",
					To: pair, ConversationSeq: sent.GetConversationSeq(),
				})
				if !sent.GetDurable() || sent.GetConversationId() != "user:bob" || sent.GetSentAt() == 0 {
					t.Errorf("sent: %v", sent)
				}
			} else if f.GetPush() == nil {
				t.Fatalf("got %v", f)
			}
		}
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		judge(t, rec, app, []string{"alice", "bob"})
	})
}

// newTalk connects and signs in with token, without a cursor.
func newTalk(t *testing.T, app gimtest.App, enc wire.Encoding, token string) *talk {
	t.Helper()
	k := dialWS(t, app.URL, enc)
	k.signIn(token, nil)
	return k
}

func TestWS_SyncsAcksAndPings(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		for i := range 7 {
			app.SendText(t, "alice", "bob", fmt.Sprint(i), "")
		}
		token, device := app.Token(t, "bob")
		k := newTalk(t, app, enc, token)
		limit := int32(3)
		sync := func(after int64) *wire.SyncPage {
			return k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Sync{Sync: &wire.Sync{After: after, Limit: &limit}}}).GetSyncPage()
		}
		page := sync(2)
		if len(page.GetItems()) != 3 || page.GetItems()[0].GetSeq() != 3 || !page.GetHasMore() ||
			page.GetHeadSeq() != 7 || page.GetFirstSeq() != 1 || page.GetEpoch() != k.signed.GetEpoch() {
			t.Errorf("page after 2: %v", page)
		}
		if page = sync(5); len(page.GetItems()) != 2 || page.GetHasMore() {
			t.Errorf("page after 5: %v", page)
		}
		ack := func(seq int64) *wire.ServerFrame {
			return k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ack{Ack: &wire.Ack{Seq: seq}}})
		}
		if got := ack(5).GetAcked().GetSeq(); got != 5 {
			t.Errorf("ack of 5: %d", got)
		}
		if got := ack(4).GetAcked().GetSeq(); got != 5 {
			t.Errorf("ack of 4 after 5: %d", got)
		}
		if got := ack(8).GetError(); got.GetCode() != "bad_ack" || got.GetRetryable() {
			t.Errorf("ack above the head: %v", got)
		}
		d, err := app.For(t, "bob").GetDeviceWithResponse(t.Context(), device, nil)
		if err != nil || d.JSON200 == nil || d.JSON200.AckedSeq != 5 {
			t.Errorf("the device: %v, %+v", err, d)
		}
		pong := k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}}).GetPong()
		if pong.GetHeadSeq() != 7 {
			t.Errorf("pong %v, want the head 7", pong)
		}
	})
}

func TestWS_PushesWhatIsNotStoredToThoseOnline(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		from, _ := app.Token(t, "alice")
		to, _ := app.Token(t, "bob")
		alice, bob := newTalk(t, app, enc, from), newTalk(t, app, enc, to)
		frame, no := sendFrame("bob", "psst", ""), false
		frame.Send.Persist = &no
		sent := alice.ask(&wire.ClientFrame{Body: frame}).GetSent()
		if sent.GetDurable() || sent.GetSeq() != 0 || sent.GetMessageId() == "" {
			t.Errorf("sent: %v", sent)
		}
		if m := bob.message(); m.GetMessageId() != sent.GetMessageId() || m.GetSeq() != 0 || string(m.GetContent()) != `{"text":"psst"}` {
			t.Errorf("bob got %v", m)
		}
		if log := wholeLog(t, app, "bob"); len(log) > 0 {
			t.Errorf("it was stored: %v", log)
		}
	})
}

func TestWS_PacksWhatIsWaitingIntoFewFrames(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		const many = 60
		s := byREST(t, history.New(), app, "alice", 0, app.URL)
		if err := s.sendMany(t.Context(), func(n int) bool { return n == many }, history.Single("alice", "bob")); err != nil {
			t.Fatal(err)
		}
		token, _ := app.Token(t, "bob")
		k, none := dialWS(t, app.URL, enc), int64(0)
		k.signIn(token, &none)
		frames, got := 0, 0
		for ; got < many; frames++ {
			got += len(k.hear().GetPush().GetMessages())
		}
		if frames > 3 {
			t.Errorf("%d messages that were waiting came in %d frames", many, frames)
		}
	})
}

func TestWS_TheNewestConnectionOfADeviceWins(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		token, _ := app.Token(t, "bob")
		older := newTalk(t, app, enc, token)
		other, _ := app.Token(t, "bob") // another device is left alone
		apart := newTalk(t, app, enc, other)
		newer := newTalk(t, app, enc, token)
		older.wantClosed(4504)
		app.SendText(t, "alice", "bob", "hi", "")
		for _, k := range []*talk{newer, apart} {
			if m := k.message(); m.GetSeq() != 1 {
				t.Errorf("got %v", m)
			}
		}
	})
}

func TestWS_RefusesAStaleCursor(t *testing.T) {
	onWires(t, func(t *testing.T, app gimtest.App, enc wire.Encoding) {
		app.SendText(t, "alice", "bob", "hi", "")
		token, _ := app.Token(t, "bob")
		beyond, within := int64(2), int64(1)
		for name, in := range map[string]*wire.SignIn{
			"beyond the head":  {Token: token, After: &beyond},
			"of another epoch": {Token: token, After: &within, Epoch: "before-the-flood"},
		} {
			k := dialWS(t, app.URL, enc)
			k.say(&wire.ClientFrame{Body: &wire.ClientFrame_SignIn{SignIn: in}})
			frames := k.wantClosed(4005)
			if len(frames) != 1 || frames[0].GetError().GetCode() != "resync_required" || frames[0].GetId() != 1 {
				t.Errorf("%s: %v", name, frames)
			}
		}
	})
}

package client

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

func TestNewStream_ChecksItsOptions(t *testing.T) {
	t.Parallel()
	token := func(context.Context) (string, error) { return "t", nil }
	for name, o := range map[string]StreamOptions{
		"no address":      {Token: token},
		"no token":        {Address: "tcp://server"},
		"negative cursor": {Address: "tcp://server", Token: token, Cursor: &Cursor{Seq: -1}},
		"backoff":         {Address: "tcp://server", Token: token, MinBackoff: 2, MaxBackoff: 1},
	} {
		if _, err := NewStream(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestRun_SignsInFromTheCursorAndHandsOn(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), DeviceID: "phone", Client: "app/1"}, func(t *testing.T, r *rig) {
		p, in := r.signIn(7)
		if in.GetAfter() != 5 || in.GetEpoch() != "e1" || in.GetToken() != "t1" || in.GetDeviceId() != "phone" || in.GetClient() != "app/1" {
			t.Errorf("signed in with %v", in)
		}
		p.push(entry(6), entry(7))
		p.push(&wire.Message{MessageId: "fleeting"})
		r.wantSeen("connecting", "connected", "6:m6", "7:m7", "0:fleeting")
		if got := r.s.Cursor(); !reflect.DeepEqual(got, *at(7)) {
			t.Errorf("the cursor is %v", got)
		}
		if st := r.s.State(); st.Phase != Connected || st.SignedIn.GetHeadSeq() != 7 {
			t.Errorf("the state is %v", st)
		}
	})
}

// TestRun_HandsOnEventsOfGroups shows that what the server itself puts in the log
// is an entry like any other, also with a code that nobody knows.
func TestRun_HandsOnEventsOfGroups(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		event := func(seq int64, content string) *wire.Message {
			m := entry(seq)
			m.ConversationId, m.To = "group:team", &wire.Target{GroupId: "team"}
			m.Sender, m.Type, m.Content = &wire.Sender{Type: "system"}, "command", []byte(content)
			return m
		}
		want := []*wire.Message{
			event(6, `{"code":102,"data":{"by":"alice","user_ids":["carol"]}}`),
			event(7, `{"code":199}`),
			entry(8),
		}
		var got []*wire.Message
		r.onMessages(func(page []*wire.Message) error {
			got = append(got, page...)
			return nil
		})
		p, _ := r.signIn(8)
		p.push(want...)
		r.wantSeen("connecting", "connected", "6:m6", "7:m7", "8:m8")
		if !slices.EqualFunc(got, want, func(a, b *wire.Message) bool { return proto.Equal(a, b) }) {
			t.Errorf("the handler got %v, want %v", got, want)
		}
		if got := r.s.Cursor(); !reflect.DeepEqual(got, *at(8)) {
			t.Errorf("the cursor is %v", got)
		}
	})
}

func TestRun_WithoutCursorBeginsWithWhatIsNew(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, in := r.signIn(7)
		if in.After != nil {
			t.Errorf("signed in after %d", in.GetAfter())
		}
		r.wantSeen("connecting", "connected")
		if got := r.s.Cursor(); !reflect.DeepEqual(got, *at(7)) {
			t.Errorf("the cursor is %v, want the head", got)
		}
		p.wantFrames("") // no ack of what was not received
		p.push(entry(8))
		r.wantSeen("8:m8")
		p.drop()
		r.wantSeen("waiting 500ms")
		_, in = r.signIn(8)
		if in.GetAfter() != 8 {
			t.Errorf("came back after %d, want 8", in.GetAfter())
		}
	})
}

func TestRun_DropsWhatComesAgain(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(7)
		p.push(entry(4), entry(6), entry(6), entry(5), entry(7))
		r.wantSeen("connecting", "connected", "6:m6", "7:m7")
		if st := r.s.Stats(); st.Repeats != 3 || st.Gaps != 0 {
			t.Errorf("counted %+v, want 3 repeats", st)
		}
	})
}

func TestRun_AsksForWhatIsMissing(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(9)
		p.push(entry(6), entry(9))
		ask := p.read()
		if ask.GetSync().GetAfter() != 6 {
			t.Fatalf("the client sent %v, want a sync after 6", ask)
		}
		p.push(entry(10)) // overtakes the page
		r.wantSeen("connecting", "connected", "6:m6")
		p.page(ask, &wire.SyncPage{Items: entries(7, 8), HasMore: true})
		ask = p.read()
		if ask.GetSync().GetAfter() != 8 {
			t.Fatalf("the client sent %v, want a sync after 8", ask)
		}
		p.page(ask, &wire.SyncPage{Items: entries(9, 10)})
		p.push(entry(11))
		r.wantSeen("7:m7", "8:m8", "9:m9", "10:m10", "11:m11")
		p.wantFrames("")
		if st := r.s.Stats(); st.Gaps != 1 {
			t.Errorf("counted %+v, want 1 gap", st)
		}
	})
}

func TestRun_ReconnectsWhenAGapCannotBeFilled(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(9)
		p.push(entry(9))
		p.page(p.read(), &wire.SyncPage{})
		p.wantClosed()
		p, in := r.signIn(9)
		if in.GetAfter() != 5 {
			t.Errorf("came back after %d, want 5", in.GetAfter())
		}
		p.push(entries(6, 9)...)
		r.wantSeen("connecting", "connected", "waiting 500ms", "connecting", "connected", "6:m6", "7:m7", "8:m8", "9:m9")
	})
}

func TestRun_AsksAgainWhenASyncIsPutOff(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(7)
		began := time.Now()
		p.push(entry(7))
		p.fail(p.read().GetId(), &wire.Error{Code: "unavailable", Retryable: true, RetryAfterMs: 3000})
		p.page(p.read(), &wire.SyncPage{Items: entries(6, 7)})
		r.wantSeen("connecting", "connected", "6:m6", "7:m7")
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("asked again after %v, want 3s", waited)
		}
	})
}

func TestRun_FindsAHoleThatNoPushShows(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		pong := func() {
			f := p.read()
			if f.GetPing() == nil || f.GetPing().GetSeq() != 5 {
				t.Fatalf("the client sent %v, want a ping with 5", f)
			}
			p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: 6}}})
		}
		p.read() // the ack of the cursor
		pong()
		p.wantFrames("") // it may be under way
		pong()
		p.page(p.read(), &wire.SyncPage{Items: entries(6, 6)})
		r.wantSeen("connecting", "connected", "6:m6")
	})
}

func TestRun_SkipsWhatTheServerDoesNotKeep(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInAs(&wire.SignedIn{UserId: "me", FirstSeq: 20, HeadSeq: 21, Epoch: "e1", HeartbeatMs: 30_000})
		p.push(entries(20, 21)...)
		r.wantSeen("connecting", "connected", "20:m20", "21:m21")
		p.push(entry(31))
		p.page(p.read(), &wire.SyncPage{Items: entries(30, 31), Epoch: "e1", FirstSeq: 30})
		r.wantSeen("30:m30", "31:m31")
	})
}

func TestRun_EndsWithTheErrorOfTheHandler(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		full := errors.New("disk full")
		r.onMessages(func([]*wire.Message) error { return full })
		p, _ := r.signIn(6)
		p.push(entry(6))
		if err := r.ended(); !errors.Is(err, full) {
			t.Errorf("Run returned %v, want the handler's error", err)
		}
		r.wantSeen("connecting", "connected", "closed")
		if got := r.s.Cursor(); !reflect.DeepEqual(got, *at(5)) {
			t.Errorf("the cursor moved to %v", got)
		}
		p.wantClosed()
		if frames := kinds(p.pending()); frames != "" && frames != "ack" {
			t.Errorf("the client sent %q", frames)
		}
	})
}

func TestRun_EndsWithoutErrorWhenItsContextEnds(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		r.onMessages(func([]*wire.Message) error { return context.Canceled })
		p.push(entry(6))
		_ = p
		r.cancel()
		if err := r.ended(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if st := r.s.State(); st.Phase != Closed {
			t.Errorf("the state is %v", st)
		}
		if _, err := r.s.Send(t.Context(), text("")); !errors.Is(err, ErrEnded) {
			t.Errorf("Send returned %v, want ErrEnded", err)
		}
		if _, err := r.s.Ack(t.Context(), 1); !errors.Is(err, ErrEnded) {
			t.Errorf("Ack returned %v, want ErrEnded", err)
		}
		if err := r.s.Signal(t.Context(), &wire.Signal{}); !errors.Is(err, ErrEnded) {
			t.Errorf("Signal returned %v, want ErrEnded", err)
		}
	})
}

func TestRun_RunsOnce(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		r.signIn(0)
		if err := r.s.Run(t.Context()); err == nil {
			t.Error("a second Run was taken while the first one runs")
		}
		if err := r.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
		if err := r.s.Run(t.Context()); err == nil {
			t.Error("a second Run was taken")
		}
	})
}

func TestRun_AcksWhatIsStoredOnceASecond(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		var acks []int64
		answer := func() {
			for _, f := range p.pending() {
				acks = append(acks, f.GetAck().GetSeq())
				p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{Seq: f.GetAck().GetSeq()}}})
			}
		}
		for seq := int64(1); seq <= 30; seq++ {
			p.push(entry(seq))
			answer()
			time.Sleep(100 * time.Millisecond)
		}
		answer()
		if len(acks) > 5 || !slices.IsSorted(acks) || acks[len(acks)-1] != 30 {
			t.Errorf("acked %v, want about one a second, and the last", acks)
		}
		time.Sleep(5 * time.Second)
		p.wantFrames("")
	})
}

func TestRun_AcksTheLastWhenItEnds(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		p.push(entry(1))
		p.wantFrames("ack")
		p.push(entry(2))
		synctest.Wait()
		r.cancel()
		p.wantFrames("ack")
		p.wantClosed()
	})
}

func TestRun_StopsAckingWhereTheDeviceCannot(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		p.push(entry(1))
		p.fail(p.read().GetId(), &wire.Error{Code: "forbidden"})
		p.push(entry(2))
		time.Sleep(5 * time.Second)
		p.wantFrames("")
		r.wantSeen("connecting", "connected", "1:m1", "2:m2")
	})
}

func TestAck_IsTheProgramsWhereItWantsThat(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		p.push(entry(1))
		time.Sleep(5 * time.Second)
		p.wantFrames("")
		go func() {
			f := p.read()
			p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{Seq: f.GetAck().GetSeq() + 10}}})
			p.fail(p.read().GetId(), &wire.Error{Code: "bad_ack", Message: "beyond"})
		}()
		if got, err := r.s.Ack(t.Context(), 1); got != 11 || err != nil {
			t.Errorf("Ack returned %d, %v; want what the server says", got, err)
		}
		_, err := r.s.Ack(t.Context(), 99)
		if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != "bad_ack" {
			t.Errorf("Ack returned %v, want bad_ack", err)
		}
	})
}

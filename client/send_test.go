package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/wire"
)

// sending is a Send under way.
type sending struct {
	r    *rig
	sent *wire.Sent
	err  error
	done chan struct{}
}

// send calls Send in the background and returns when it waits, so that the order
// of calls is the order of sends.
func (r *rig) send(ctx context.Context, send *wire.Send) *sending {
	s := &sending{r: r, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.sent, s.err = r.s.Send(ctx, send)
	}()
	synctest.Wait()
	return s
}

// want waits for the outcome.
func (s *sending) want(seq int64) {
	s.r.t.Helper()
	<-s.done
	if s.err != nil || s.sent.GetSeq() != seq {
		s.r.t.Fatalf("Send returned %v, %v; want entry %d", s.sent, s.err, seq)
	}
}

func (s *sending) wantWaiting() {
	s.r.t.Helper()
	synctest.Wait()
	select {
	case <-s.done:
		s.r.t.Fatalf("Send returned %v, %v before its outcome is known", s.sent, s.err)
	default:
	}
}

func TestSend_StandsInTheLogWhereTheAnswerComes(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		var page []*wire.Message
		r.onMessages(func(p []*wire.Message) error { page = append(page, p...); return nil })
		p, _ := r.signIn(5)
		send := text("c1")
		send.Mentions, send.ReplyTo = []string{"bob"}, "m3"
		s := r.send(t.Context(), send)
		f := p.readSend()
		p.push(entry(6))
		s.wantWaiting()
		p.sent(f, 7)
		p.push(entry(8))
		s.want(7)
		r.wantSeen("connecting", "connected", "6:m6", "7:m7", "8:m8")
		own := page[1]
		if own.GetSender().GetType() != "user" || own.GetSender().GetUserId() != "me" || own.GetSender().GetDeviceId() != "phone" ||
			own.GetTo().GetUserId() != "bob" || own.GetType() != "text" || string(own.GetContent()) != `{"text":"hi"}` ||
			own.GetClientMsgId() != "c1" || own.GetConversationId() != "user:bob" || own.GetConversationSeq() != 7 ||
			own.GetSentAt() != 7000 || own.GetStatus() != "normal" || len(own.GetMentions()) != 1 || own.GetReplyTo().GetMessageId() != "m3" {
			t.Errorf("the own message is %v", own)
		}
		if string(send.GetContent()) != `{"text": "hi"}` {
			t.Error("Send changed what it was given")
		}
	})
}

func TestSend_GetsAnIDOfItsOwnEachTime(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		send := text("")
		r.send(t.Context(), send)
		r.send(t.Context(), send)
		first, second := p.readSend().GetSend().GetClientMsgId(), p.readSend().GetSend().GetClientMsgId()
		if first == "" || first == second || send.GetClientMsgId() != "" {
			t.Errorf("the ids are %q and %q; that of the argument is %q", first, second, send.GetClientMsgId())
		}
	})
}

// TestSend_IsRepeatedUntilSettled loses the answer to a send that was stored: its
// entry comes by replay, and the answer to the repetition adds nothing.
func TestSend_IsRepeatedUntilSettled(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		s := r.send(t.Context(), text(""))
		id := p.readSend().GetSend().GetClientMsgId()
		p.drop()
		s.wantWaiting()

		p, in := r.signIn(6)
		if in.GetAfter() != 5 {
			t.Errorf("came back after %d", in.GetAfter())
		}
		p.push(entry(6)) // the replay has it
		again := p.readSend()
		if again.GetSend().GetClientMsgId() != id {
			t.Errorf("sent again with the id %q, want %q", again.GetSend().GetClientMsgId(), id)
		}
		s.wantWaiting()
		p.sent(again, 6)
		s.want(6)
		p.push(entry(7))
		r.wantSeen("connecting", "connected", "waiting 500ms", "connecting", "connected", "6:m6", "7:m7")
	})
}

// TestSend_RepeatedStandsInItsPlace has the answer to the repetition come where
// the entry would.
func TestSend_RepeatedStandsInItsPlace(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		s := r.send(t.Context(), text("c1"))
		p.readSend()
		p.drop()
		p, _ = r.signIn(7)
		p.push(entry(6))
		p.sent(p.readSend(), 7)
		p.push(entry(8))
		s.want(7)
		p.wantFrames("")
		r.wantSeen("connecting", "connected", "waiting 500ms", "connecting", "connected", "6:m6", "7:m7", "8:m8")
	})
}

// TestSend_RepeatedAsAnotherDeviceIsReadFromTheLog is about passing devices: only
// the log knows as which of them the message was stored.
func TestSend_RepeatedAsAnotherDeviceIsReadFromTheLog(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		s := r.send(t.Context(), text("c1"))
		p.readSend()
		p.drop()
		p, _ = r.signInAs(&wire.SignedIn{UserId: "me", DeviceId: "another", FirstSeq: 1, HeadSeq: 6, Epoch: "e1"})
		p.sent(p.readSend(), 6)
		s.want(6)
		ask := p.read()
		p.page(ask, &wire.SyncPage{Items: entries(6, 6)})
		r.wantSeen("connecting", "connected", "waiting 500ms", "connecting", "connected", "6:m6")
		if st := r.s.Stats(); st.Gaps != 0 {
			t.Errorf("counted %+v; nothing was missing", st)
		}
	})
}

// TestSend_AnswerAheadOfTheLogWaitsForIt settles at once, but hands nothing on
// out of order.
func TestSend_AnswerAheadOfTheLogWaitsForIt(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		s := r.send(t.Context(), text("c1"))
		p.sent(p.readSend(), 8)
		s.want(8)
		r.wantSeen("connecting", "connected")
		p.page(p.read(), &wire.SyncPage{Items: entries(6, 8)})
		r.wantSeen("6:m6", "7:m7", "8:m8")
	})
}

func TestSend_KeepsTheOrderOverConnections(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		early := []*sending{r.send(t.Context(), text("1")), r.send(t.Context(), text("2"))} // before the sign-in
		p, _ := r.signIn(0)
		late := r.send(t.Context(), text("3"))
		frames := p.pending()
		if got := kinds(frames); got != "send 1, send 2, send 3" {
			t.Fatalf("the client sent %q", got)
		}
		p.sent(frames[1], 1) // whatever the reason
		early[1].want(1)
		p.drop()
		p, _ = r.signIn(1)
		frames = p.pending()
		if got := kinds(frames); got != "send 1, send 3" {
			t.Fatalf("the client sent %q", got)
		}
		p.sent(frames[0], 2)
		p.sent(frames[1], 3)
		early[0].want(2)
		late.want(3)
	})
}

func TestSend_HasAWindow(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		for i := range window + 2 {
			r.send(t.Context(), text(fmt.Sprint(i)))
		}
		frames := p.pending()
		if len(frames) != window {
			t.Fatalf("%d sends are under way, want %d", len(frames), window)
		}
		p.sent(frames[0], 1)
		p.wantFrames(fmt.Sprintf("send %d", window))
	})
}

func TestSend_WaitsAsLongAsTheServerSays(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		first, second := r.send(t.Context(), text("1")), r.send(t.Context(), text("2"))
		frames := p.pending()
		began := time.Now()
		slow := &wire.Error{Code: "rate_limited", Retryable: true, RetryAfterMs: 3000}
		p.fail(frames[1].GetId(), slow)
		p.fail(frames[0].GetId(), slow)
		third := r.send(t.Context(), text("3"))
		p.wantFrames("") // it is not sent in between
		f := p.readSend()
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("sent again after %v, want 3s", waited)
		}
		frames = append([]*wire.ClientFrame{f}, p.pending()...)
		if got := kinds(frames); got != "send 1, send 2, send 3" {
			t.Fatalf("the client sent %q", got)
		}
		for i, f := range frames {
			p.sent(f, int64(i+1))
		}
		first.want(1)
		second.want(2)
		third.want(3)
	})
}

func TestSend_PausesLongerWhenTheServerDoesNotSay(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true, MinBackoff: time.Second}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		s := r.send(t.Context(), text("1"))
		began := time.Now()
		for range 3 {
			p.fail(p.readSend().GetId(), &wire.Error{Code: "unavailable", Retryable: true})
		}
		p.sent(p.readSend(), 1)
		s.want(1)
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("the pauses are %v, want 1s, 2s and 4s", waited)
		}
	})
}

func TestSend_IsRefused(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		s := r.send(t.Context(), text("1"))
		p.fail(p.readSend().GetId(), &wire.Error{Code: "not_in_group", Message: "No."})
		<-s.done
		refused, ok := errors.AsType[*Error](s.err)
		if !ok || refused.Code != "not_in_group" || refused.Message != "No." || errors.Is(s.err, ErrUnsettled) {
			t.Errorf("Send returned %v", s.err)
		}
		p.wantFrames("")
	})
}

func TestSend_GivesUpWhatMakesTheServerFail(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		s := r.send(t.Context(), text("1"))
		for range maxInternal {
			p.fail(p.readSend().GetId(), &wire.Error{Code: "internal", Retryable: true})
		}
		<-s.done
		if refused, ok := errors.AsType[*Error](s.err); !ok || refused.Code != "internal" || !errors.Is(s.err, ErrUnsettled) {
			t.Errorf("Send returned %v, want that nobody knows", s.err)
		}
	})
}

func TestSend_RefusesByItselfWhatWouldCostTheConnection(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signInAs(&wire.SignedIn{UserId: "me", Epoch: "e1", MaxFrameBytes: 1000})
		for code, send := range map[string]*wire.Send{
			"too_large":   {Content: []byte(strings.Repeat("x", wire.MaxFrameBytes))},
			"bad_request": {Type: "\xff"},
		} {
			_, err := r.s.Send(t.Context(), send)
			if refused, ok := errors.AsType[*Error](err); !ok || refused.Code != code {
				t.Errorf("Send returned %v, want %s", err, code)
			}
		}
		s := r.send(t.Context(), &wire.Send{Content: []byte(strings.Repeat("x", 1000))})
		<-s.done
		if refused, ok := errors.AsType[*Error](s.err); !ok || refused.Code != "too_large" {
			t.Errorf("Send returned %v, want what the server's limit says", s.err)
		}
		p.wantFrames("")
	})
}

func TestSend_IsUnsettledWhenItsContextEnds(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := r.send(ctx, text("c1"))
		f := p.readSend()
		<-s.done
		unsettled, ok := errors.AsType[*UnsettledError](s.err)
		if !ok || unsettled.ClientMsgID != "c1" || !errors.Is(s.err, ErrUnsettled) || !errors.Is(s.err, context.DeadlineExceeded) {
			t.Fatalf("Send returned %v", s.err)
		}
		p.sent(f, 6) // it was stored all the same
		r.wantSeen("connecting", "connected", "6:m6")

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s = r.send(ctx, text("c2"))
		p.readSend()
		<-s.done
		p.drop()
		p, _ = r.signIn(6)
		p.wantFrames("") // it is withdrawn
		if _, err := r.s.Send(ctx, text("")); !errors.Is(err, ErrUnsettled) {
			t.Errorf("Send with a context that is over returned %v", err)
		}
		p.wantFrames("")
	})
}

func TestSend_IsUnsettledWhenRunEnds(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		written := r.send(t.Context(), text("1"))
		p.close(wire.CloseReplaced, 0)
		_ = r.ended()
		<-written.done
		if !errors.Is(written.err, ErrUnsettled) || !errors.Is(written.err, ErrEnded) {
			t.Errorf("Send returned %v", written.err)
		}
	})
}

// TestSend_OfWhatIsStoredNowhereIsNotRepeated: the server could not tell.
func TestSend_OfWhatIsStoredNowhereIsNotRepeated(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		fleeting := text("1")
		no := false
		fleeting.Persist = &no
		s := r.send(t.Context(), fleeting)
		p.sent(p.readSend(), 0)
		s.want(0)
		s = r.send(t.Context(), fleeting)
		p.readSend()
		p.drop()
		<-s.done
		if !errors.Is(s.err, ErrUnsettled) || !errors.Is(s.err, ErrNotConnected) {
			t.Errorf("Send returned %v", s.err)
		}
		p, _ = r.signIn(0)
		p.wantFrames("")
		r.wantSeen("connecting", "connected", "waiting 500ms", "connecting", "connected")
	})
}

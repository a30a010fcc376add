package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/wire"
)

func online(users ...string) *wire.Presence {
	yes := true
	p := &wire.Presence{}
	for _, id := range users {
		p.Items = append(p.Items, &wire.UserPresence{UserId: id, Online: &yes})
	}
	return p
}

func TestSignal_IsForNow(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		if err := r.s.Signal(t.Context(), &wire.Signal{Kind: "typing"}); !errors.Is(err, ErrNotConnected) {
			t.Errorf("without a connection Signal returned %v", err)
		}
		p, _ := r.signIn(0)
		outcome := make(chan error, 1)
		go func() { outcome <- r.s.Signal(t.Context(), &wire.Signal{Kind: "typing", Data: []byte("{}")}) }()
		f := p.read()
		if f.GetSignal().GetKind() != "typing" {
			t.Fatalf("the client sent %v", f)
		}
		p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Signaled{Signaled: &wire.Signaled{}}})
		if err := <-outcome; err != nil {
			t.Errorf("Signal returned %v", err)
		}
		p.write(&wire.ServerFrame{Body: &wire.ServerFrame_Signal{Signal: &wire.PushedSignal{Kind: "typing"}}})
		r.wantSeen("connecting", "connected", "signal typing")
	})
}

func TestSignal_IsNotRepeated(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		outcome := make(chan error, 2)
		go func() { outcome <- r.s.Signal(t.Context(), &wire.Signal{Kind: "typing"}) }()
		p.fail(p.read().GetId(), &wire.Error{Code: "not_in_group"})
		if refused, ok := errors.AsType[*Error](<-outcome); !ok || refused.Code != "not_in_group" {
			t.Errorf("Signal returned %v", refused)
		}
		go func() { outcome <- r.s.Signal(t.Context(), &wire.Signal{Kind: "typing"}) }()
		p.read()
		p.drop()
		if err := <-outcome; !errors.Is(err, ErrNotConnected) {
			t.Errorf("Signal returned %v", err)
		}
		p, _ = r.signIn(0)
		p.wantFrames("")
	})
}

func TestWatch_LastsOverConnections(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		type outcome struct {
			users []*wire.UserPresence
			err   error
		}
		outcomes := make(chan outcome, 1)
		watch := func(on, off []string) {
			go func() {
				users, err := r.s.Watch(t.Context(), on, off)
				outcomes <- outcome{users, err}
			}()
			synctest.Wait()
		}
		answer := func(p *peer, users ...string) {
			t.Helper()
			p.write(&wire.ServerFrame{Id: p.read().GetId(), Body: &wire.ServerFrame_Presence{Presence: online(users...)}})
		}
		p, _ := r.signIn(0)
		watch([]string{"bob", "carol"}, nil)
		answer(p, "bob", "carol")
		if got := <-outcomes; got.err != nil || len(got.users) != 2 {
			t.Errorf("Watch returned %v, %v", got.users, got.err)
		}
		watch([]string{"dave"}, []string{"carol"})
		answer(p, "dave")
		<-outcomes
		watch([]string{"nobody"}, []string{"bob"})
		p.fail(p.read().GetId(), &wire.Error{Code: "user_not_found"})
		if got := <-outcomes; got.err == nil {
			t.Error("Watch did not return the refusal")
		}
		r.forget()

		watch([]string{"erin"}, nil) // its answer is lost
		p.drop()
		p, _ = r.signIn(0)
		again := p.read()
		if got := again.GetPresence(); !slices.Equal(got.GetWatch(), []string{"bob", "dave", "erin"}) {
			t.Errorf("watched again with %v", got)
		}
		p.write(&wire.ServerFrame{Id: again.GetId(), Body: &wire.ServerFrame_Presence{Presence: online("bob", "dave", "erin")}})
		answer(p, "erin")
		if got := <-outcomes; got.err != nil || len(got.users) != 1 {
			t.Errorf("Watch returned %v, %v", got.users, got.err)
		}
		p.write(&wire.ServerFrame{Body: &wire.ServerFrame_Presence{Presence: &wire.Presence{Items: []*wire.UserPresence{{UserId: "bob"}}}}})
		r.wantSeen("waiting 500ms", "connecting", "connected", "bob true", "dave true", "erin true", "bob false")
	})
}

func TestHandler_MayCallTheStreamAndWait(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		r.onMessages(func(page []*wire.Message) error {
			if page[0].GetSeq() != 1 {
				return nil
			}
			if _, err := r.s.Send(t.Context(), text("reply")); err != nil {
				return err
			}
			if _, err := r.s.Ack(t.Context(), 1); err != nil {
				return err
			}
			return r.s.Signal(t.Context(), &wire.Signal{})
		})
		p, _ := r.signIn(0)
		p.push(entry(1))
		p.sent(p.readSend(), 2)
		f := p.read()
		p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Acked{Acked: &wire.Acked{Seq: 1}}})
		f = p.read()
		p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Signaled{}})
		r.wantSeen("connecting", "connected", "1:m1", "2:m2")
	})
}

// large is an entry that fills an inbox by a quarter.
func large(seq int64) *wire.Message {
	m := entry(seq)
	m.Content = []byte(`"` + strings.Repeat("x", inboxBytes/4) + `"`)
	return m
}

// TestRun_StopsReadingWhileTheHandlerIsBehind fills the inbox.
func TestRun_StopsReadingWhileTheHandlerIsBehind(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		goOn := make(chan struct{})
		r.onMessages(func([]*wire.Message) error { <-goOn; return nil })
		p, _ := r.signIn(0)
		taken := make(chan int64, 100)
		go func() {
			for seq := int64(1); seq <= 20; seq++ {
				p.push(large(seq))
				taken <- seq
			}
		}()
		time.Sleep(10 * time.Minute) // far longer than silence may last: it is not the server's
		if n := len(taken); n < 3 || n > 8 {
			t.Errorf("took %d of 20 messages while none was handled", n)
		}
		r.none()
		close(goOn)
		synctest.Wait()
		if n := len(taken); n != 20 {
			t.Errorf("took %d of 20 messages in the end", n)
		}
		if got := r.s.Cursor().Seq; got != 20 {
			t.Errorf("the cursor is %d", got)
		}
		if st := r.s.Stats(); st.Gaps != 0 {
			t.Errorf("counted %+v; nothing was missing", st)
		}
	})
}

// TestRun_AnswersASlowHandlerThatWaits has a handler that sends while the inbox
// is full: the answer has to get past what it has not handled.
func TestRun_AnswersASlowHandlerThatWaits(t *testing.T) {
	bubble(t, StreamOptions{ManualAck: true}, func(t *testing.T, r *rig) {
		goOn := make(chan struct{})
		r.onMessages(func(page []*wire.Message) error {
			if page[0].GetSeq() == 1 {
				<-goOn
				_, err := r.s.Send(t.Context(), text("reply"))
				return err
			}
			return nil
		})
		p, _ := r.signIn(0)
		pushed := make(chan struct{})
		go func() {
			defer close(pushed)
			for seq := int64(1); seq <= 10; seq++ {
				p.push(large(seq))
			}
			p.push(&wire.Message{MessageId: "fleeting", Content: large(0).GetContent()})
			p.write(&wire.ServerFrame{Body: &wire.ServerFrame_Signal{Signal: &wire.PushedSignal{Kind: "k", Data: large(0).GetContent()}}})
		}()
		time.Sleep(time.Second)
		close(goOn)
		send := p.readSend()
		<-pushed
		p.sent(send, 11)
		for {
			ask := p.read()
			if ask.GetSync() == nil {
				t.Fatalf("the client sent %v, want a sync", ask)
			}
			page := &wire.SyncPage{}
			for seq := ask.GetSync().GetAfter() + 1; seq <= 11 && len(page.GetItems()) < 2; seq++ {
				page.Items = append(page.Items, large(seq))
			}
			p.page(ask, page)
			synctest.Wait()
			if r.s.Cursor().Seq == 11 {
				break
			}
		}
		want := []string{"connecting", "connected"}
		for seq := 1; seq <= 11; seq++ {
			want = append(want, fmt.Sprintf("%d:m%d", seq, seq))
		}
		r.wantSeen(want...)
		if st := r.s.Stats(); st.Gaps != 0 || st.Dropped != 2 {
			t.Errorf("counted %+v, want 2 dropped", st)
		}
	})
}

func TestInbox_KeepsTheNewestOfWhatWouldPileUp(t *testing.T) {
	t.Parallel()
	b := newInbox()
	for i := range 3 * maxStates {
		b.state(State{Delay: time.Duration(i)})
		yes := i%2 == 0
		b.presence([]*wire.UserPresence{{UserId: "bob", Online: &yes}, {UserId: fmt.Sprint(i % 3)}})
	}
	var states []State
	var users []*wire.UserPresence
	for {
		it, ok, _, _ := b.take()
		if !ok {
			break
		}
		if it.state != nil {
			states = append(states, *it.state)
		}
		users = append(users, it.presence...)
	}
	if n := len(states); n != maxStates || states[n-1].Delay != 3*maxStates-1 {
		t.Errorf("%d states wait, the last is %v", n, states[n-1])
	}
	if len(users) != 4 || users[0].GetOnline() {
		t.Errorf("the presence that waits is %v", users)
	}
}

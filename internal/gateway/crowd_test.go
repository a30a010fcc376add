package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// quiet is a bus on which nothing happens.
type quiet struct{}

func (quiet) Subscribe(context.Context, wire.Topic) error { return nil }
func (quiet) Unsubscribe(wire.Topic)                      {}
func (quiet) Healthy() bool                               { return true }
func (quiet) PublishEvents([]*wire.Event)                 {}

// listener notes what it is told, once it is let go on.
type listener struct {
	goOn <-chan struct{}

	mu  sync.Mutex
	got []*wire.Event
}

func (l *listener) receive(e *wire.Event) {
	<-l.goOn
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, e)
}

// crowdOf returns a hub on which n listeners follow a group, all of them stuck.
func crowdOf(t *testing.T, n int) (h *Hub, topic wire.Topic, all []*listener, goOn func()) {
	t.Helper()
	h, topic = NewHub(quiet{}), wire.GroupTopic(1, 7)
	stuck := make(chan struct{})
	for range n {
		l := &listener{goOn: stuck}
		if err := h.attach(t.Context(), topic, l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return h, topic, all, func() { close(stuck) }
}

func groupEvent(topic wire.Topic, number int64, text string) *wire.Event {
	return &wire.Event{Kind: wire.EventMessage, Topic: topic, Body: wire.NewBody(&domain.Message{
		ConversationSeq: number, Content: []byte(`{"text":"` + text + `"}`), To: domain.Target{Group: "g"},
	})}
}

func TestCrowd_PublisherDoesNotWaitAndOrderIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, goOn := crowdOf(t, crowdSize)
		const messages = 2000
		for n := range int64(messages) {
			h.Handle(groupEvent(topic, n+1, "hi")) // returns, though everybody is stuck
		}
		goOn()
		synctest.Wait()
		for i, l := range all {
			for n, e := range l.got {
				if e.Body.Message().ConversationSeq != int64(n)+1 {
					t.Fatalf("listener %d was told %d at place %d", i, e.Body.Message().ConversationSeq, n)
				}
			}
			if len(l.got) != messages {
				t.Fatalf("listener %d was told %d of %d", i, len(l.got), messages)
			}
		}
		if n := len(h.shard(topic).crowds); n != 0 {
			t.Errorf("%d crowds are left", n)
		}
	})
}

// Whoever leaves meanwhile shrinks the crowd, and what follows stays behind what waits.
func TestCrowd_ThatShrinksKeepsItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, goOn := crowdOf(t, crowdSize)
		h.Handle(groupEvent(topic, 1, "hi"))
		synctest.Wait()
		h.detach(topic, all[0])
		h.Handle(groupEvent(topic, 2, "hi"))
		goOn()
		synctest.Wait()
		h.Handle(groupEvent(topic, 3, "hi")) // told at once
		if got := all[1].got; len(got) != 3 || got[1].Body.Message().ConversationSeq != 2 {
			t.Errorf("told %v", got)
		}
		if got := all[0].got; len(got) > 1 {
			t.Errorf("who left was told %v", got)
		}
	})
}

func TestCrowd_IsToldAGapForWhatItHasNoRoomFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, goOn := crowdOf(t, crowdSize)
		text := string(make([]byte, 60<<10))
		const messages = maxCrowdBytes/(60<<10) + 20
		for n := range int64(messages) {
			h.Handle(groupEvent(topic, n+1, text))
		}
		goOn()
		synctest.Wait()
		got := all[0].got
		if last := got[len(got)-1]; last.Kind != wire.EventGap || last.Topic != topic || len(got) >= messages {
			t.Errorf("told %d of %d, and at last %+v", len(got), messages, last)
		}
	})
}

// Signals take room as messages do.
func TestCrowd_SignalsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, goOn := crowdOf(t, crowdSize)
		const signals = 2 * maxCrowdBytes / signalOverhead
		for range signals {
			h.Handle(&wire.Event{Kind: wire.EventSignal, Topic: topic, Signal: wire.NewSignal(&wire.PushedSignal{Kind: "typing"})})
		}
		goOn()
		synctest.Wait()
		if got := len(all[0].got); got > signals/2+crowdRound/signalOverhead+2 {
			t.Errorf("%d of %d signals waited", got, signals)
		}
	})
}

// Package bustest is the conformance suite of the bus: what holds for one node
// in memory holds for two nodes and any kind of Redis between them.
package bustest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/wire"
)

// Exercise runs the suite. newPair returns two nodes on one bus that give their
// events to hA and hB, run until the end of the test and are healthy; or twice
// the same node, which then uses hA.
func Exercise(t *testing.T, newPair func(t *testing.T, hA, hB bus.Handler) (a, b bus.Bus)) {
	cases := map[string]func(*testing.T, *pair){
		"EventsReachTheListenersOfTheirTopicOnly":   onlyItsTopic,
		"EventsOfAPublisherKeepTheirOrder":          order,
		"MessageArrivesAsItWas":                     content,
		"EveryOtherEventArrivesAsItWas":             others,
		"SignalReachesItsReceivers":                 signals,
		"TopicsOfOneUserAreApart":                   kinds,
		"GroupsAreToldOnce":                         groups,
		"SubscriptionsAreCounted":                   counting,
		"UnsubscribedTopicIsSilent":                 unsubscribed,
		"SubscriptionThatComesAndGoesWorksAtTheEnd": flapping,
		"NobodyHearsAnEventTwice":                   noEcho,
		"ManySubscribersAtOnceAllListen":            herd,
		"EndedContextSubscribesToNothing":           endedContext,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pair{T: t, hearA: NewRecorder(), hearB: NewRecorder()}
			p.a, p.b = newPair(t, p.hearA.Handle, p.hearB.Handle)
			if p.a == p.b {
				p.hearB = p.hearA
			}
			run(t, p)
		})
	}
}

type pair struct {
	*testing.T
	a, b         bus.Bus
	hearA, hearB *Recorder
}

func (p *pair) subscribe(b bus.Bus, topics ...wire.Topic) {
	p.Helper()
	for _, t := range topics {
		if err := b.Subscribe(p.Context(), t); err != nil {
			p.Fatal(err)
		}
	}
}

// settle returns when everything that a published before has reached b, or
// nobody. On a cluster, topics travel on several paths, so the message that
// sweeps them has enough recipients to take every one.
func (p *pair) settle() {
	p.Helper()
	sweep := Delivery(wire.Topic{App: 99, User: 1}, 1)
	before := len(p.hearB.Of(wire.Topic{App: 99, User: 1}))
	for user := range domain.UserNum(64) {
		p.subscribe(p.b, wire.Topic{App: 99, User: user + 1})
		if user > 0 {
			sweep.To = append(sweep.To, domain.Recipient{User: user + 1})
		}
	}
	p.a.Publish([]domain.Delivery{sweep})
	for _, to := range sweep.To {
		p.hearB.Wait(p, wire.Topic{App: 99, User: to.User}, before+1)
		p.b.Unsubscribe(wire.Topic{App: 99, User: to.User})
	}
}

// Delivery returns one of a small message to a single topic.
func Delivery(t wire.Topic, seq int64) domain.Delivery {
	return domain.Delivery{
		App: t.App,
		Message: &domain.Message{
			ID: "id", Sender: domain.Sender{Type: domain.SenderSystem}, To: domain.Target{User: "u"}, Type: "text",
			Content: json.RawMessage(`{"text":"hi"}`), SentAt: time.UnixMilli(1).UTC(), Status: domain.StatusNormal,
		},
		To: []domain.Recipient{{User: t.User, Seq: seq}},
	}
}

func seqs(events []*wire.Event) []int64 {
	all := make([]int64, len(events))
	for i, e := range events {
		all[i] = e.Seq
	}
	return all
}

func onlyItsTopic(t *testing.T, p *pair) {
	one, sameUserElsewhere, other := wire.Topic{App: 1, User: 1}, wire.Topic{App: 2, User: 1}, wire.Topic{App: 1, User: 2}
	p.subscribe(p.b, one, sameUserElsewhere)
	d := Delivery(one, 7)
	d.To = append(d.To, domain.Recipient{User: other.User, Seq: 8})
	p.a.Publish([]domain.Delivery{d})
	p.settle()

	if diff := cmp.Diff([]int64{7}, seqs(p.hearB.Of(one))); diff != "" {
		t.Errorf("the recipient's events (-want +got):\n%s", diff)
	}
	if n := len(p.hearB.Of(sameUserElsewhere)) + len(p.hearB.Of(other)); n != 0 {
		t.Errorf("%d events of other topics", n)
	}
}

func order(t *testing.T, p *pair) {
	const messages, users = 200, 20
	var topics []wire.Topic
	for user := range users {
		topics = append(topics, wire.Topic{App: 1, User: domain.UserNum(user + 1)})
	}
	p.subscribe(p.b, topics...)
	var want []int64
	for i := range messages {
		want = append(want, int64(i+1))
		d := Delivery(topics[0], int64(i+1))
		for _, topic := range topics[1:] {
			d.To = append(d.To, domain.Recipient{User: topic.User, Seq: int64(i + 1)})
		}
		p.a.Publish([]domain.Delivery{d})
	}
	for _, topic := range topics {
		if diff := cmp.Diff(want, seqs(p.hearB.Wait(t, topic, messages))); diff != "" {
			t.Errorf("order of %v (-want +got):\n%s", topic, diff)
		}
	}
}

func counting(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 1}
	p.subscribe(p.b, topic, topic)
	p.b.Unsubscribe(topic)
	p.a.Publish([]domain.Delivery{Delivery(topic, 1)})
	p.hearB.Wait(t, topic, 1)

	p.b.Unsubscribe(topic)
	p.b.Unsubscribe(topic) // one too many must not count against the next
	p.subscribe(p.b, topic)
	p.a.Publish([]domain.Delivery{Delivery(topic, 2)})
	p.hearB.Wait(t, topic, 2)
}

func unsubscribed(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 1}
	p.subscribe(p.b, topic)
	p.b.Unsubscribe(topic)
	p.a.Publish([]domain.Delivery{Delivery(topic, 1)})
	p.settle()
	if got := p.hearB.Of(topic); len(got) != 0 {
		t.Errorf("%d events after Unsubscribe", len(got))
	}
}

func flapping(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 1}
	for i := range 50 {
		p.subscribe(p.b, topic)
		if i%2 == 0 {
			p.settle() // let the commands reach Redis now and then
		}
		p.b.Unsubscribe(topic)
	}
	p.subscribe(p.b, topic)
	p.a.Publish([]domain.Delivery{Delivery(topic, 1)})
	p.hearB.Wait(t, topic, 1)
}

func noEcho(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 1}
	p.subscribe(p.a, topic)
	p.subscribe(p.b, topic)
	p.a.Publish([]domain.Delivery{Delivery(topic, 1)})
	p.a.PublishEvents([]*wire.Event{{Kind: wire.EventSession, Topic: topic, Device: "phone", Session: 5}})
	p.settle()
	p.a, p.b, p.hearA, p.hearB = p.b, p.a, p.hearB, p.hearA
	p.settle() // and what b would have sent back
	for name, r := range map[string]*Recorder{"publishing": p.hearB, "other": p.hearA} {
		if n := len(r.Of(topic)); n != 2 {
			t.Errorf("the %s node heard %d events, want each of the 2 once", name, n)
		}
	}
}

func herd(t *testing.T, p *pair) {
	const users = 3000
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			if err := p.b.Subscribe(t.Context(), wire.Topic{App: 1, User: domain.UserNum(i + 1)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	d := Delivery(wire.Topic{App: 1, User: 1}, 1)
	for i := 1; i < users; i++ {
		d.To = append(d.To, domain.Recipient{User: domain.UserNum(i + 1), Seq: 1})
	}
	p.a.Publish([]domain.Delivery{d})
	for i := range users {
		p.hearB.Wait(t, wire.Topic{App: 1, User: domain.UserNum(i + 1)}, 1)
	}
}

func endedContext(t *testing.T, p *pair) {
	topic := wire.Topic{App: 1, User: 1}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.b.Subscribe(ctx, topic); err == nil {
		t.Error("Subscribe with an ended context returned nil")
	}
	p.a.Publish([]domain.Delivery{Delivery(topic, 1)})
	p.settle()
	if n := len(p.hearB.Of(topic)); n != 0 {
		t.Errorf("%d events", n)
	}
}

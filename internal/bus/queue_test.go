package bus

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func outgoingTo(users ...domain.UserNum) *outgoing {
	d := domain.Delivery{App: 1, Message: &domain.Message{Content: json.RawMessage(`{}`)}}
	for _, u := range users {
		d.To = append(d.To, domain.Recipient{User: u})
	}
	return &outgoing{delivery: d, body: wire.NewBody(d.Message)}
}

func TestQueue_HoldsItsBytesAndNoMore(t *testing.T) {
	t.Parallel()
	size := outgoingTo(1).bytes()
	q := queue{limit: 3*size + size/2}
	for i := range 3 {
		if !q.put(outgoingTo(1)) {
			t.Fatalf("no room for entry %d", i)
		}
	}
	if q.put(outgoingTo(1)) {
		t.Fatal("the queue took more than its limit")
	}
	if q.pop() == nil || !q.put(outgoingTo(2)) {
		t.Fatal("what was taken out leaves no room")
	}
	for range 3 {
		q.pop()
	}
	if q.pop() != nil || q.bytes != 0 {
		t.Errorf("an empty queue holds %d bytes", q.bytes)
	}
}

func TestQueue_MessageCountsOnceForAllRecipients(t *testing.T) {
	t.Parallel()
	one, many := outgoingTo(1), outgoingTo(1)
	many.delivery.To = make([]domain.Recipient, 500)
	if per := (many.bytes() - one.bytes()) / 499; per != recipientBytes {
		t.Errorf("a recipient counts for %d bytes", per)
	}
}

func TestOutgoing_TellsEachRecipientOnce(t *testing.T) {
	t.Parallel()
	o := outgoingTo(3, 1, 2)
	var users []domain.UserNum
	for e, ok := o.take(); ok; e, ok = o.take() {
		users = append(users, e.Topic.User)
	}
	if diff := cmp.Diff([]domain.UserNum{3, 1, 2}, users); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	o = outgoingTo(3)
	o.delivery.Group = 9
	want := []wire.Topic{{App: 1, User: 3}, wire.GroupTopic(1, 9)}
	if diff := cmp.Diff(want, o.topics()); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
	for i := range want {
		if e, ok := o.take(); !ok || e.Topic != want[i] {
			t.Errorf("receiver %d is %+v", i, e.Topic)
		}
	}
	if _, ok := o.take(); ok {
		t.Error("there is one more")
	}
}

func TestLostTopics_BecomeAllWhenTheyAreTooMany(t *testing.T) {
	t.Parallel()
	var l lostTopics
	for i := range maxLostTopics {
		l.add(wire.Topic{App: 1, User: domain.UserNum(i + 1)})
	}
	if got := l.take(); len(got) != maxLostTopics {
		t.Fatalf("%d topics, want %d", len(got), maxLostTopics)
	}
	if got := l.take(); len(got) != 0 {
		t.Fatalf("%d topics after all were taken", len(got))
	}
	for i := range maxLostTopics + 1 {
		l.add(wire.Topic{App: 1, User: domain.UserNum(i + 1)})
	}
	l.add(wire.Topic{App: 2, User: 1})
	if diff := cmp.Diff([]wire.Topic{{}}, l.take()); diff != "" {
		t.Errorf("too many topics (-want +got):\n%s", diff)
	}
}

func TestChannels_NamesAreThoseThatAllNodesUse(t *testing.T) {
	t.Parallel()
	plain, sharded := channels{prefix: "gim"}, channels{prefix: "gim", sharded: true}
	topic := wire.Topic{App: 7, User: 1 << 40}
	for got, want := range map[string]string{
		plain.topic(topic):   "gim:u:7:1099511627776",
		plain.control(0):     "gim:gap",
		sharded.topic(topic): "gim:{p6}:u:7:1099511627776",
		sharded.control(15):  "gim:{p15}:gap",
	} {
		if got != want {
			t.Errorf("channel %q, want %q", got, want)
		}
	}
}

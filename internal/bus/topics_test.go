package bus

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// connectedTopics returns topics whose connection has just become synced.
func connectedTopics(t *testing.T) *topics {
	t.Helper()
	topics := newTopics()
	topics.reset()
	if _, synced := topics.arrive(topics.depart(maxFlight)); !synced {
		t.Fatal("a connection without topics is not synced by its first answer")
	}
	return topics
}

func wantTopic(topics *topics, user int) (*subscription, <-chan struct{}) {
	return topics.want(wire.Topic{App: 1, User: domain.UserNum(user)}, fmt.Sprint(user))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTopics_ConfirmedWhenItsFlightArrives(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	_, first := wantTopic(topics, 1)
	f := topics.depart(maxFlight)
	_, second := wantTopic(topics, 2) // too late for f
	topics.arrive(f)
	if !isClosed(first) || isClosed(second) {
		t.Errorf("confirmed: first %v, second %v; want the first only", isClosed(first), isClosed(second))
	}
	if !isClosed(topics.wake) {
		t.Error("nobody is woken for the second")
	}
	topics.arrive(topics.depart(maxFlight))
	if !isClosed(second) {
		t.Error("the second is not confirmed by the second flight")
	}
}

func TestTopics_WantedWhileLeavingWaitsForTheWayBack(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	wantTopic(topics, 1)
	topics.arrive(topics.depart(maxFlight))
	topics.unwant("1")
	leaving := topics.depart(maxFlight)
	_, back := wantTopic(topics, 1)
	if isClosed(back) {
		t.Fatal("confirmed while the server is told to unsubscribe")
	}
	if f := topics.depart(maxFlight); len(f.joining) != 0 {
		t.Fatal("a second command while the first is under way")
	}
	topics.arrive(leaving)
	if isClosed(back) {
		t.Fatal("confirmed by the end of the old subscription")
	}
	topics.arrive(topics.depart(maxFlight))
	if !isClosed(back) {
		t.Error("not confirmed by the new subscription")
	}
}

func TestTopics_ChangeOfMindCostsNoCommand(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	wantTopic(topics, 1)
	topics.unwant("1")
	if f := topics.depart(maxFlight); len(f.joining)+len(f.leaving) != 0 {
		t.Error("a command for a topic that nobody wants")
	}
	if len(topics.byChannel) != 0 {
		t.Error("the topic is still remembered")
	}
	_, kept := wantTopic(topics, 2)
	topics.arrive(topics.depart(maxFlight))
	topics.unwant("2")
	wantTopic(topics, 2)
	if f := topics.depart(maxFlight); len(f.joining)+len(f.leaving) != 0 || !isClosed(kept) {
		t.Error("a topic wanted again at once was given up")
	}
}

func TestTopics_HerdTravelsTogether(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	for i := range maxFlight + 1 {
		wantTopic(topics, i)
	}
	var sizes []int
	for isClosed(topics.wake) {
		f := topics.depart(maxFlight)
		sizes = append(sizes, len(f.joining))
		topics.arrive(f)
	}
	if diff := cmp.Diff([]int{maxFlight, 1}, sizes); diff != "" {
		t.Errorf("flights (-want +got):\n%s", diff)
	}
}

func TestTopics_GapFollowsForThoseWhoDidNotWait(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	impatient, _ := wantTopic(topics, 1)
	wantTopic(topics, 2)
	f := topics.depart(maxFlight)
	topics.oweGap(impatient)
	gaps, _ := topics.arrive(f)
	if diff := cmp.Diff([]wire.Topic{{App: 1, User: 1}}, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	topics.oweGap(impatient)
	wantTopic(topics, 3)
	if gaps, _ = topics.arrive(topics.depart(maxFlight)); len(gaps) != 0 {
		t.Errorf("gaps for what was confirmed in time: %v", gaps)
	}
}

func TestTopics_NewConnectionIsSyncedWhenAllTopicsAreConfirmed(t *testing.T) {
	t.Parallel()
	topics := connectedTopics(t)
	var old []<-chan struct{}
	for i := range 3 {
		_, confirmed := wantTopic(topics, i)
		old = append(old, confirmed)
	}
	topics.arrive(topics.depart(maxFlight))
	topics.unwant("0")
	topics.reset()
	if topics.isSynced() || len(topics.byChannel) != 2 {
		t.Fatalf("after the loss: synced %v, %d topics; want 2 that are not", topics.isSynced(), len(topics.byChannel))
	}
	if _, again := wantTopic(topics, 1); isClosed(again) || !isClosed(old[1]) {
		t.Error("a topic of the lost connection counts as confirmed")
	}
	if _, synced := topics.arrive(topics.depart(1)); synced {
		t.Error("synced with one of two topics")
	}
	if _, synced := topics.arrive(topics.depart(1)); !synced {
		t.Error("not synced with both topics")
	}
}

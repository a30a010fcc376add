package domain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// settler is a store that tells of each user it is asked for, and has more of it as
// often as more says.
type settler struct {
	mu    sync.Mutex
	asked []string
	more  map[UserNum]int
	fails int
	hold  chan struct{} // what SettleAcks waits for, once
	began chan struct{}
	told  chan *Signal
}

func (s *settler) SettleAcks(_ context.Context, app AppNum, users []UserNum) (told []Delivered, more []UserNum, err error) {
	if s.hold != nil {
		s.began <- struct{}{}
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprint(app, users))
	if s.fails > 0 {
		s.fails--
		return nil, nil, errors.New("the store is away")
	}
	for _, user := range users {
		told = append(told, Delivered{User: UserID(fmt.Sprint("u", user)), To: Target{User: "alice"}, Seq: 7, Peers: []UserNum{100}}, Delivered{User: "nobody"})
		if s.more[user] > 0 {
			s.more[user]--
			more = append(more, user)
		}
	}
	return told, more, nil
}

func (s *settler) PublishSignal(signal *Signal) { s.told <- signal }
func (s *settler) Now() time.Time               { return time.UnixMilli(1).UTC() }

// deliver runs deliveries over s until the test ends.
func deliver(t *testing.T, s *settler) *Deliveries {
	t.Helper()
	s.told = make(chan *Signal, 1000)
	d := NewDeliveries(s, s, s, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the test
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return d
}

// next returns who is told about next.
func (s *settler) next(t *testing.T) *Signal {
	t.Helper()
	select {
	case signal := <-s.told:
		return signal
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is told")
		return nil
	}
}

func TestDeliveries_TellUnderTheNameOfWhoIsTold(t *testing.T) {
	t.Parallel()
	s := &settler{}
	deliver(t, s).Acked(1, 2)
	want := &Signal{
		App: 1, Sender: Sender{Type: SenderUser, User: "u2"}, To: Target{User: "alice"}, Kind: "delivered",
		Data: []byte(`{"conversation_seq":7}`), SentAt: s.Now(), Receivers: []UserNum{100},
	}
	got := s.next(t)
	if diff := cmp.Diff(want, got); diff != "" || got.ConversationID() != "user:u2" {
		t.Errorf("told of %s (-want +got):\n%s", got.ConversationID(), diff)
	}
}

// What is acknowledged while the store works is settled together, each user once.
func TestDeliveries_GatherWhileTheStoreWorks(t *testing.T) {
	t.Parallel()
	s := &settler{hold: make(chan struct{}), began: make(chan struct{}, 10), more: map[UserNum]int{1: 1}}
	d := deliver(t, s)
	d.Acked(1, 1)
	<-s.began
	for range 3 {
		for user := range UserNum(settleUsers + 1) {
			d.Acked(2, user+1)
		}
	}
	close(s.hold)
	for range 1 + settleUsers + 1 + 1 {
		s.next(t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []UserNum
	for i := range UserNum(settleUsers) {
		all = append(all, i+1)
	}
	want := []string{"1 [1]", "1 [1]", fmt.Sprint(2, all), fmt.Sprint(2, []UserNum{settleUsers + 1})}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestDeliveries_TryAgainWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	s := &settler{fails: 1}
	deliver(t, s).Acked(1, 2)
	if got := s.next(t); got.Sender.User != "u2" {
		t.Errorf("told %+v", got)
	}
}

func TestDeliveries_AreBounded(t *testing.T) {
	t.Parallel()
	d := NewDeliveries(nil, nil, nil, nil)
	for user := range UserNum(maxAcked + 10) {
		d.Acked(1, user)
	}
	if len(d.acked) != maxAcked {
		t.Errorf("%d users wait", len(d.acked))
	}
}

package gateway

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// eagerDrain takes everything, or while it is full holds it until it is let go on.
type eagerDrain struct {
	Conn
	goOn <-chan struct{} // nil: never full

	mu    sync.Mutex
	got   [][]byte
	held  [][]byte
	waits int // calls that may wait
}

func (*eagerDrain) Close(wire.CloseCode, time.Duration) {}

func (*eagerDrain) Encoding() wire.Encoding { return wire.JSON }

func (d *eagerDrain) WriteSome(frames [][]byte) (whole bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range frames {
		d.held = append(d.held, bytes.Clone(f))
	}
	if d.goOn != nil {
		return false, nil
	}
	d.got, d.held = append(d.got, d.held...), nil
	return true, nil
}

func (d *eagerDrain) WriteFrames(frames [][]byte, _ time.Time) error {
	if d.goOn != nil {
		<-d.goOn
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits++
	for _, f := range frames {
		d.held = append(d.held, bytes.Clone(f))
	}
	d.got, d.held = append(d.got, d.held...), nil
	return nil
}

func (d *eagerDrain) seen() (text string, waits int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(bytes.Join(d.got, nil)), d.waits
}

// eagerCrowd is a large group with n connections, the first of which is full.
func eagerCrowd(n int) (h *Hub, topic wire.Topic, all []*eagerDrain, sessions []*Session, goOn func()) {
	h, topic = NewHub(quiet{}), wire.GroupTopic(1, 7)
	full := make(chan struct{})
	for range n {
		s, _ := listening(h, topic, wire.JSON)
		d := &eagerDrain{}
		s.conn = d
		all, sessions = append(all, d), append(sessions, s)
	}
	all[0].goOn = full
	return h, topic, all, sessions, func() { close(full) }
}

func TestCrowd_WritesAtOnceAndWaitsForNoConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, _, goOn := eagerCrowd(crowdSize)
		want := ""
		for number, text := range []string{"one", "two", "three"} {
			e := groupEvent(topic, int64(number+1), text)
			h.Handle(e)
			synctest.Wait()
			want += string(wire.AppendPush(nil, wire.JSON, []wire.Item{{Body: e.Body}}))
		}
		for i, d := range all[1:] {
			if got, waits := d.seen(); got != want || waits != 0 {
				t.Fatalf("connection %d got %s, by %d writes that may wait; want %s by none", i+1, got, waits, want)
			}
		}
		if got, _ := all[0].seen(); got != "" {
			t.Errorf("the one that is full got %s", got)
		}
		goOn()
		synctest.Wait()
		got, waits := all[0].seen()
		for _, text := range []string{"one", "two", "three"} {
			before, after, found := bytes.Cut([]byte(got), []byte(text))
			if !found || bytes.Contains(before, []byte(text)) || bytes.Contains(after, []byte(text)) {
				t.Errorf("the one that was full got %s, want %q once and in order", got, text)
			}
			got = string(after)
		}
		if waits == 0 {
			t.Error("nobody waited for the one that was full")
		}
	})
}

// stuckStore does not answer until it is let go on.
type stuckStore struct {
	Store
	goOn <-chan struct{}
}

func (s *stuckStore) ReadGroup(context.Context, domain.AppNum, domain.ConversationNum, domain.GroupReader, int64, int) (domain.GroupPage, error) {
	<-s.goOn
	return domain.GroupPage{}, errors.New("the test is over")
}

func TestCrowd_WaitsForNoStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, all, sessions, goOn := eagerCrowd(crowdSize)
		stuck := make(chan struct{})
		sessions[0].pump.follows[topic.Group].next = -5 // it lacks some, and has to read
		sessions[0].gw.opts.Store = &stuckStore{goOn: stuck}
		sessions[0].ctx = t.Context()
		e := groupEvent(topic, 1, "one")
		h.Handle(e)
		synctest.Wait()
		for i, d := range all[1:] {
			if got, _ := d.seen(); got == "" {
				t.Fatalf("connection %d waits for another one's store", i+1)
			}
		}
		sessions[0].end(ending{}) // so that it does not try again
		close(stuck)
		goOn()
		synctest.Wait()
	})
}

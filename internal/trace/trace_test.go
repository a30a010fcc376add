package trace_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/trace"
)

// clock is one that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func newClock() *clock { return &clock{now: time.UnixMilli(1_800_000_000_000).UTC()} }

// nobody takes deliveries.
type nobody struct{}

func (nobody) Publish([]domain.Delivery) {}

const app = domain.AppNum(7)

func delivery(app domain.AppNum, m domain.PlacedMessage) []domain.Delivery {
	return []domain.Delivery{{App: app, Message: &domain.Message{Conversation: m.Conversation, ConversationSeq: m.Seq}}}
}

func TestRecorder_TellsWhatWasWrittenOfAMessage(t *testing.T) {
	t.Parallel()
	at := newClock()
	r := trace.New(trace.All, time.Hour, at)
	m := domain.PlacedMessage{Conversation: 5, Seq: 3, SentAt: at.add(time.Second)}
	published := at.add(time.Millisecond)
	r.Publisher(nobody{}).Publish(delivery(app, m))
	phone, web := r.Connection(app, 1, "phone", "tcp"), r.Connection(app, 1, "web", "websocket")
	carol, foreign := r.Connection(app, 2, "c", "tcp"), r.Connection(app+1, 1, "phone", "tcp")
	first := at.add(time.Millisecond)
	phone.Note(m.Conversation, m.Seq, first)
	second := at.add(time.Millisecond)
	web.Note(m.Conversation, m.Seq, second)
	carol.Note(m.Conversation, m.Seq, second)
	foreign.Note(m.Conversation, m.Seq, second)
	phone.Note(m.Conversation, m.Seq+1, second)
	phone.Note(m.Conversation+1, m.Seq, second)
	r.Slow(web)
	want := domain.PushTimes{Known: domain.PushTimesComplete, Published: published, Written: 3, Pushes: []domain.Push{
		{User: 1, Device: "phone", Transport: "tcp", At: first},
		{User: 1, Device: "web", Transport: "websocket", At: second},
		{User: 1, Device: "web", Transport: "websocket", At: second, Slow: true},
	}}
	if diff := cmp.Diff(want, r.PushTimes(t.Context(), app, m, []domain.UserNum{1})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	at.add(time.Hour + time.Millisecond)
	if got := r.PushTimes(t.Context(), app, m, []domain.UserNum{1}); got.Known != domain.PushTimesPartial || got.Written != 0 || len(got.Pushes) > 0 {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestRecorder_DoesNotKnowWhatWasBeforeIt(t *testing.T) {
	t.Parallel()
	at := newClock()
	m := domain.PlacedMessage{Conversation: 5, Seq: 3, SentAt: at.Now()}
	at.add(time.Second)
	if got := trace.New(trace.All, time.Hour, at).PushTimes(t.Context(), app, m, nil); got.Known != domain.PushTimesPartial {
		t.Errorf("%+v", got)
	}
}

func TestRecorder_OffKeepsNothing(t *testing.T) {
	t.Parallel()
	r := trace.New(trace.Off, time.Hour, newClock())
	r.Slow(r.Connection(app, 1, "d", "tcp"))
	if got := r.PushTimes(t.Context(), app, domain.PlacedMessage{Conversation: 5, Seq: 1}, nil); got.Known != domain.PushTimesOff {
		t.Errorf("%+v", got)
	}
	if r.Keeps(5, 1) || r.Publisher(nobody{}) != domain.Publisher(nobody{}) {
		t.Error("it keeps something")
	}
}

func TestRecorder_SamplesTheSameMessagesEverywhere(t *testing.T) {
	t.Parallel()
	at := newClock()
	a, b := trace.New(trace.Sampled, time.Hour, at), trace.New(trace.Sampled, time.Hour, at)
	kept := 0
	const n = 16_000
	for i := range n {
		conversation, seq := domain.ConversationNum(i%7), int64(i/7+1)
		if a.Keeps(conversation, seq) != b.Keeps(conversation, seq) {
			t.Fatal("two recorders disagree")
		}
		if a.Keeps(conversation, seq) {
			kept++
			continue
		}
		if got := a.PushTimes(t.Context(), app, domain.PlacedMessage{Conversation: conversation, Seq: seq}, nil); got.Known != domain.PushTimesNotSampled {
			t.Fatalf("%+v", got)
		}
	}
	if want := n / trace.SampleEvery; kept < want*3/4 || kept > want*5/4 {
		t.Errorf("%d of %d are kept, want about %d", kept, n, want)
	}
}

// Whatever is written, memory stays what it is; what is new is there and what went is
// told to be gone. With the race detector it shows that nothing is read half.
func TestRecorder_IsBoundedUnderLoad(t *testing.T) {
	t.Parallel()
	at := newClock()
	r := trace.New(trace.All, time.Hour, at)
	first := domain.PlacedMessage{Conversation: 1, Seq: 1, SentAt: at.add(time.Second)}
	connections := make([]*trace.Connection, 64)
	for i := range connections {
		connections[i] = r.Connection(app, domain.UserNum(i+1), domain.DeviceID(fmt.Sprint(i)), "tcp")
		connections[i].Note(first.Conversation, first.Seq, at.Now())
	}
	if got := r.PushTimes(t.Context(), app, first, nil); got.Written != len(connections) || got.Known != domain.PushTimesComplete {
		t.Fatalf("before: %+v", got)
	}
	at.add(time.Second)
	const each = 3 * 16 * (1 << 14) / 64 // three times as many as there is room for
	var load sync.WaitGroup
	for i, c := range connections {
		load.Go(func() {
			for n := range int64(each) {
				c.Note(domain.ConversationNum(i+2), n+1, at.Now())
			}
		})
	}
	load.Go(func() {
		for range 20 {
			for _, p := range r.PushTimes(t.Context(), app, domain.PlacedMessage{Conversation: 3, Seq: 9, SentAt: at.Now()}, []domain.UserNum{2}).Pushes {
				if p.Device != "1" {
					t.Errorf("a time of another connection: %+v", p)
				}
			}
		}
	})
	load.Wait()
	if got := r.PushTimes(t.Context(), app, first, nil); got.Written != 0 || got.Known != domain.PushTimesPartial {
		t.Errorf("the first message: %+v", got)
	}
	for range 3000 {
		r.Slow(connections[0])
	}
	last := domain.PlacedMessage{Conversation: 1, Seq: 2, SentAt: at.add(time.Second)}
	at.add(time.Millisecond)
	for _, c := range connections {
		c.Note(last.Conversation, last.Seq, at.Now())
	}
	got := r.PushTimes(t.Context(), app, last, []domain.UserNum{1})
	if got.Written != len(connections) || got.Known != domain.PushTimesComplete {
		t.Errorf("the last message: %s, %d", got.Known, got.Written)
	}
	if n := len(got.Pushes) - 1; n != 1024 {
		t.Errorf("%d connections that were slow are kept, want 1024", n)
	}
}

func TestConnection_NoteAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	r := trace.New(trace.All, time.Hour, newClock())
	c := r.Connection(app, 1, "d", "tcp")
	c.Note(1, 1, r.Now())
	if got := testing.AllocsPerRun(1000, func() {
		if r.Keeps(1, 2) {
			c.Note(1, 2, r.Now())
		}
	}); got > 0 {
		t.Errorf("a note takes %v allocations", got)
	}
}

func BenchmarkConnection_Note(b *testing.B) {
	r := trace.New(trace.All, time.Hour, domain.SystemClock{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := r.Connection(app, 1, "d", "tcp")
		for n := int64(1); pb.Next(); n++ {
			c.Note(1, n, r.Now())
		}
	})
}

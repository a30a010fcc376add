package gateway

import (
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/internal/trace"
	"github.com/gim-im/gim/wire"
)

// drain is a connection that takes everything.
type drain struct {
	Conn
	enc     wire.Encoding
	written chan struct{}
}

func (d *drain) Encoding() wire.Encoding { return d.enc }

func (d *drain) WriteFrames([][]byte, time.Time) error {
	d.written <- struct{}{}
	return nil
}

// listening is a session that has signed in and got everything, on a hub.
func listening(h *Hub, t wire.Topic, enc wire.Encoding) (*Session, *drain) {
	return listeningTraced(h, t, enc, trace.Off)
}

func listeningTraced(h *Hub, t wire.Topic, enc wire.Encoding, mode trace.Mode) (*Session, *drain) {
	d := &drain{enc: enc, written: make(chan struct{}, 1)}
	recorder := trace.New(mode, time.Hour, domain.SystemClock{})
	s := &Session{gw: &Gateway{opts: Options{QueueBytes: 1 << 20, WriteTimeout: time.Minute, Trace: recorder}, metrics: metrics.New()}, conn: d, id: "session"}
	s.traced = recorder.Connection(t.App, 1, "phone", "tcp")
	s.box.s, s.pump.s = s, s
	s.pumped.Add(1)
	s.box.live, s.box.isOpened = true, true
	s.pump.started, s.pump.next = true, 1
	s.who.Store(&identity{})
	if t.Kind == wire.TopicGroup {
		s.pump.follows = map[domain.ConversationNum]*follow{t.Group: {num: t.Group, next: 1, ready: true}}
	}
	h.shard(t).receivers[t] = append(h.shard(t).receivers[t], s)
	return s, d
}

// TestHub_OneMoreSessionTakesOneAllocation counts what it takes to get a message from
// the hub to one more connection: its place in the queue. To keep when it was written
// takes none.
func TestHub_OneMoreSessionTakesOneAllocation(t *testing.T) { // not parallel: it counts allocations
	most := 1.0
	if raceDetector {
		most = 6 // sync.Pool drops some of what it lends on purpose
	}
	const runs = 500
	for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
		for name, topic := range map[string]wire.Topic{"a log": {App: 1, User: 1}, "a large group": wire.GroupTopic(1, 7)} {
			h := NewHub(nil)
			s, d := listeningTraced(h, topic, enc, trace.All)
			events := make([]*wire.Event, runs+2)
			for i := range events {
				events[i] = benchEvent()
				events[i].Topic, events[i].Seq = topic, int64(i+1)
				events[i].Body.Message().Conversation, events[i].Body.Message().ConversationSeq = 7, int64(i+1)
				if topic.Kind == wire.TopicGroup {
					events[i].Seq = 0
				}
				events[i].Body.CommonProto() // as another session has had it before
				events[i].Body.AppendJSON(nil, 1, "")
			}
			next := 0
			if got := testing.AllocsPerRun(runs, func() {
				h.Handle(events[next])
				next++
				<-d.written
			}); got > most {
				t.Errorf("a push from %s in %s takes %v allocations, want at most %v", name, enc, got, most)
			}
			first := domain.PlacedMessage{Conversation: 7, Seq: 1}
			if got := s.gw.opts.Trace.PushTimes(t.Context(), topic.App, first, []domain.UserNum{1}); got.Written != 1 {
				t.Errorf("a push from %s in %s is not kept: %+v", name, enc, got)
			}
		}
	}
}

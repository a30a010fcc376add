package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// fleet is the connections of a round. Each has a goroutine that reads; one
// goroutine keeps them all alive.
type fleet struct {
	run     *run
	readers sync.WaitGroup // and the one that pings
	stop    context.CancelFunc
	ending  atomic.Bool // from now on connections end because we want it

	mu        sync.Mutex // guards members and heartbeat
	members   []*member
	heartbeat time.Duration

	silent   atomic.Int64  // members that have not answered the last ping yet
	answered chan struct{} // capacity 1: all have

	broken context.Context // ends, with the reason as its cause, when a connection ends by itself
	fail   context.CancelCauseFunc
}

// member is a user with a connection.
type member struct {
	witness
	conn  *line
	loops []*loop // those whose messages arrive here; loops[0] is of sender first
	sends *loop   // the one that sends over the connection; nil for others
	fleet *fleet

	closing *wire.Closing // what the server said last, if it was that
}

// parallelConnects bounds how many connections are opened or closed at a time.
const parallelConnects = 64

// politeFor is how long a round waits for goodbyes. A server that hangs says none.
const politeFor = 2 * time.Second

// Ids of frames. Those of messages count up from firstSendID.
const (
	pingID      = 2 // 1 is the sign-in's; nobody waits for the answer
	lastPingID  = 3
	firstSendID = 4
)

func (r *run) newFleet() *fleet {
	f := &fleet{run: r, answered: make(chan struct{}, 1)}
	f.broken, f.fail = context.WithCancelCause(context.Background())
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.readers.Go(func() { f.keepAlive(ctx) }) // ends with close
	return f
}

// connect opens connections for members and adds them. With an error some may be
// open; close ends them.
func (f *fleet) connect(ctx context.Context, members []*member, transport func(*member) string) error {
	connects, ctx := errgroup.WithContext(ctx)
	connects.SetLimit(parallelConnects)
	for _, m := range members {
		connects.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			conn, in, err := f.run.connectLine(ctx, m.user, transport(m))
			if err != nil {
				return err
			}
			m.conn, m.fleet, m.seq = conn, f, in.GetHeadSeq()
			if m.large != nil {
				m.conv = m.large.head(in)
			}
			f.mu.Lock()
			f.members = append(f.members, m)
			f.heartbeat = time.Duration(in.GetHeartbeatMs()) * time.Millisecond
			f.mu.Unlock()
			f.run.progress.done.Add(1)
			f.readers.Go(func() { f.read(m) }) // ends with close
			return nil
		})
	}
	err := connects.Wait()
	if err != nil {
		return fmt.Errorf("after %d connections: %w", f.size(), err)
	}
	return nil
}

func (f *fleet) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.members)
}

// close ends all connections and their goroutines. The witnesses are the
// caller's afterwards. Closing again does nothing.
func (f *fleet) close() {
	if f.ending.Swap(true) {
		return
	}
	f.stop()
	f.mu.Lock()
	members := f.members
	f.mu.Unlock()
	var closes errgroup.Group
	closes.SetLimit(parallelConnects)
	impatient := time.Now().Add(politeFor)
	for _, m := range members {
		closes.Go(func() error {
			if time.Now().Before(impatient) {
				m.conn.close()
			} else {
				m.conn.drop()
			}
			return nil
		})
	}
	_ = closes.Wait() // nothing fails above
	f.readers.Wait()
	f.fail(errors.New("the round is over"))
}

// read takes what m is told until its connection ends.
func (f *fleet) read(m *member) {
	defer close(m.conn.over)
	for {
		payload, err := m.conn.reader.next()
		if err == nil {
			err = m.take(payload)
		}
		if err != nil {
			if !f.ending.Load() {
				f.fail(fmt.Errorf("the connection of %s ended: %w", m.user, m.closed(err)))
			}
			return
		}
	}
}

// closed says why the connection is over where the transport has no code of its own:
// then the last frame has it.
func (m *member) closed(err error) error {
	if _, told := errors.AsType[*client.ClosedError](err); !told && m.closing != nil {
		return &client.ClosedError{Code: int(m.closing.GetCode()), Reason: m.closing.GetReason()}
	}
	return err
}

const pingEvery = 20 * time.Millisecond // so few wake-ups serve thousands

// keepAlive pings each connection once per heartbeat, spread over it.
func (f *fleet) keepAlive(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	ping := pingFrame(pingID)
	last, due, next := time.Now(), 0.0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.mu.Lock()
			members, heartbeat := f.members, f.heartbeat
			f.mu.Unlock()
			if len(members) == 0 || heartbeat <= 0 {
				last = now
				continue
			}
			due += float64(len(members)) * min(1, now.Sub(last).Seconds()/heartbeat.Seconds())
			last = now
			for ; due >= 1; due-- {
				// When it fails the connection is over, which its reader reports.
				_ = members[next%len(members)].conn.write(ping)
				next++
			}
		}
	}
}

// lastPing waits until every connection has answered once more. What the server
// had still to push, and should not have, has come by then.
func (f *fleet) lastPing(ctx context.Context) error {
	f.silent.Store(int64(len(f.members)))
	pings, pingCtx := errgroup.WithContext(ctx)
	pings.SetLimit(parallelConnects)
	for _, m := range f.members {
		pings.Go(func() error {
			defer context.AfterFunc(pingCtx, m.conn.drop)() // so that no write hangs
			return m.conn.write(pingFrame(lastPingID))
		})
	}
	if err := pings.Wait(); err != nil {
		return fmt.Errorf("ping at the end: %w", err)
	}
	patience := time.NewTimer(f.run.o.Patience)
	defer patience.Stop()
	select {
	case <-f.answered:
		return nil
	case <-patience.C:
		return fmt.Errorf("%d connections did not answer a ping at the end within %s", f.silent.Load(), f.run.o.Patience)
	case <-f.broken.Done():
		return context.Cause(f.broken)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take judges a frame.
func (m *member) take(payload []byte) error {
	id, body, err := cutFrame(payload)
	if err != nil {
		return err
	}
	switch body.num {
	case fieldPush:
		return m.pushed(body.bytes)
	case fieldSent:
		seq, conv, err := cutSent(body.bytes)
		if err != nil {
			return err
		}
		if m.stored { // it stands in the place of the push of this message
			m.answered(seq, conv)
		}
		if m.sends == nil || !m.sends.acknowledged(int64(id)-firstSendID, conv) { //nolint:gosec // what is too large is nobody's
			m.stray(id)
		}
		return nil
	case fieldPong:
		if id == lastPingID && m.fleet.silent.Add(-1) == 0 {
			m.fleet.answered <- struct{}{}
		}
		return nil
	}
	return m.takeRare(payload)
}

// takeRare judges a frame that is not among the many.
func (m *member) takeRare(payload []byte) error {
	f := new(wire.ServerFrame)
	if err := proto.Unmarshal(payload, f); err != nil {
		return fmt.Errorf("decode frame: %w", err)
	}
	m.closing = f.GetClosing()
	switch {
	case f.GetError() == nil:
	case m.sends == nil:
		m.stray(f.GetId())
	default:
		m.sends.refuse(f.GetError())
	}
	return nil
}

// stray notes an answer to nothing.
func (m *member) stray(id uint64) {
	m.Disorder++
	m.note("%s got a reply to frame %d that nobody waits for", m.user, id)
}

// pushed judges the messages of a push.
func (m *member) pushed(push []byte) error {
	now, count := time.Now(), int64(0)
	for len(push) > 0 {
		f, rest, err := cutField(push)
		if err != nil {
			return err
		}
		push = rest
		if f.num != fieldMessages || f.kind != protowire.BytesType {
			continue
		}
		msg, err := cutMessage(f.bytes)
		if err != nil {
			return err
		}
		m.receive(msg, now)
		count++
	}
	m.fleet.run.progress.done.Add(count)
	return nil
}

// receive judges a message.
func (m *member) receive(msg told, at time.Time) {
	seq, conv := msg.seq, msg.conv
	s, ok := parseStamp(msg.content)
	if !ok || !m.knows(s) || s.number > m.loops[s.sender-m.first].begun.Load() {
		if isEvent(string(msg.kind), msg.senderType()) {
			m.logged(seq, conv)
			return
		}
		m.foreign(fmt.Sprintf("%.60q", msg.content), seq, conv)
		return
	}
	l := m.loops[s.sender-m.first]
	if l.conn == m {
		m.Doubled++
		m.note("%s was pushed message %d, which it sent itself over this connection", m.user, s.number)
		return
	}
	if m.saw(s, seq, conv) && !l.arrived(s.number, conv, at) {
		m.Disorder++
		m.note("%s got message %d of sender %d at place %d of the conversation, where others did not", m.user, s.number, s.sender, conv)
	}
}

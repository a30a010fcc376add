package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// write is the writing side. It ends when the session is to end, and leaves the
// connection closed, or about to be.
func (c *session) write() {
	timer := time.NewTimer(c.heartbeat)
	defer timer.Stop()
	for c.ctx.Err() == nil {
		f, due := c.next(time.Now())
		if f != nil {
			c.writeFrame(f)
			continue
		}
		timer.Reset(time.Until(due))
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.ctx.Done():
		}
	}
	c.leave()
}

// writeFrame ends the session when the frame cannot be written. What the server
// said before that is still read.
func (c *session) writeFrame(f *wire.ClientFrame) {
	ctx, cancel := context.WithTimeoutCause(c.ctx, c.heartbeat*5/2, errSilent)
	defer cancel()
	if err := c.conn.Write(ctx, f); err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		c.cut = true
		c.cancel(err)
	}
}

// leave closes the connection. A program that ends says goodbye; otherwise the
// other side either knows or is not there. The server's last words are read for
// a moment, for they may say why a write failed.
func (c *session) leave() {
	stop := time.AfterFunc(farewell, c.hardStop)
	defer stop.Stop()
	switch cause := context.Cause(c.ctx); {
	case slices.ContainsFunc(silently, func(e error) bool { return errors.Is(cause, e) }):
		_ = c.conn.Drop() // it is closed either way
	case c.attempt.Err() != nil:
		c.lastAcks()
		_ = c.conn.Close() // as above
	default:
		<-c.hard.Done() // the reader ends it, or time does
		_ = c.conn.Drop()
	}
	c.hardStop()
}

// next returns the frame to write now, or nil and when to look again at the
// latest.
func (c *session) next(now time.Time) (f *wire.ClientFrame, due time.Time) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	due = c.pingAt
	until := func(t time.Time) { // a zero time is none
		if !t.IsZero() && t.Before(due) {
			due = t
		}
	}
	if len(c.control) > 0 {
		f = c.control[0]
		c.control[0] = nil
		c.control = c.control[1:]
		return f, due
	}
	if !now.Before(c.pingAt) {
		return c.ping(now), due
	}
	for _, pick := range []func(time.Time) (*wire.ClientFrame, time.Time){c.sync, c.ack, c.send} {
		f, at := pick(now)
		if f != nil {
			return f, due
		}
		until(at)
	}
	return nil, due
}

func (c *session) ping(now time.Time) *wire.ClientFrame {
	c.pingAt = now.Add(c.heartbeat)
	seq := int64(0)
	if c.s.resyncs == 0 {
		seq = c.s.cursor.Seq
	}
	return c.number(&wire.ClientFrame{Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{Seq: &seq}}}, c.ponged)
}

// send takes the next send that may be written.
func (c *session) send(now time.Time) (f *wire.ClientFrame, due time.Time) {
	out := &c.s.out
	for {
		o, due := out.next(now)
		if o == nil {
			return nil, due
		}
		f := &wire.ClientFrame{Body: &wire.ClientFrame_Send{Send: o.send}}
		if limit := c.in.GetMaxFrameBytes(); limit > 0 && int64(proto.Size(f)+maxIDBytes) > limit {
			o.settle(nil, errTooLarge(limit))
			continue
		}
		if !o.written {
			o.written, o.device = true, c.in.GetDeviceId()
		}
		id := c.lastID + 1
		f = c.number(f, func(f *wire.ServerFrame) { c.settle(o, id, f) })
		out.inFlight[id] = o
		return f, time.Time{}
	}
}

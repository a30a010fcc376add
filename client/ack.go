package client

import (
	"context"
	"slices"
	"time"

	"github.com/gim-im/gim/wire"
)

// Ack tells the server that the device holds the log up to seq, and returns what
// the server has noted, which never goes back. Without a connection it waits for
// one. A refusal is an *Error.
func (s *Stream) Ack(ctx context.Context, seq int64) (int64, error) {
	f, err := s.callUntil(ctx, ackFrame(&wire.Ack{Seq: seq}))
	return f.GetAcked().GetSeq(), err
}

// AckGroup is Ack for a large group: the device holds its messages up to
// conversationSeq.
func (s *Stream) AckGroup(ctx context.Context, group string, conversationSeq int64) (int64, error) {
	f, err := s.callUntil(ctx, ackFrame(&wire.Ack{GroupId: group, ConversationSeq: conversationSeq}))
	return f.GetAcked().GetConversationSeq(), err
}

func ackFrame(a *wire.Ack) *wire.ClientFrame {
	return &wire.ClientFrame{Body: &wire.ClientFrame_Ack{Ack: a}}
}

// refusedGroup are the refusals of an ack that are about its group alone.
var refusedGroup = []string{"not_in_group", "group_not_found", "bad_ack"}

// ack begins a round of acks: of all that was stored since the last one.
func (c *session) ack(now time.Time) (f *wire.ClientFrame, due time.Time) {
	switch {
	case !c.isAckDue() || c.acking > 0:
		return nil, time.Time{}
	case now.Before(c.ackAt):
		return nil, c.ackAt
	}
	acks := c.acks()
	if len(acks) == 0 {
		return nil, time.Time{}
	}
	c.ackAt, c.acking = now.Add(ackInterval), len(acks)
	for _, a := range acks[1:] {
		c.ask(ackFrame(a), func(f *wire.ServerFrame) { c.acked(a, f) })
	}
	return c.number(ackFrame(acks[0]), func(f *wire.ServerFrame) { c.acked(acks[0], f) }), time.Time{}
}

// isAckDue reports whether there may be something to ack.
func (c *session) isAckDue() bool {
	return !c.s.o.ManualAck && !c.ackOff && c.s.resyncs == 0 && (c.s.cursor.Seq > c.s.acked || len(c.s.unacked) > 0)
}

// acks takes what is to be acked.
func (c *session) acks() (all []*wire.Ack) {
	if c.s.cursor.Seq > c.s.acked {
		all = append(all, &wire.Ack{Seq: c.s.cursor.Seq})
	}
	for id := range c.s.unacked {
		if g := c.s.groups.member(id); g != nil && c.s.cursor.Groups[id] > g.acked {
			all = append(all, &wire.Ack{GroupId: id, ConversationSeq: c.s.cursor.Groups[id]})
		}
	}
	clear(c.s.unacked)
	return all
}

// acked takes the answer to an ack of the stream's own.
func (c *session) acked(a *wire.Ack, f *wire.ServerFrame) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.acking--
	g := c.s.groups.member(a.GetGroupId())
	switch e := f.GetError(); {
	case e == nil && a.GetGroupId() == "":
		c.s.acked = max(c.s.acked, a.GetSeq())
	case e == nil && g != nil:
		g.acked = max(g.acked, a.GetConversationSeq())
	case e.GetRetryable() && g != nil:
		c.s.unacked[a.GetGroupId()] = struct{}{}
	case e == nil, e.GetRetryable():
	case a.GetGroupId() != "" && slices.Contains(refusedGroup, e.GetCode()):
		c.s.log.DebugContext(c.ctx, "an ack of a group was refused", "group", a.GetGroupId(), "error", refusal(e))
	default: // a passing device cannot ack, and the next attempt would be no better
		c.ackOff = true
		c.s.log.DebugContext(c.ctx, "acks are off for this connection", "error", refusal(e))
	}
	c.poke()
}

// lastAcks acks when the session ends. The server's answers come to nobody: the
// next sign-in tells.
func (c *session) lastAcks() {
	c.s.mu.Lock()
	var frames []*wire.ClientFrame
	if c.isAckDue() && !c.cut {
		for _, a := range c.acks() {
			frames = append(frames, c.number(ackFrame(a), func(*wire.ServerFrame) {}))
		}
	}
	c.s.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.hard, farewell)
	defer cancel()
	for _, f := range frames {
		if c.conn.Write(ctx, f) != nil {
			return
		}
	}
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/wire"
)

// syncPage is how many entries are asked for at once.
const syncPage = 100

// read takes frames until the connection is over and returns why.
func (c *session) read() error {
	silence := c.heartbeat * 5 / 2
	for {
		ctx, cancel := context.WithTimeoutCause(c.hard, silence, errSilent)
		f, err := c.conn.Read(ctx)
		if err != nil && errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		cancel()
		if err != nil {
			return err
		}
		c.hear(f)
	}
}

// hear takes one frame.
func (c *session) hear(f *wire.ServerFrame) {
	if reply := c.takeReply(f.GetId()); reply != nil {
		reply(f)
		return
	}
	switch b := f.GetBody().(type) {
	case *wire.ServerFrame_Push:
		for _, m := range b.Push.GetMessages() {
			c.message(m)
		}
	case *wire.ServerFrame_Signal:
		if !c.admit(func() bool { return c.s.inbox.signal(b.Signal) }) {
			c.s.count(func(st *Stats) { st.Dropped++ })
		}
	case *wire.ServerFrame_Presence:
		c.s.inbox.presence(b.Presence.GetItems())
	case *wire.ServerFrame_Closing:
		c.announced(b.Closing)
	case *wire.ServerFrame_Error:
		c.refused = refusal(b.Error)
	}
}

func (c *session) takeReply(id uint64) func(*wire.ServerFrame) {
	if id == 0 {
		return nil
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	reply := c.replies[id]
	delete(c.replies, id)
	return reply
}

// announced takes a close that is to come. A token that runs out is replaced
// while the connection goes on; anything else follows at once.
func (c *session) announced(closing *wire.Closing) {
	c.closing = closing
	if wire.CloseCode(closing.GetCode()) != wire.CloseTokenExpired {
		return
	}
	c.s.mu.Lock()
	begin := !c.refreshing
	c.refreshing = true
	c.s.mu.Unlock()
	if !begin {
		return
	}
	c.work.Go(func() {
		c.refresh()
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.refreshing, c.refreshAt = false, time.Now().Add(refreshInterval)
	})
}

// admit puts something into the inbox. While that is full it waits, which leaves
// the rest to the server: it stops reading, and the server holds back, and closes
// with slow_consumer in the end. But a program that waits for an answer, perhaps
// in the very handler that is slow, has to get it, so then admit reports false:
// what was not put in is dropped, and entries of the log are asked for again when
// there is room.
func (c *session) admit(put func() bool) bool {
	for !put() {
		if c.s.isAwaited() {
			return false
		}
		select {
		case <-c.s.inbox.room:
		case <-c.s.called:
		case <-c.ctx.Done():
			return false
		}
	}
	return true
}

// message takes a message that was pushed.
func (c *session) message(m *wire.Message) {
	if m.GetSeq() == 0 {
		if !c.admit(func() bool { return c.s.inbox.message(m) }) {
			c.s.count(func(st *Stats) { st.Dropped++ })
		}
		return
	}
	c.s.mu.Lock()
	f := &c.s.feed
	where, behind := f.placeOf(m.GetSeq()), f.isBehind()
	switch {
	case where == repeated:
		c.s.stats.Repeats++
	case where == ahead && !behind:
		c.s.stats.Gaps++
		c.s.log.WarnContext(c.ctx, "entries of the log are missing and are asked for", "after", f.received, "seen", m.GetSeq())
	}
	if where == ahead {
		f.miss(m.GetSeq())
		c.poke()
	}
	c.s.mu.Unlock()
	if where == following {
		c.entry(m)
	}
}

// entry hands on the next entry of the log.
func (c *session) entry(m *wire.Message) (ok bool) {
	ok = c.admit(func() bool { return c.s.inbox.message(m) })
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if ok {
		c.s.feed.received = m.GetSeq()
	} else {
		c.s.feed.miss(m.GetSeq())
	}
	return ok
}

// settle takes the answer to a send.
func (c *session) settle(o *outgoing, id uint64, f *wire.ServerFrame) {
	var own *wire.Message
	c.s.mu.Lock()
	delete(c.s.out.inFlight, id)
	switch b := f.GetBody().(type) {
	case *wire.ServerFrame_Sent:
		c.s.out.pause.reset()
		o.settle(b.Sent, nil)
		own = ownMessage(o.send, b.Sent, c.in)
	case *wire.ServerFrame_Error:
		if c.s.out.refuse(o, refusal(b.Error), time.Now()) {
			c.poke()
		}
	default:
		c.cancel(fmt.Errorf("a send was answered with %T", b))
	}
	if own != nil && o.device != c.in.GetDeviceId() && c.s.feed.placeOf(own.GetSeq()) == following {
		// An earlier attempt, as another device, may be what is stored: the log knows.
		c.s.feed.miss(own.GetSeq())
		own = nil
	}
	c.poke() // there is room in the window
	c.s.mu.Unlock()
	if own != nil {
		c.message(own)
	}
}

// ownMessage is the entry that an answer to a send stands for, nil when there is
// none.
func ownMessage(send *wire.Send, sent *wire.Sent, me *wire.SignedIn) *wire.Message {
	if sent.GetSeq() == 0 {
		return nil
	}
	m := &wire.Message{
		Seq: sent.GetSeq(), ConversationId: sent.GetConversationId(), MessageId: sent.GetMessageId(),
		ConversationSeq: sent.GetConversationSeq(), SentAt: sent.GetSentAt(),
		Sender: &wire.Sender{Type: "user", UserId: me.GetUserId(), DeviceId: me.GetDeviceId()},
		To:     send.GetTo(), Type: send.GetType(), Content: send.GetContent(), Mentions: send.GetMentions(),
		ClientMsgId: send.GetClientMsgId(), Status: "normal",
	}
	var compact bytes.Buffer // as it is stored
	if json.Compact(&compact, send.GetContent()) == nil {
		m.Content = compact.Bytes()
	}
	return m
}

// synced takes the answer to a sync.
func (c *session) synced(f *wire.ServerFrame) {
	if e := f.GetError(); e != nil {
		c.syncRefused(refusal(e))
		return
	}
	page := f.GetSyncPage()
	if page == nil {
		c.cancel(fmt.Errorf("a sync was answered with %T", f.GetBody()))
		return
	}
	c.s.mu.Lock()
	feed := &c.s.feed
	from := feed.received
	if page.GetEpoch() != feed.epoch {
		c.s.mu.Unlock()
		c.cancel(errOtherLog)
		return
	}
	feed.skip(page.GetFirstSeq())
	c.s.mu.Unlock()
	full := false
	for _, m := range page.GetItems() {
		c.s.mu.Lock()
		where := feed.placeOf(m.GetSeq())
		c.s.mu.Unlock()
		if where == following && !full {
			full = !c.entry(m)
		}
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	feed.asking = false
	if feed.isBehind() && feed.received == from && !full {
		c.cancel(errHole)
	}
	c.poke()
}

func (c *session) syncRefused(e *Error) {
	switch {
	case e.Code == codeResyncRequired:
		c.cancel(errOtherLog)
	case !e.Retryable:
		c.cancel(fmt.Errorf("entries that are missing were asked for: %w", e))
	default:
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.s.feed.asking = false
		c.syncAt = time.Now().Add(max(e.RetryAfter, c.s.random(ackInterval)))
		c.poke()
	}
}

// ponged takes the answer to a ping.
func (c *session) ponged(f *wire.ServerFrame) {
	if f.GetPong() == nil {
		return // it was heard, which is what counts
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.feed.pong(f.GetPong().GetHeadSeq()) {
		c.s.stats.Gaps++
		c.s.log.WarnContext(c.ctx, "entries of the log were not pushed and are asked for", "after", c.s.feed.received)
		c.poke()
	}
}

// acked takes the answer to an ack of the stream's own.
func (c *session) acked(seq int64, f *wire.ServerFrame) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.acking = false
	if e := f.GetError(); e != nil {
		if !e.GetRetryable() { // a passing device cannot ack, and the next attempt would be no better
			c.ackOff = true
			c.s.log.DebugContext(c.ctx, "acks are off for this connection", "error", refusal(e))
		}
	} else {
		c.s.acked = max(c.s.acked, seq)
	}
	c.poke()
}

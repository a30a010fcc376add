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
	c.audience(f)
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
	c.poke() // there is room in the window
	c.s.mu.Unlock()
	if own != nil {
		c.own(own, o.device == c.in.GetDeviceId())
	}
}

// ownMessage is the entry that an answer to a send stands for, nil when there is
// none.
func ownMessage(send *wire.Send, sent *wire.Sent, me *wire.SignedIn) *wire.Message {
	m := &wire.Message{
		Seq: sent.GetSeq(), ConversationId: sent.GetConversationId(), MessageId: sent.GetMessageId(),
		ConversationSeq: sent.GetConversationSeq(), SentAt: sent.GetSentAt(),
		Sender: &wire.Sender{Type: "user", UserId: me.GetUserId(), DeviceId: me.GetDeviceId()},
		To:     send.GetTo(), Type: send.GetType(), Content: send.GetContent(), Mentions: send.GetMentions(),
		ClientMsgId: send.GetClientMsgId(), Status: "normal",
	}
	if id := send.GetReplyTo(); id != "" {
		m.ReplyTo = &wire.Reply{MessageId: id} // its number is not in the answer
	}
	if kindOf(m) == unstored {
		return nil
	}
	var compact bytes.Buffer // as it is stored
	if json.Compact(&compact, send.GetContent()) == nil {
		m.Content = compact.Bytes()
	}
	return m
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
	if c.s.groups.pong() {
		c.s.stats.Gaps++
		c.s.log.WarnContext(c.ctx, "messages of a large group were not pushed and are asked for")
		c.poke()
	}
}

package gateway

import (
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// traced is a message on its way to the connection.
type traced struct {
	conversation domain.ConversationNum
	seq          int64
}

// trace remembers messages until they are written.
func (p *pump) trace(items []wire.Item) {
	for _, it := range items {
		m := it.Body.Message()
		if p.s.gw.opts.Trace.Keeps(m.Conversation, m.ConversationSeq) {
			p.out.traced = append(p.out.traced, traced{m.Conversation, m.ConversationSeq})
		}
	}
}

// noteWritten keeps when they were, unless the connection still holds some.
func (p *pump) noteWritten() {
	o := p.out
	if len(o.traced) == 0 || p.stuck {
		return
	}
	if !p.broken {
		now := p.s.gw.opts.Trace.Now()
		for _, t := range o.traced {
			p.s.traced.Note(t.conversation, t.seq, now)
		}
	}
	o.traced = o.traced[:0]
}

// noteSlow keeps that the connection was closed before everything was written.
func (s *Session) noteSlow() {
	if who := s.who.Load(); who != nil {
		trace := s.gw.opts.Trace
		trace.Slow(trace.Connection(who.App.Num, who.User.Num, who.Device, s.peer.Transport))
	}
}

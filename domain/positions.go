package domain

import "context"

// Positions are those of the entries that a call has made, so that its answer can tell
// them and whoever made it reads its own writes, see untilVisible. They belong to the
// goroutine of the call.
type Positions struct {
	Caller UserNum // 0 is the business

	seq             int64
	conversation    ConversationNum
	conversationSeq int64
	several         bool
}

type positionsKey struct{}

// WithPositions returns ctx for a call whose positions p will be.
func WithPositions(ctx context.Context, p *Positions) context.Context {
	return context.WithValue(ctx, positionsKey{}, p)
}

// Seq is the last entry that the call has made in the caller's own log; 0 when none.
func (p *Positions) Seq() int64 { return p.seq }

// ConversationSeq is the last message that the call has made in the conversation; 0 when
// there is none, or they are in several conversations. What does not reach the caller is
// not counted.
func (p *Positions) ConversationSeq() int64 {
	if p.several {
		return 0
	}
	return p.conversationSeq
}

// NoteMade notes what was committed, for the answer of the call that ctx is of.
func NoteMade(ctx context.Context, told []Delivery) {
	p, _ := ctx.Value(positionsKey{}).(*Positions)
	if p == nil {
		return
	}
	for i := range told {
		p.note(&told[i])
	}
}

func (p *Positions) note(d *Delivery) {
	reached := p.Caller == 0 || d.Group != 0
	for _, to := range d.To {
		if to.User == p.Caller {
			p.seq, reached = max(p.seq, to.Seq), true
			break
		}
	}
	if !reached {
		return
	}
	p.several = p.several || p.conversation != 0 && p.conversation != d.Message.Conversation
	p.conversation = d.Message.Conversation
	p.conversationSeq = max(p.conversationSeq, d.Message.ConversationSeq)
}

// noteReceipt does the same for a message that was sent, or had been before.
func noteReceipt(ctx context.Context, r Receipt) {
	if p, _ := ctx.Value(positionsKey{}).(*Positions); p != nil {
		p.seq, p.conversationSeq = r.Seq, r.ConversationSeq
	}
}

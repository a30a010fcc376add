package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// judgeTimeout bounds one look at who is online.
const judgeTimeout = 5 * time.Second

// judge watches over the limit of an app for devices that are online. Each session
// judges itself, whenever its user's presence may have changed: all see the same
// sessions and come to the same answer, so nobody has to tell another to go.
type judge struct {
	s       *Session
	user    wire.Topic
	claim   domain.DeviceSession
	pending atomic.Bool // a look is about to begin
}

// beJudged begins it, before the session is one that others see.
func (s *Session) beJudged(ctx context.Context, who *identity, claim domain.DeviceSession) error {
	if claim.Policy.MaxOnlinePerType == 0 || s.gw.opts.Presence == nil {
		return nil
	}
	j := &judge{s: s, user: who.topic(), claim: claim}
	if err := s.gw.opts.Hub.attach(ctx, j.topic(), j); err != nil {
		return err
	}
	s.judge = j
	return nil
}

func (j *judge) topic() wire.Topic {
	return wire.Topic{App: j.user.App, User: j.user.User, Kind: wire.TopicPresence}
}

// receive takes events from the hub.
func (j *judge) receive(e *wire.Event) {
	if e.Kind != wire.EventPresence && e.Kind != wire.EventGap {
		return
	}
	if !j.pending.Swap(true) {
		go j.look() // ends with one question to the store
	}
}

// look ends the session when it is one that has to go. What cannot be found out is
// left to the next change.
func (j *judge) look() {
	defer j.s.recover("judge")
	j.pending.Store(false) // what changes from now on asks for another look
	ctx, cancel := context.WithTimeout(j.s.ctx, judgeTimeout)
	defer cancel()
	own := domain.OnlineSession{App: j.user.App, User: j.user.User, ID: j.s.id, Type: j.claim.Type}
	if j.s.gw.opts.Presence.HasToYield(ctx, own, j.claim.Policy) {
		j.s.end(ending{code: wire.CloseConnectionLimit})
	}
}

package gateway

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// dispatch answers a well-formed frame of a session that has signed in. Frames
// are handled one after another, so the sends of a session are stored in the
// order in which it sent them.
func (s *Session) dispatch(ctx context.Context, frame *wire.ClientFrame) {
	id := frame.GetId()
	switch b := frame.GetBody().(type) {
	case *wire.ClientFrame_Send:
		s.handleSend(ctx, id, b.Send)
	case *wire.ClientFrame_Ping:
		s.handlePing(ctx, id, b.Ping)
	case *wire.ClientFrame_Ack:
		s.handleAck(ctx, id, b.Ack)
	case *wire.ClientFrame_Sync:
		s.handleSync(ctx, id, b.Sync)
	case *wire.ClientFrame_Signal:
		s.handleSignal(ctx, id, b.Signal)
	case *wire.ClientFrame_Refresh:
		s.handleRefresh(ctx, id, b.Refresh)
	case *wire.ClientFrame_Subscribe:
		s.handleSubscribe(ctx, id, domain.GroupID(b.Subscribe.GetGroupId()))
	case *wire.ClientFrame_Unsubscribe:
		s.handleUnsubscribe(ctx, id, domain.GroupID(b.Unsubscribe.GetGroupId()))
	case *wire.ClientFrame_Presence:
		s.handlePresence(ctx, id, b.Presence)
	case *wire.ClientFrame_SignIn:
		err := domain.Failure(domain.CodeBadRequest, "This connection has signed in already.")
		s.end(ending{code: wire.CloseBadRequest, final: s.failure(ctx, id, err)})
	}
}

func (s *Session) handleSend(ctx context.Context, id uint64, send *wire.Send) {
	if s.slots == nil { // most connections only receive
		s.slots = make(chan struct{}, maxOwnSends)
	}
	select {
	case s.slots <- struct{}{}: // given back by the pump with the answer
	case <-ctx.Done():
		return
	}
	// What has been read is sent, even if the connection ends now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), frameTimeout)
	defer cancel()
	s.box.begin()
	answer := settled{}
	defer func() { s.box.settle(answer) }() // even when it panics
	receipt, err := s.gw.opts.Messages.Send(ctx, s.who.Load().Principal, domain.SendParams{
		To:          targetOf(send.GetTo()),
		Type:        domain.ContentType(send.GetType()),
		Content:     send.GetContent(),
		ClientMsgID: send.GetClientMsgId(),
		Mentions:    send.GetMentions(),
		ReplyTo:     domain.MessageID(send.GetReplyTo()),
		Ephemeral:   send.Persist != nil && !send.GetPersist(),
		Origin:      s.id,
	})
	if err != nil {
		answer.payload = s.failure(ctx, id, err)
		return
	}
	answer.seq = receipt.Seq
	if receipt.Durable && receipt.Seq == 0 {
		answer.group, answer.groupSeq = receipt.MessageID.Conversation(), receipt.ConversationSeq
	}
	answer.payload = s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Sent{Sent: &wire.Sent{
		MessageId: string(receipt.MessageID), ConversationId: receipt.ConversationID, ConversationSeq: receipt.ConversationSeq,
		Seq: receipt.Seq, SentAt: receipt.SentAt.UnixMilli(), Durable: receipt.Durable,
	}}})
}

func targetOf(to *wire.Target) domain.Target {
	return domain.Target{User: domain.UserID(to.GetUserId()), Group: domain.GroupID(to.GetGroupId())}
}

func (s *Session) handleSignal(ctx context.Context, id uint64, signal *wire.Signal) {
	err := s.gw.opts.Messages.Signal(ctx, s.who.Load().Principal, domain.SignalParams{
		To: targetOf(signal.GetTo()), Kind: signal.GetKind(), Data: signal.GetData(),
	})
	if err != nil {
		s.fail(ctx, id, err)
		return
	}
	s.reply(s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Signaled{Signaled: &wire.Signaled{}}}))
}

// handlePing answers with the head of the log. With a seq the store is asked
// for it, and what this session itself has missed is pushed. What the client has
// not read yet is on its way: nothing is pushed twice.
func (s *Session) handlePing(ctx context.Context, id uint64, ping *wire.Ping) {
	head := s.knownHead()
	if ping.Seq != nil {
		who := s.who.Load()
		heads, err := s.gw.opts.Store.Heads(ctx, who.App.Num, []domain.UserNum{who.User.Num})
		if err != nil {
			s.fail(ctx, id, err)
			return
		}
		head = heads[who.User.Num]
		s.noticeHead(head)
	}
	s.reply(s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: head}}}))
}

// noticeHead makes the session read the store when it lacks entries.
func (s *Session) noticeHead(head int64) {
	if head >= s.cursor.Load() {
		s.box.markBehind()
	}
}

func (s *Session) handleAck(ctx context.Context, id uint64, ack *wire.Ack) {
	who := s.who.Load()
	if !who.registered {
		s.fail(ctx, id, domain.Failure(domain.CodeForbidden,
			"This connection has no registered device, so there is nothing to acknowledge for; sign in with one."))
		return
	}
	acked := &wire.Acked{GroupId: ack.GetGroupId()}
	var err error
	if group := domain.GroupID(ack.GetGroupId()); group != "" {
		acked.ConversationSeq, err = s.gw.opts.Devices.AckGroup(ctx, who.Principal, who.Device, group, ack.GetConversationSeq())
	} else {
		acked.Seq, err = s.gw.opts.Devices.Ack(ctx, who.Principal, who.Device, ack.GetSeq())
	}
	if err != nil {
		s.fail(ctx, id, err)
		return
	}
	s.reply(s.encode(&wire.ServerFrame{Id: id, Body: &wire.ServerFrame_Acked{Acked: acked}}))
}

// handleSync waits until its answer is written: a page may be large, and one at
// a time is enough.
func (s *Session) handleSync(ctx context.Context, id uint64, sync *wire.Sync) {
	params := domain.SyncParams{After: sync.GetAfter(), Limit: domain.DefaultPageSize}
	if sync.Limit != nil {
		params.Limit = int(sync.GetLimit())
	}
	page, items, err := s.readSync(ctx, domain.GroupID(sync.GetGroupId()), params)
	if err != nil {
		s.fail(ctx, id, err)
		return
	}
	written := make(chan struct{})
	s.box.reply(reply{payload: wire.AppendSyncPage(nil, s.conn.Encoding(), id, items, page), written: written})
	select {
	case <-written:
	case <-ctx.Done():
	}
}

// readSync reads a page of the user's own log, or of that of a large group.
func (s *Session) readSync(ctx context.Context, group domain.GroupID, params domain.SyncParams) (*wire.SyncPage, []wire.Item, error) {
	who := s.who.Load().Principal
	if group != "" {
		page, err := s.gw.opts.Messages.SyncGroup(ctx, who, group, params.After, params.Limit)
		items := make([]wire.Item, len(page.Messages))
		for i, m := range page.Messages {
			items[i] = wire.Item{Body: wire.NewBody(m)}
		}
		return &wire.SyncPage{GroupId: string(group), HasMore: page.HasMore, FirstSeq: page.First, HeadSeq: page.Head}, items, err
	}
	page, err := s.gw.opts.Messages.Sync(ctx, who, params)
	items := make([]wire.Item, len(page.Entries))
	for i, e := range page.Entries {
		items[i] = wire.Item{Seq: e.Seq, IsSender: e.IsSender, Body: wire.NewBody(e.Message)}
	}
	return &wire.SyncPage{HasMore: page.HasMore, FirstSeq: page.First, HeadSeq: page.Head, Epoch: page.Epoch}, items, err
}

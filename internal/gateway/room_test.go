package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// room is a large group as the world stores it.
type room struct {
	num       domain.ConversationNum
	id        domain.GroupID
	log       []*domain.Message
	members   map[domain.UserID]int64 // behind which the membership begins
	acked     map[domain.DeviceID]int64
	audience  bool
	dismissed bool
}

// setDown lets the bus lose everything, or not.
func (w *world) setDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func (r *room) topic() wire.Topic { return wire.GroupTopic(app, r.num) }

// openRoom makes a large group without a word.
func (w *world) openRoom(id domain.GroupID, members ...domain.UserID) *room {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &room{num: domain.ConversationNum(1000 + len(w.rooms)), id: id, members: make(map[domain.UserID]int64), acked: make(map[domain.DeviceID]int64)}
	for _, m := range members {
		r.members[m] = 0
	}
	w.rooms = append(w.rooms, r)
	return r
}

func (w *world) room(id domain.GroupID) *room {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rooms {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (w *world) roomByNum(num domain.ConversationNum) *room {
	for _, r := range w.rooms {
		if r.num == num {
			return r
		}
	}
	return nil
}

// append puts a message into the log of a room, and for an event also into the logs
// of users; the events of both go onto the bus in that order.
func (w *world) appendTo(r *room, m domain.Message, origin string, change func(seq int64), users ...domain.UserID) int64 {
	w.mu.Lock()
	seq := int64(len(r.log)) + 1
	m.To = domain.Target{Group: r.id}
	m.Conversation, m.ConversationSeq = r.num, seq
	m.Status, m.SentAt = domain.StatusNormal, time.UnixMilli(seq).UTC()
	m.ID = domain.NewMessageID(m.SentAt, r.num, seq)
	r.log = append(r.log, &m)
	if change != nil {
		change(seq)
	}
	body := wire.NewBody(&m)
	var events []*wire.Event
	for _, id := range users {
		u := w.users[id]
		own := int64(len(u.log)) + 1
		u.log = append(u.log, domain.Entry{Seq: own, Message: &m})
		events = append(events, &wire.Event{Kind: wire.EventMessage, Topic: w.topic(id), Seq: own, Body: body})
	}
	events = append(events, &wire.Event{Kind: wire.EventMessage, Topic: r.topic(), Body: body, Origin: origin})
	w.mu.Unlock()
	w.PublishEvents(events)
	return seq
}

// say is a message to a room from somebody else.
func (w *world) say(r *room, text string) int64 {
	return w.appendTo(r, domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: "carol", Device: "carol-phone"},
		Type:   domain.ContentText, Content: fmt.Appendf(nil, `{"text":%q}`, text),
	}, "", nil)
}

func (w *world) tell(r *room, e domain.GroupEvent, change func(seq int64), users ...domain.UserID) int64 {
	m, err := e.Message(r.id, time.UnixMilli(0))
	if err != nil {
		panic(err)
	}
	return w.appendTo(r, m, "", change, users...)
}

func (w *world) join(r *room, user domain.UserID) int64 {
	return w.tell(r, domain.GroupEvent{Code: domain.EventMembersJoined, Data: domain.GroupEventData{
		Type: domain.GroupLarge, Users: []domain.UserID{user},
	}}, func(seq int64) { r.members[user] = seq }, user)
}

func (w *world) remove(r *room, user domain.UserID) int64 {
	return w.tell(r, domain.GroupEvent{Code: domain.EventMemberRemoved, Data: domain.GroupEventData{User: user}},
		func(int64) { delete(r.members, user) }, user)
}

// closeAudience takes the live audience away.
func (w *world) closeAudience(r *room) int64 {
	off := false
	return w.tell(r, domain.GroupEvent{Code: domain.EventGroupChanged, Data: domain.GroupEventData{
		Settings: &domain.GroupEventSettings{LiveAudience: &off},
	}}, func(int64) { r.audience = false })
}

func (w *world) sendToRoom(r *room, m *domain.Message, p domain.SendParams) (domain.Receipt, error) {
	if p.Ephemeral {
		m.ID = "ephemeral"
		w.PublishEvents([]*wire.Event{{Kind: wire.EventMessage, Topic: r.topic(), Body: wire.NewBody(m), Origin: p.Origin}})
		return domain.Receipt{MessageID: m.ID, ConversationID: m.ConversationID(true)}, nil
	}
	seq := w.appendTo(r, *m, p.Origin, nil)
	if w.afterCommit != nil {
		if err := w.afterCommit(p); err != nil {
			return domain.Receipt{}, err
		}
	}
	return domain.Receipt{
		MessageID: domain.NewMessageID(time.UnixMilli(seq), r.num, seq), ConversationID: m.ConversationID(true), ConversationSeq: seq,
		SentAt: time.UnixMilli(seq).UTC(), Durable: true,
	}, nil
}

func (w *world) LargeGroups(_ context.Context, _ domain.AppNum, num domain.UserNum, device domain.DeviceID) ([]domain.LargeGroup, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []domain.LargeGroup
	for _, r := range w.rooms {
		for id, joined := range r.members {
			if w.users[id] == nil || w.users[id].num != num || r.dismissed {
				continue
			}
			g := domain.LargeGroup{Num: r.num, ID: r.id, Head: int64(len(r.log)), Acked: max(joined, r.acked[device])}
			g.Unread = g.Head - g.Acked
			all = append(all, g)
		}
	}
	return all, nil
}

func (r *room) allows(w *world, reader domain.GroupReader) (from int64, err error) {
	for id, joined := range r.members {
		if w.users[id] != nil && w.users[id].num == reader.User {
			return joined, nil
		}
	}
	switch {
	case !reader.Audience:
		return 0, domain.ErrNotInGroup
	case !r.audience || r.dismissed:
		return 0, domain.ErrNoAudience
	}
	return 0, nil
}

func (w *world) LargeGroup(_ context.Context, _ domain.AppNum, id domain.GroupID, reader domain.GroupReader) (domain.LargeGroup, error) {
	if w.onLook != nil {
		w.onLook()
	}
	r := w.room(id)
	if r == nil {
		return domain.LargeGroup{}, domain.ErrGroupNotFound
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := r.allows(w, reader)
	return domain.LargeGroup{Num: r.num, ID: r.id, Head: int64(len(r.log))}, err
}

func (w *world) GroupHeads(_ context.Context, _ domain.AppNum, groups []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	heads := make(map[domain.ConversationNum]int64)
	w.mu.Lock()
	for _, num := range groups {
		heads[num] = int64(len(w.roomByNum(num).log))
	}
	w.mu.Unlock()
	if w.onHeads != nil {
		w.onHeads()
	}
	return heads, nil
}

func (w *world) ReadGroup(ctx context.Context, _ domain.AppNum, num domain.ConversationNum, reader domain.GroupReader, after int64, limit int) (domain.GroupPage, error) {
	page, onRead, err := w.readGroup(num, reader, after, limit)
	if err == nil && onRead != nil {
		onRead()
	}
	if err == nil {
		err = ctx.Err()
	}
	return page, err
}

func (w *world) readGroup(num domain.ConversationNum, reader domain.GroupReader, after int64, limit int) (domain.GroupPage, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roomReads++
	if w.roomReadErr != nil {
		return domain.GroupPage{}, nil, w.roomReadErr
	}
	r := w.roomByNum(num)
	from, err := r.allows(w, reader)
	if err != nil {
		return domain.GroupPage{}, nil, err
	}
	page := domain.GroupPage{Num: num, First: from + 1, Head: int64(len(r.log))}
	after = max(after, from)
	if after < page.Head {
		page.Messages = slices.Clone(r.log[after:min(after+int64(limit), page.Head)])
	}
	page.HasMore = after+int64(len(page.Messages)) < page.Head
	return page, w.onRoomRead, nil
}

func (w *world) SyncGroup(ctx context.Context, by domain.Principal, id domain.GroupID, after int64, limit int) (domain.GroupPage, error) {
	r := w.room(id)
	if r == nil {
		return domain.GroupPage{}, domain.ErrGroupNotFound
	}
	return w.ReadGroup(ctx, by.App.Num, r.num, domain.GroupReader{User: by.User.Num}, after, limit)
}

func (w *world) AckGroup(_ context.Context, _ domain.Principal, id domain.DeviceID, group domain.GroupID, seq int64) (int64, error) {
	r := w.room(group)
	if r == nil {
		return 0, domain.ErrGroupNotFound
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if seq > int64(len(r.log)) {
		return 0, domain.ErrBadAck
	}
	r.acked[id] = max(r.acked[id], seq)
	return r.acked[id], nil
}

// seen lists what a client saw of a large group, in the order of arrival: "3" was
// pushed, "s3" is the answer to an own send, "x" was not stored.
func (c *client) seen(id domain.GroupID) (seen []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.Sent != nil && f.Sent.Seq == 0 && f.Sent.ConversationSeq > 0 {
			seen = append(seen, fmt.Sprintf("s%d", f.Sent.ConversationSeq))
		}
		if f.Push == nil {
			continue
		}
		for _, m := range f.Push.Messages {
			switch {
			case m.ConversationID != "group:"+string(id) || m.Seq != 0:
			case m.ConversationSeq == 0:
				seen = append(seen, "x")
			default:
				seen = append(seen, fmt.Sprint(m.ConversationSeq))
			}
		}
	}
	return seen
}

package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

// found describes a message that was read, as describe does what it should be.
func (m *lifeModel) found(msg *domain.Message) string {
	edited := int64(0)
	if !msg.EditedAt.IsZero() {
		edited = msg.EditedAt.UnixMilli()
	}
	return fmt.Sprintf("%d %s, to %s, %d, %v, answers %q, key %q, by %q, %s",
		msg.ConversationSeq, told(msg), msg.ConversationID(true), edited, msg.Mentions, msg.ReplyTo, msg.ClientMsgID, msg.Sender.User, reactionsOf(msg))
}

// describe is a message as a user should read it.
func (m *lifeModel) describe(s *said, viewer int) string {
	edited := int64(0)
	if !s.edited.IsZero() {
		edited = s.edited.UnixMilli()
	}
	var sender domain.UserID
	if s.by >= 0 {
		sender = lifeUsers[s.by]
	}
	var reactions domain.Message
	for _, g := range s.given {
		reactions.Reactions = append(reactions.Reactions, domain.Reaction{Reaction: g.reaction, Count: int64(len(g.by)), Me: g.by[viewer]})
	}
	to := s.in.name(max(s.by, 0))
	if to == domain.BusinessConversation {
		to = "user:" + string(lifeUsers[s.in.members[0]]) // as the business names it
	}
	return fmt.Sprintf("%d %s, to %s, %d, %v, answers %q, key %q, by %q, %s",
		s.seq, m.tellingOf(s), to, edited, s.mentions, s.replyTo, s.key, sender, reactionsOf(&reactions))
}

// tellingOf is what told says of a message.
func (m *lifeModel) tellingOf(s *said) string {
	if s.fixed != "" {
		return s.fixed
	}
	if s.of == nil {
		return strings.TrimSpace(fmt.Sprint(s.status, " ", s.text))
	}
	var actor domain.UserID
	if s.actor >= 0 {
		actor = lifeUsers[s.actor]
	}
	if s.reaction != "" {
		return fmt.Sprintf("%d of %d by %s %s %d", s.code, s.of.seq, actor, s.reaction, s.count)
	}
	content := ""
	if s.text != "" {
		content = string(textContent(s.text))
	}
	return strings.TrimSpace(fmt.Sprintf("%d of %d by %s %s", s.code, s.of.seq, actor, content))
}

// wantSame compares messages that were read with those that should be there.
func (m *lifeModel) wantSame(rt *rapid.T, what string, got []*domain.Message, wanted []*said, viewer int) {
	rt.Helper()
	want(rt, what+": messages", len(got), len(wanted))
	for i, s := range wanted {
		want(rt, what, m.found(got[i]), m.describe(s, viewer))
		if s.id == "" {
			s.id = got[i].ID
		}
		want(rt, what+": id", got[i].ID, s.id)
		all, err := json.Marshal(got[i])
		must(rt, err)
		for _, text := range m.gone {
			if strings.Contains(string(all), text) {
				rt.Fatalf("%s: %s is there: %s", what, text, all)
			}
		}
	}
}

// check compares after each step what one user has, each time another one and through
// another store.
func (m *lifeModel) check(rt *rapid.T) {
	m.checkUser(rt, m.stores[m.turn%len(m.stores)], m.turn/len(m.stores)%len(m.people))
	m.turn++
}

// checkAll compares everything through every store.
func (m *lifeModel) checkAll(rt *rapid.T) {
	for _, store := range m.stores {
		for user := range m.people {
			m.checkUser(rt, store, user)
		}
		m.checkLookUps(rt, store)
	}
}

func (m *lifeModel) checkUser(rt *rapid.T, store Store, user int) {
	m.checkLog(rt, store, user)
	var listed []string
	var total int64
	for _, t := range m.talks {
		if !t.has(user) {
			continue
		}
		unread, isListed := m.checkTalk(rt, store, t, user)
		if isListed {
			listed, total = append(listed, fmt.Sprint(t.name(user), " ", unread)), total+unread
		}
	}
	m.checkList(rt, store, user, listed, total)
}

func (m *lifeModel) checkLog(rt *rapid.T, store Store, user int) {
	p := m.people[user]
	page, err := store.ReadLog(m.ctx, m.app, p.ref.Num, 0, 10_000)
	must(rt, err)
	want(rt, "head", page.Head, len(p.log))
	var got []*domain.Message
	for i, e := range page.Entries {
		got = append(got, e.Message)
		want(rt, "entry", []any{e.Seq, e.IsSender}, []any{i + 1, p.log[i].by == user})
	}
	m.wantSame(rt, "log of "+string(p.ref.ID), got, p.log, user)
}

// checkTalk compares a conversation as one of its members has it.
func (m *lifeModel) checkTalk(rt *rapid.T, store Store, t *talk, user int) (unread int64, isListed bool) {
	p, what := m.people[user], fmt.Sprint(t.name(user), " of ", lifeUsers[user])
	page, err := store.History(m.ctx, m.app, p.ref, t.target(user), domain.HistoryRange{Limit: 10_000})
	must(rt, err)
	m.wantSame(rt, "history of "+what, page.Messages, t.shown(user, 0), user)
	c, err := store.Conversation(m.ctx, m.app, p.ref.Num, t.target(user))
	if t.isGone(rt, user, err) {
		return 0, false
	}
	must(rt, err)
	var mention int64
	for _, s := range t.shown(user, t.read[user]) {
		if s.isEvent() || s.by == user {
			continue
		}
		unread++
		if mention == 0 && slices.Contains(s.mentions, string(lifeUsers[user])) {
			mention = s.seq
		}
	}
	isHidden := t.hidden[user] > 0 && t.hidden[user] >= t.news()
	want(rt, "state of "+what, []any{c.LastSeq, c.ReadSeq, c.Unread, c.MentionSeq, c.Hidden}, []any{t.head(), t.read[user], unread, mention, isHidden})
	if shown := slices.DeleteFunc(t.shown(user, 0), (*said).isQuiet); len(shown) > 0 && c.LastMessage != nil {
		last := shown[len(shown)-1:]
		m.wantSame(rt, "last of "+what, []*domain.Message{c.LastMessage}, last, user)
		want(rt, "is the sender of the last of "+what, c.LastIsSender, last[0].by == user)
	} else {
		want(rt, "has a last "+what, []bool{c.LastMessage != nil, c.LastIsSender}, []bool{len(shown) > 0, false})
	}
	var members []domain.ConversationMember
	for i, id := range lifeUsers {
		if t.has(i) {
			members = append(members, domain.ConversationMember{User: id, ReadSeq: t.read[i], DeliveredSeq: m.delivered(t, i)})
		}
	}
	want(rt, "positions in "+what, c.Members, members)
	return unread, !isHidden && t.news() > 0
}

// delivered is up to where a user has got the messages of others.
func (m *lifeModel) delivered(t *talk, user int) int64 {
	p, seq := m.people[user], t.read[user]
	for _, s := range p.log[:max(p.acked[0], p.acked[1])] {
		if s.in == t && s.by != user {
			seq = max(seq, s.seq)
		}
	}
	return seq
}

func (m *lifeModel) checkList(rt *rapid.T, store Store, user int, listed []string, total int64) {
	list, err := store.Conversations(m.ctx, m.app, m.people[user].ref.Num, domain.Page{Limit: 10})
	must(rt, err)
	var got []string
	for _, c := range list.Items {
		got = append(got, fmt.Sprint(c.ID, " ", c.Unread))
	}
	slices.Sort(got)
	slices.Sort(listed)
	want(rt, "list of "+string(lifeUsers[user]), got, listed)
	want(rt, "unread of "+string(lifeUsers[user]), list.TotalUnread, total)
}

// checkLookUps has everybody look up all messages that were sent.
func (m *lifeModel) checkLookUps(rt *rapid.T, store Store) {
	for _, s := range m.messages {
		for viewer := theBusiness; viewer < len(m.people); viewer++ {
			m.checkLookUp(rt, store, s, viewer)
		}
	}
}

func (m *lifeModel) checkLookUp(rt *rapid.T, store Store, s *said, viewer int) {
	messages := m.later(store, 0)
	got, err := messages.Message(m.ctx, m.caller(viewer), s.id)
	edits, errEdits := messages.MessageEdits(m.ctx, m.caller(viewer), s.id, domain.Page{Limit: 100})
	if !s.in.shows(s, viewer) {
		wantCode(rt, err, domain.CodeMessageNotFound)
		wantCode(rt, errEdits, domain.CodeMessageNotFound)
		return
	}
	must(rt, err)
	must(rt, errEdits)
	m.wantSame(rt, "looked up", []*domain.Message{got}, []*said{s}, viewer)
	var kept []string
	for _, e := range edits.Items {
		kept = append(kept, textOf(&domain.Message{Content: e.Content}))
	}
	want(rt, "edits", kept, s.kept)
}

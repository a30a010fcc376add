package storetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

// ExerciseMessageLife has three users do at random whatever becomes of messages, in a
// chat and in a group, through one or more stores on one database, and compares what
// these have with a model after every step. It goes on for about the given time.
// Searches are left out: messages have the time of the tests and entries that of the
// store, and a search leaves out what is much older than where a history begins.
func ExerciseMessageLife(t *testing.T, open Opener, stores int, atMost time.Duration) {
	t.Helper()
	deadline := time.Now().Add(atMost)
	published := &recorder{}
	var all []Store
	for range stores {
		store := open(t, published)
		t.Cleanup(run(t, store))
		all = append(all, store)
	}
	isFailing := false // then rapid looks for a shorter way to fail, however late it is
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(deadline) && !isFailing {
			return
		}
		isFailing = true
		m := newLifeModel(rt, all)
		actions := map[string]func(*rapid.T){
			"send": m.send, "send more": m.send, "send again": m.resend, "recall": m.recall, "edit": m.edit, "edit more": m.edit,
			"react": m.react, "react more": m.react, "unreact": m.unreact, "delete message": m.deleteMessage,
			"read": m.read, "hide": m.hide, "delete conversation": m.deleteConversation, "ack": m.ack, "settle": m.settle,
		}
		actions[""] = m.check
		for range 4 { // something to begin with
			m.send(rt)
		}
		rt.Repeat(actions)
		m.checkAll(rt)
		isFailing = false
	})
}

// theBusiness stands for an index of a user.
const theBusiness = -1

var (
	lifeUsers     = []domain.UserID{"alice", "bob", "carol"} // alice owns the group; carol is not in the chat
	lifeReactions = []string{"👍", "🎉", "❤️"}
)

// said is a message, or an entry that tells what became of one.
type said struct {
	in       *talk
	seq      int64
	id       domain.MessageID // of an entry, when it was first read
	by       int
	key      string
	sent     domain.SendParams
	text     string // of an edit too, while the message says so
	status   domain.Status
	edited   time.Time
	mentions []string
	replyTo  domain.MessageID
	given    []given // reactions, by their first use
	kept     []string
	deleted  [3]bool // by a user for itself

	code     domain.MessageEventCode // of an entry
	of       *said
	actor    int
	reaction string
	count    int
	fixed    string // what an entry is told as that has no message
}

// given is who has given a reaction.
type given struct {
	reaction string
	by       map[int]bool
}

func (s *said) isEvent() bool { return s.of != nil || s.fixed != "" }

// isQuiet reports whether an entry tells of another message.
func (s *said) isQuiet() bool {
	return s.of != nil || strings.HasPrefix(s.fixed, fmt.Sprint(int(domain.EventMessageDeleted)))
}

// talk is a conversation and how its members stand to it, by their indexes.
type talk struct {
	members               []int
	isGroup               bool
	log                   []*said
	read, cleared, hidden [3]int64
}

func (t *talk) has(user int) bool { return slices.Contains(t.members, user) }

func (t *talk) head() int64 { return int64(len(t.log)) }

// news is the number of the last message that does not tell of another, 0 without one.
func (t *talk) news() int64 {
	for _, s := range slices.Backward(t.log) {
		if !s.isQuiet() {
			return s.seq
		}
	}
	return 0
}

// shows reports whether a user, or the business, may read a message.
func (t *talk) shows(s *said, user int) bool {
	return user == theBusiness || t.has(user) && s.seq > t.cleared[user] && !s.deleted[user]
}

// shown are the messages behind a position that a member may read.
func (t *talk) shown(user int, behind int64) (all []*said) {
	for _, s := range t.log[behind:] {
		if t.shows(s, user) {
			all = append(all, s)
		}
	}
	return all
}

// target is what a member calls the conversation.
func (t *talk) target(user int) domain.Target {
	switch {
	case t.isGroup:
		return toGroup(modelGroup)
	case len(t.members) == 1:
		return business
	}
	return domain.Target{User: lifeUsers[1-user]}
}

// name is the same as the id of the conversation.
func (t *talk) name(user int) string {
	if to := t.target(user); to != business {
		return (&domain.Message{To: to}).ConversationID(true)
	}
	return domain.BusinessConversation
}

// participant is a user with two devices, and its log.
type participant struct {
	ref   domain.UserRef
	log   []*said
	acked [2]int64
}

func (p *participant) device(i int) domain.DeviceID {
	return domain.DeviceID(fmt.Sprint(p.ref.ID, "-", i))
}

// lifeModel is what the stores should hold of one app.
type lifeModel struct {
	ctx       context.Context //nolint:containedctx // of the test
	stores    []Store
	app       domain.AppNum
	keepEdits bool
	people    [3]*participant
	talks     []*talk  // the chat, the group, and that of each user with the business
	messages  []*said  // without the entries
	gone      []string // what nobody may read any more
	n         int      // makes texts unique
	turn      int      // of checks
}

func newLifeModel(rt *rapid.T, stores []Store) *lifeModel {
	m := &lifeModel{ctx: context.Background(), stores: stores, keepEdits: rapid.Bool().Draw(rt, "keep edits")}
	m.talks = []*talk{{members: []int{0, 1}}, {members: []int{0, 1, 2}, isGroup: true}, {members: []int{0}}, {members: []int{1}}, {members: []int{2}}}
	app := domain.App{ID: domain.AppID(rand.Text()), Settings: domain.DefaultAppSettings(), CreatedAt: epoch}
	app.Settings.EditHistory = m.keepEdits
	app, err := stores[0].CreateApp(m.ctx, app, newKey("k"), []byte("h"))
	must(rt, err)
	m.app = app.Num
	var profiles []domain.User
	for _, id := range lifeUsers {
		profiles = append(profiles, profile(string(id)))
	}
	made, _, err := stores[0].UpsertUsers(m.ctx, m.app, profiles)
	must(rt, err)
	for i, u := range made {
		m.people[i] = &participant{ref: u.Ref()}
		for d := range m.people[i].acked {
			_, err := stores[0].CreateDevice(m.ctx, m.app, deviceOf(u.Ref(), string(m.people[i].device(d))))
			must(rt, err)
		}
	}
	groups := domain.NewGroups(stores[0], nil, clockAt(epoch))
	_, err = groups.Create(m.ctx, m.caller(theBusiness), groupOf(modelGroup, lifeUsers[0]), lifeUsers)
	must(rt, err)
	m.write(m.talks[1], &said{by: theBusiness, fixed: fmt.Sprintf("%d of 0 by", domain.EventGroupCreated), status: domain.StatusNormal})
	return m
}

func (m *lifeModel) caller(user int) domain.Principal {
	if user == theBusiness {
		return callerOf(m.app, domain.UserRef{})
	}
	return callerOf(m.app, m.people[user].ref)
}

// store draws which one does the next thing.
func (m *lifeModel) store(rt *rapid.T) Store { return rapid.SampledFrom(m.stores).Draw(rt, "store") }

// later is a Messenger so long after everything was sent.
func (m *lifeModel) later(store Store, d time.Duration) *domain.Messenger {
	return domain.NewMessenger(domain.MessengerOptions{Messages: store, Logs: store, Apps: store, Clock: clockAt(epoch.Add(d)), Limiter: unlimited{}})
}

// write enters a message into its conversation and the logs of its members.
func (m *lifeModel) write(t *talk, s *said) {
	t.log = append(t.log, s)
	s.in, s.seq = t, t.head()
	for i, p := range m.people {
		if t.has(i) {
			p.log = append(p.log, s)
		}
	}
}

// unique is a text that there was not yet, and that is no part of another one.
func (m *lifeModel) unique() string {
	m.n++
	return fmt.Sprintf("text%dx", m.n)
}

func textContent(text string) json.RawMessage {
	content, _ := json.Marshal(map[string]string{"text": text}) // a string cannot fail
	return content
}

// anywhere draws a conversation and one of its members.
func (m *lifeModel) anywhere(rt *rapid.T) (*talk, int) {
	t := rapid.SampledFrom(m.talks).Draw(rt, "conversation")
	return t, rapid.SampledFrom(t.members).Draw(rt, "user")
}

func (m *lifeModel) send(rt *rapid.T) {
	t := rapid.SampledFrom(m.talks[:2]).Draw(rt, "conversation")
	by := rapid.SampledFrom(t.members).Draw(rt, "user")
	if t.isGroup && rapid.IntRange(0, 3).Draw(rt, "business") == 0 {
		by = theBusiness
	}
	s := &said{in: t, by: by, text: m.unique(), status: domain.StatusNormal}
	s.key = fmt.Sprint("key", m.n)
	if rapid.IntRange(0, 2).Draw(rt, "mentions") == 0 {
		s.mentions = []string{string(rapid.SampledFrom(lifeUsers).Draw(rt, "mentioned"))}
	}
	var answers *said
	if rapid.Bool().Draw(rt, "answers") {
		answers = m.anything(rt)
	}
	if answers != nil {
		s.replyTo = answers.id
	}
	store := m.store(rt)
	s.sent = domain.SendParams{To: t.target(max(by, 0)), Type: domain.ContentText, Content: textContent(s.text), Mentions: s.mentions, ReplyTo: s.replyTo, ClientMsgID: s.key}
	r, err := m.later(store, 0).Send(m.ctx, m.caller(by), s.sent)
	if answers != nil && (answers.in != t || !t.shows(answers, by) || answers.isEvent()) {
		wantCode(rt, err, domain.CodeBadRequest)
		return
	}
	must(rt, err)
	m.write(t, s)
	m.messages = append(m.messages, s)
	s.id = r.MessageID
	m.wantReceipt(rt, r, s, false)
}

func (m *lifeModel) wantReceipt(rt *rapid.T, r domain.Receipt, s *said, repeated bool) {
	var seq int64
	if s.by >= 0 {
		seq = int64(slices.Index(m.people[s.by].log, s) + 1)
	}
	want(rt, "receipt", []any{r.MessageID, r.ConversationSeq, r.Seq, r.Repeated}, []any{s.id, s.seq, seq, repeated})
}

// anyMessage draws one that was sent, or is nil.
func (m *lifeModel) anyMessage(rt *rapid.T) *said {
	if len(m.messages) == 0 {
		return nil
	}
	return rapid.SampledFrom(m.messages).Draw(rt, "message")
}

// resend sends a message once more as it was sent, or with another text.
func (m *lifeModel) resend(rt *rapid.T) {
	s := m.anyMessage(rt)
	if s == nil {
		return
	}
	again, isOther := s.sent, rapid.Bool().Draw(rt, "other text")
	if isOther {
		again.Content = textContent(m.unique())
	}
	r, err := m.later(m.store(rt), time.Second).Send(m.ctx, m.caller(s.by), again)
	if isOther {
		wantCode(rt, err, domain.CodeIdempotencyConflict)
		return
	}
	must(rt, err)
	m.wantReceipt(rt, r, s, true)
}

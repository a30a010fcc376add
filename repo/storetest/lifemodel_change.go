package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

// attempt is a change of a message that is tried.
type attempt struct {
	s     *said
	by    int
	late  time.Duration // after the message was sent
	store Store
}

// anything draws what was sent, and now and then an entry; nil where there is nothing.
func (m *lifeModel) anything(rt *rapid.T) *said {
	all := slices.Clone(m.messages)
	if rapid.IntRange(0, 4).Draw(rt, "of all entries") == 0 {
		for _, t := range m.talks {
			all = append(all, t.log...)
		}
	}
	all = slices.DeleteFunc(all, func(s *said) bool { return s.id == "" })
	if len(all) == 0 {
		return nil
	}
	return rapid.SampledFrom(all).Draw(rt, "message")
}

// attempt draws what somebody wants to change; s is nil where there is nothing.
func (m *lifeModel) attempt(rt *rapid.T) (a attempt) {
	if a.s = m.anything(rt); a.s == nil {
		return a
	}
	a.by = rapid.IntRange(theBusiness, 2).Draw(rt, "by")
	if rapid.Bool().Draw(rt, "by its sender") {
		a.by = a.s.by
	}
	a.late = rapid.SampledFrom([]time.Duration{time.Second, time.Second, domain.DefaultRecallWindow * time.Second, domain.DefaultEditWindow * time.Second}).Draw(rt, "late")
	a.store = m.store(rt)
	return a
}

// refusal is why nothing of the message may be changed.
func (a *attempt) refusal() domain.Code {
	switch {
	case !a.s.in.shows(a.s, a.by):
		return domain.CodeMessageNotFound
	case a.s.isEvent():
		return domain.CodeForbidden
	case a.s.status == domain.StatusRecalled:
		return domain.CodeMessageRecalled
	}
	return ""
}

// tell enters that something became of a message.
func (m *lifeModel) tell(a attempt, code domain.MessageEventCode) *said {
	entry := &said{by: a.s.by, of: a.s, actor: a.by, code: code, status: domain.StatusNormal}
	m.write(a.s.in, entry)
	return entry
}

// forget takes what a message said out of the entry that told of its last edit.
func (m *lifeModel) forget(s *said) {
	for _, e := range s.in.log {
		if e.of == s {
			e.text = ""
		}
	}
}

func (m *lifeModel) recall(rt *rapid.T) {
	a := m.attempt(rt)
	if a.s == nil {
		return
	}
	got, err := m.later(a.store, a.late).Recall(m.ctx, m.caller(a.by), a.s.id)
	code := a.refusal()
	switch {
	case code != "" || a.by == theBusiness || a.by == 0 && a.s.in.isGroup: // anything goes for the owner
	case a.by != a.s.by:
		code = domain.CodeForbidden
	case a.late >= domain.DefaultRecallWindow*time.Second:
		code = domain.CodeTooLate
	}
	if wantCode(rt, err, code); code != "" {
		return
	}
	m.gone = append(append(m.gone, a.s.text), a.s.kept...)
	m.forget(a.s)
	a.s.status, a.s.text, a.s.mentions, a.s.given, a.s.kept, a.s.replyTo = domain.StatusRecalled, "", nil, nil, nil, ""
	m.tell(a, domain.EventMessageRecalled)
	want(rt, "recalled", m.found(got), m.describe(a.s, a.by))
}

func (m *lifeModel) edit(rt *rapid.T) {
	a := m.attempt(rt)
	if a.s == nil {
		return
	}
	text := m.unique()
	if rapid.IntRange(0, 4).Draw(rt, "same") == 0 && a.s.text != "" {
		text = a.s.text
	}
	got, err := m.later(a.store, a.late).Edit(m.ctx, m.caller(a.by), a.s.id, textContent(text))
	code := a.refusal()
	switch {
	case code != "" || a.by == theBusiness:
	case a.by != a.s.by:
		code = domain.CodeForbidden
	case a.late >= domain.DefaultEditWindow*time.Second:
		code = domain.CodeTooLate
	}
	if wantCode(rt, err, code); code != "" {
		return
	}
	if text != a.s.text {
		if m.keepEdits {
			a.s.kept = append(a.s.kept, a.s.text)
		} else {
			m.gone = append(m.gone, a.s.text)
		}
		m.forget(a.s)
		a.s.text, a.s.status, a.s.edited = text, domain.StatusEdited, epoch.Add(a.late)
		m.tell(a, domain.EventMessageEdited).text = text
	}
	want(rt, "edited", m.found(got), m.describe(a.s, a.by))
}

func (m *lifeModel) react(rt *rapid.T) {
	a := m.attempt(rt)
	if a.s == nil {
		return
	}
	reaction := rapid.SampledFrom(lifeReactions).Draw(rt, "reaction")
	got, err := m.later(a.store, a.late).React(m.ctx, m.caller(a.by), a.s.id, reaction)
	code := a.refusal()
	if a.by == theBusiness {
		code = domain.CodeForbidden
	}
	if wantCode(rt, err, code); code != "" {
		return
	}
	i := slices.IndexFunc(a.s.given, func(g given) bool { return g.reaction == reaction })
	if i < 0 {
		i = len(a.s.given)
		a.s.given = append(a.s.given, given{reaction, map[int]bool{}})
	}
	if by := a.s.given[i].by; !by[a.by] {
		by[a.by] = true
		entry := m.tell(a, domain.EventReactionAdded)
		entry.reaction, entry.count = reaction, len(by)
	}
	want(rt, "with a reaction", m.found(got), m.describe(a.s, a.by))
}

func (m *lifeModel) unreact(rt *rapid.T) {
	a := m.attempt(rt)
	if a.s == nil {
		return
	}
	reaction := rapid.SampledFrom(lifeReactions).Draw(rt, "reaction")
	err := m.later(a.store, a.late).Unreact(m.ctx, m.caller(a.by), a.s.id, reaction)
	i := slices.IndexFunc(a.s.given, func(g given) bool { return g.reaction == reaction && g.by[a.by] })
	code := a.refusal()
	switch {
	case a.by == theBusiness:
		code = domain.CodeForbidden
	case code == "" && i < 0:
		code = domain.CodeReactionNotFound
	}
	if wantCode(rt, err, code); code != "" {
		return
	}
	delete(a.s.given[i].by, a.by)
	entry := m.tell(a, domain.EventReactionRemoved)
	if entry.reaction, entry.count = reaction, len(a.s.given[i].by); entry.count == 0 {
		a.s.given = slices.Delete(a.s.given, i, i+1)
	}
}

// deleteMessage deletes a message, or an entry, for oneself.
func (m *lifeModel) deleteMessage(rt *rapid.T) {
	a := m.attempt(rt)
	if a.s == nil {
		return
	}
	err := m.later(a.store, a.late).Delete(m.ctx, m.caller(a.by), a.s.id)
	switch {
	case a.by == theBusiness:
		wantCode(rt, err, domain.CodeForbidden)
		return
	case !a.s.in.shows(a.s, a.by):
		wantCode(rt, err, domain.CodeMessageNotFound)
		return
	}
	must(rt, err)
	a.s.deleted[a.by] = true
	m.write(m.talks[2+a.by], &said{by: theBusiness, fixed: fmt.Sprintf("%d of %d by", domain.EventMessageDeleted, a.s.seq), status: domain.StatusNormal})
}

// isGone reports whether a member has nothing of a conversation, which err then tells.
func (t *talk) isGone(rt *rapid.T, user int, err error) bool {
	rt.Helper()
	if cleared := t.cleared[user]; t.head() > 0 && (cleared == 0 || cleared < t.news()) {
		return false
	}
	wantCode(rt, err, domain.CodeConversationNotFound)
	return true
}

// read moves a position forward, back or beyond the last message.
func (m *lifeModel) read(rt *rapid.T) {
	t, by := m.anywhere(rt)
	seq := rapid.Int64Range(0, t.head()+1).Draw(rt, "seq")
	r, err := m.store(rt).ReadConversation(m.ctx, m.app, m.people[by].ref.Num, t.target(by), seq)
	switch {
	case t.isGone(rt, by, err):
	case seq > t.head():
		wantCode(rt, err, domain.CodeBadRequest)
	default:
		must(rt, err)
		advanced := seq > t.read[by]
		t.read[by] = max(t.read[by], seq)
		want(rt, "read", []any{r.Advanced, r.ReadSeq}, []any{advanced, t.read[by]})
	}
}

func (m *lifeModel) hide(rt *rapid.T) {
	t, by := m.anywhere(rt)
	hidden := rapid.Bool().Draw(rt, "hidden")
	err := m.store(rt).ChangeConversation(m.ctx, m.app, m.people[by].ref.Num, t.target(by), domain.ConversationChange{Hidden: &hidden})
	if t.isGone(rt, by, err) {
		return
	}
	must(rt, err)
	if t.hidden[by] = 0; hidden {
		t.hidden[by] = t.head()
	}
}

func (m *lifeModel) deleteConversation(rt *rapid.T) {
	t, by := m.anywhere(rt)
	if rapid.IntRange(0, 2).Draw(rt, "rarely") != 0 {
		return
	}
	err := m.store(rt).DeleteConversation(m.ctx, m.app, m.people[by].ref.Num, t.target(by))
	if t.isGone(rt, by, err) {
		return
	}
	must(rt, err)
	t.cleared[by], t.hidden[by] = t.head(), 0
}

func (m *lifeModel) ack(rt *rapid.T) {
	by := rapid.IntRange(0, 2).Draw(rt, "user")
	p, i := m.people[by], rapid.IntRange(0, 1).Draw(rt, "device")
	head := int64(len(p.log))
	seq := rapid.Int64Range(0, head+1).Draw(rt, "seq")
	got, err := m.store(rt).AckDevice(m.ctx, m.app, p.ref.Num, p.device(i), seq, epoch)
	if seq > head {
		wantCode(rt, err, domain.CodeBadAck)
		return
	}
	must(rt, err)
	p.acked[i] = max(p.acked[i], seq)
	want(rt, "acked", got, p.acked[i])
}

// settle notes what follows from acks, which nobody must see.
func (m *lifeModel) settle(rt *rapid.T) {
	store := m.store(rt)
	var nums []domain.UserNum
	for _, p := range m.people {
		nums = append(nums, p.ref.Num)
	}
	_, more, err := store.SettleAcks(m.ctx, m.app, nums)
	must(rt, err)
	want(rt, "left to settle", len(more), 0)
}

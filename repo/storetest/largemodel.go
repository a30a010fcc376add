package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

// ExerciseLargeModel uses one group, which becomes large at some time, at random and
// compares it with a model after every step. It goes on for about the given time.
func ExerciseLargeModel(t *testing.T, open Opener, atMost time.Duration) {
	t.Helper()
	deadline := time.Now().Add(atMost)
	h := &host{t: t, open: open, published: &recorder{}}
	h.start()
	t.Cleanup(func() { h.stop() })
	isFailing := false
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(deadline) && !isFailing {
			return
		}
		isFailing = true
		m := newLargeModel(rt, h)
		actions := map[string]func(*rapid.T){
			"send": m.send, "send again": m.send, "rename": m.rename, "convert": m.convert, "history": m.changeHistory, "add": m.add,
			"remove": m.remove, "ack": m.ack, "ack again": m.ack, "replace device": m.replaceDevice, "delete user": m.deleteUser, "dismiss": m.dismiss,
		}
		actions[""] = m.check
		rt.Repeat(actions)
		isFailing = false
	})
}

// follower is a user with one device, and what they should have.
type follower struct {
	ref      domain.UserRef
	isMember bool
	joined   int64
	acked    int64    // of the group
	own      []string // its own log, in brief
}

func (f *follower) device() domain.DeviceID { return "dev-" + domain.DeviceID(f.ref.ID) }

// largeModel is what the store should hold of a group.
type largeModel struct {
	h          *host
	ctx        context.Context //nolint:containedctx // of the test
	app        domain.AppNum
	num        domain.ConversationNum
	people     []*follower
	log        []string // in brief; an event is its code
	isLarge    bool
	largeSince int64
	history    domain.HistoryRule
	isOver     bool
	n          int
}

func newLargeModel(rt *rapid.T, h *host) *largeModel {
	m := &largeModel{h: h, ctx: context.Background(), history: domain.HistoryJoined}
	app, err := h.store.CreateApp(m.ctx, domain.App{ID: domain.AppID(rand.Text()), Settings: domain.DefaultAppSettings(), CreatedAt: epoch}, newKey("k"), []byte("h"))
	must(rt, err)
	m.app = app.Num
	made, _, err := h.store.UpsertUsers(m.ctx, m.app, []domain.User{profile("owner"), profile("a"), profile("b"), profile("c")})
	must(rt, err)
	for _, u := range made {
		f := &follower{ref: u.Ref()}
		m.people = append(m.people, f)
		_, err := h.store.CreateDevice(m.ctx, m.app, deviceOf(f.ref, string(f.device())))
		must(rt, err)
	}
	g := groupOf(modelGroup, "owner")
	if m.isLarge = rapid.Bool().Draw(rt, "created large"); m.isLarge {
		g.Type = domain.GroupLarge
	}
	g, err = m.groups().Create(m.ctx, callerOf(m.app, domain.UserRef{}), g, []domain.UserID{"owner", "a"})
	must(rt, err)
	m.num = g.Num
	for _, f := range m.people[:2] {
		f.isMember = true
	}
	m.tell(domain.EventGroupCreated, func(*follower) bool { return true })
	for _, f := range m.people[:2] {
		if m.isLarge {
			f.joined = 1
		}
	}
	return m
}

func (m *largeModel) groups() *domain.Groups { return domain.NewGroups(m.h.store, nil, clockAt(epoch)) }

func (m *largeModel) business() domain.Principal { return callerOf(m.app, domain.UserRef{}) }

// write enters a message: into the log of each member of a normal group, into those
// of whom it concerns in a large one.
func (m *largeModel) write(brief string, concerns func(*follower) bool) {
	m.log = append(m.log, brief)
	for _, f := range m.people {
		if f.isMember && (!m.isLarge || concerns(f)) {
			f.own = append(f.own, brief)
		}
	}
}

func (m *largeModel) tell(code domain.GroupEventCode, concerns func(*follower) bool) {
	m.write(fmt.Sprint(int64(code)), concerns)
}

func nobody(*follower) bool { return false }

func (m *largeModel) anyone(rt *rapid.T) *follower {
	return rapid.SampledFrom(m.people).Draw(rt, "user")
}

// ended reports whether err tells that the group is dismissed, which it then is.
func (m *largeModel) ended(rt *rapid.T, err error) bool {
	rt.Helper()
	if m.isOver {
		wantCode(rt, err, domain.CodeGroupDismissed)
	}
	return m.isOver
}

func (m *largeModel) send(rt *rapid.T) {
	from := m.anyone(rt)
	m.n++
	text := fmt.Sprint("m", m.n)
	r, err := m.h.store.Append(m.ctx, outgoing(m.app, from.ref, toGroup(modelGroup), text, ""))
	switch {
	case from.ref.Num == -1:
		wantCode(rt, err, domain.CodeUnauthorized)
	case m.ended(rt, err):
	case !from.isMember:
		wantCode(rt, err, domain.CodeNotInGroup)
	default:
		must(rt, err)
		m.write(text, nobody)
		want(rt, "conversation_seq", r.ConversationSeq, len(m.log))
		seq := 0
		if !m.isLarge {
			seq = len(from.own)
		}
		want(rt, "seq", r.Seq, seq)
	}
}

func (m *largeModel) update(rt *rapid.T, patch domain.GroupPatch) bool {
	_, err := m.groups().Update(m.ctx, m.business(), modelGroup, patch)
	if m.ended(rt, err) {
		return false
	}
	must(rt, err)
	return true
}

func (m *largeModel) rename(rt *rapid.T) {
	m.n++
	name := fmt.Sprint(m.n)
	if m.update(rt, domain.GroupPatch{Name: &name}) {
		m.tell(domain.EventGroupChanged, nobody)
	}
}

// convert may also rename, which comes before it.
func (m *largeModel) convert(rt *rapid.T) {
	large := domain.GroupLarge
	if m.isLarge || rapid.IntRange(0, 2).Draw(rt, "rarely") != 0 || !m.update(rt, domain.GroupPatch{Type: &large}) {
		return
	}
	m.tell(domain.EventGroupConverted, nobody)
	m.isLarge, m.largeSince = true, int64(len(m.log))
}

func (m *largeModel) changeHistory(rt *rapid.T) {
	rule := rapid.SampledFrom([]domain.HistoryRule{domain.HistoryJoined, domain.HistoryAll}).Draw(rt, "history")
	if rule != m.history && m.update(rt, domain.GroupPatch{History: &rule}) {
		m.history = rule
		m.tell(domain.EventGroupChanged, nobody)
	}
}

func (m *largeModel) add(rt *rapid.T) {
	var ids []domain.UserID
	var joined []*follower
	for _, f := range m.people {
		if f.ref.Num == -1 || !rapid.Bool().Draw(rt, "add "+string(f.ref.ID)) {
			continue
		}
		ids = append(ids, f.ref.ID)
		if !f.isMember {
			joined = append(joined, f)
		}
	}
	if len(ids) == 0 {
		return
	}
	got, err := m.groups().AddMembers(m.ctx, m.business(), modelGroup, ids)
	if m.ended(rt, err) {
		return
	}
	must(rt, err)
	want(rt, "added", len(got), len(joined))
	if len(joined) == 0 {
		return
	}
	before := int64(len(m.log))
	for _, f := range joined {
		f.isMember = true
	}
	m.tell(domain.EventMembersJoined, func(f *follower) bool { return slices.Contains(joined, f) })
	for _, f := range joined {
		if f.joined = before; m.isLarge {
			f.joined = int64(len(m.log))
		}
	}
}

func (m *largeModel) remove(rt *rapid.T) {
	f := m.anyone(rt)
	err := m.groups().RemoveMember(m.ctx, m.business(), modelGroup, f.ref.ID)
	switch {
	case m.ended(rt, err):
	case !f.isMember:
		wantCode(rt, err, domain.CodeMemberNotFound)
	case f.ref.ID == "owner":
		wantCode(rt, err, domain.CodeForbidden)
	default:
		must(rt, err)
		m.tell(domain.EventMemberRemoved, func(other *follower) bool { return other == f })
		f.isMember = false
	}
}

func (m *largeModel) begin(f *follower) int64 { return max(f.joined, m.largeSince) }

func (m *largeModel) ack(rt *rapid.T) {
	f := m.anyone(rt)
	head := int64(len(m.log))
	seq := rapid.Int64Range(0, head+1).Draw(rt, "seq")
	got, err := m.h.store.AckGroup(m.ctx, m.app, f.ref.Num, f.device(), modelGroup, seq, epoch)
	switch {
	case !f.isMember:
		wantCode(rt, err, domain.CodeNotInGroup)
	case !m.isLarge:
		wantCode(rt, err, domain.CodeBadRequest)
	case seq > head:
		wantCode(rt, err, domain.CodeBadAck)
	default:
		must(rt, err)
		f.acked = max(f.acked, seq, m.begin(f))
		want(rt, "acked", got, f.acked)
	}
}

func (m *largeModel) replaceDevice(rt *rapid.T) {
	f := m.anyone(rt)
	if f.ref.Num == -1 {
		return
	}
	must(rt, m.h.store.DeleteDevice(m.ctx, m.app, f.ref.Num, f.device(), epoch))
	_, err := m.h.store.CreateDevice(m.ctx, m.app, deviceOf(f.ref, string(f.device())))
	must(rt, err)
	f.acked = 0
}

// deleteUser deletes any but the owner, without a word as the store does it.
func (m *largeModel) deleteUser(rt *rapid.T) {
	f := m.people[rapid.IntRange(1, len(m.people)-1).Draw(rt, "user")]
	if f.ref.Num == -1 || rapid.IntRange(0, 4).Draw(rt, "rarely") != 0 {
		return
	}
	must(rt, m.h.store.DeleteUser(m.ctx, m.app, f.ref.ID, epoch))
	f.isMember, f.ref.Num = false, -1
}

func (m *largeModel) dismiss(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "rarely") != 0 {
		return
	}
	if err := m.groups().Dismiss(m.ctx, m.business(), modelGroup); !m.ended(rt, err) {
		must(rt, err)
		m.tell(domain.EventGroupDismissed, nobody)
		m.isOver = true
	}
}

// check compares everything after each step.
func (m *largeModel) check(rt *rapid.T) {
	members := 0
	for _, f := range m.people {
		if f.isMember {
			members++
		}
		m.checkFollower(rt, f)
	}
	g, err := m.h.store.Group(m.ctx, m.app, modelGroup, 0)
	must(rt, err)
	want(rt, "group", []any{g.MemberCount, g.Type == domain.GroupLarge, g.Settings.History}, []any{members, m.isLarge, m.history})
	heads, err := m.h.store.GroupHeads(m.ctx, m.app, []domain.ConversationNum{m.num})
	must(rt, err)
	want(rt, "head", heads, map[domain.ConversationNum]int64{m.num: int64(len(m.log))})
}

func (m *largeModel) checkFollower(rt *rapid.T, f *follower) {
	if f.ref.Num == -1 {
		return
	}
	page, err := m.h.store.ReadLog(m.ctx, m.app, f.ref.Num, 0, 10_000)
	must(rt, err)
	var own []string
	for _, e := range page.Entries {
		own = append(own, brief(e.Message))
	}
	want(rt, "own log of "+string(f.ref.ID), own, f.own)

	groups, err := m.h.store.LargeGroups(m.ctx, m.app, f.ref.Num, f.device())
	must(rt, err)
	head := int64(len(m.log))
	var wanted []domain.LargeGroup
	if f.isMember && m.isLarge && (!m.isOver || f.device() != "" && max(f.acked, m.begin(f)) < head) {
		g := domain.LargeGroup{Num: m.num, ID: modelGroup, Head: head, Acked: max(f.acked, m.begin(f))}
		for _, brief := range m.log[g.Acked:] {
			if brief[0] == 'm' {
				g.Unread++
			}
		}
		wanted = append(wanted, g)
	}
	want(rt, "groups of "+string(f.ref.ID), groups, wanted)

	after := rapid.Int64Range(0, head+1).Draw(rt, "after")
	limit := rapid.IntRange(1, 5).Draw(rt, "limit")
	got, err := m.h.store.ReadGroup(m.ctx, m.app, m.num, asMember(f.ref), after, limit)
	switch {
	case !f.isMember:
		wantCode(rt, err, domain.CodeNotInGroup)
		return
	case !m.isLarge:
		wantCode(rt, err, domain.CodeBadRequest)
		return
	}
	must(rt, err)
	from := f.joined
	if m.history == domain.HistoryAll {
		from = 0
	}
	visible := m.log[min(max(after, from), head):]
	want(rt, "page", []any{got.First, got.Head, got.HasMore, briefs(got.Messages)},
		[]any{from + 1, head, len(visible) > limit, visible[:min(limit, len(visible))]})
}

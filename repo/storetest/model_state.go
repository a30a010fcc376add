package storetest

import (
	"maps"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

func (m *model) groups() *domain.Groups { return groupsOf(m.h.store, 10, epoch) }

func (m *model) business() domain.Principal { return callerOf(m.app.Num, domain.UserRef{}) }

func (m *model) add(rt *rapid.T) {
	p := m.anyone(rt)
	got, err := m.groups().AddMembers(m.ctx, m.business(), modelGroup, []domain.UserID{p.ref.ID})
	p = m.live[p.ref.ID]
	if p == nil {
		wantCode(rt, err, domain.CodeUserNotFound)
		return
	}
	must(rt, err)
	if _, member := m.members[p.ref.Num]; member {
		want(rt, "added", got, []domain.UserID{})
		return
	}
	want(rt, "added", got, []domain.UserID{p.ref.ID})
	m.members[p.ref.Num] = int64(len(m.group))
}

func (m *model) remove(rt *rapid.T) {
	p := m.anyone(rt)
	err := m.groups().RemoveMember(m.ctx, m.business(), modelGroup, p.ref.ID)
	p = m.live[p.ref.ID]
	switch {
	case p == nil || !m.isMember(p):
		wantCode(rt, err, domain.CodeMemberNotFound)
	case p.ref.Num == m.owner:
		wantCode(rt, err, domain.CodeForbidden)
	default:
		must(rt, err)
		delete(m.members, p.ref.Num)
	}
}

func (m *model) isMember(p *person) bool {
	_, member := m.members[p.ref.Num]
	return member
}

func (m *model) ack(rt *rapid.T) {
	p := m.anyone(rt)
	head := int64(len(p.log))
	seq := rapid.Int64Range(0, head+1).Draw(rt, "seq")
	got, err := m.h.store.AckDevice(m.ctx, m.app.Num, p.ref.Num, domain.DeviceID("dev-"+p.ref.ID), seq, epoch)
	switch {
	case seq > head:
		wantCode(rt, err, domain.CodeBadAck)
	case p.isGone:
		wantCode(rt, err, domain.CodeDeviceNotFound)
	default:
		must(rt, err)
		p.acked = max(p.acked, seq)
		want(rt, "acked", got, p.acked)
	}
}

func (m *model) createUser(rt *rapid.T) {
	m.create(rt, rapid.SampledFrom(modelUsers).Draw(rt, "id"))
}

func (m *model) deleteUser(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "rarely") != 0 {
		return
	}
	id := rapid.SampledFrom(modelUsers).Draw(rt, "id")
	err := m.h.store.DeleteUser(m.ctx, m.app.Num, id, epoch)
	p := m.live[id]
	if p == nil {
		wantCode(rt, err, domain.CodeUserNotFound)
		return
	}
	must(rt, err)
	p.isGone = true
	delete(m.live, id)
	delete(m.members, p.ref.Num)
	if p.ref.Num == m.owner { // all have been there equally long
		m.owner = 0
		if len(m.members) > 0 {
			m.owner = slices.Min(slices.Collect(maps.Keys(m.members)))
		}
	}
}

func (m *model) reopen(*rapid.T) {
	m.h.stop()
	m.h.start()
}

// page reads a part of a log and of the group's history.
func (m *model) page(rt *rapid.T) {
	p := m.anyone(rt)
	head := int64(len(p.log))
	after, limit := rapid.Int64Range(0, head+1).Draw(rt, "after"), rapid.IntRange(1, 5).Draw(rt, "limit")
	got, err := m.h.store.ReadLog(m.ctx, m.app.Num, p.ref.Num, after, limit)
	must(rt, err)
	end := min(head, after+int64(limit))
	m.wantLog(rt, got.Entries, p, min(after, head), max(end, min(after, head)))
	want(rt, "has more", got.HasMore, end < head)

	if p.isGone {
		return
	}
	before := rapid.Int64Range(0, int64(len(m.group))+2).Draw(rt, "before")
	page, err := m.h.store.History(m.ctx, m.app.Num, p.ref, toGroup(modelGroup), domain.HistoryRange{Before: &before, Limit: limit})
	if !m.isMember(p) {
		wantCode(rt, err, domain.CodeNotInGroup)
		return
	}
	must(rt, err)
	from := m.members[p.ref.Num]
	to := max(min(before-1, int64(len(m.group))), from)
	visible := m.group[from:to]
	want(rt, "has more history", page.HasMore(), len(visible) > limit)
	wantMessages(rt, page.Messages, visible[max(0, len(visible)-limit):])
}

func wantMessages(rt *rapid.T, got []*domain.Message, wanted []sent) {
	rt.Helper()
	want(rt, "messages", len(got), len(wanted))
	for i, m := range got {
		want(rt, "message", []any{textOf(m), m.ConversationSeq}, []any{wanted[i].text, wanted[i].seq})
	}
}

func (m *model) wantLog(rt *rapid.T, got []domain.Entry, p *person, from, to int64) {
	rt.Helper()
	want(rt, "entries", int64(len(got)), to-from)
	for i, e := range got {
		s := p.log[from+int64(i)]
		want(rt, "entry", []any{e.Seq, textOf(e.Message), e.Message.ConversationSeq, e.IsSender}, []any{from + int64(i) + 1, s.text, s.seq, s.by == p.ref.Num})
	}
}

// check compares everything after each step.
func (m *model) check(rt *rapid.T) {
	for _, p := range m.all {
		page, err := m.h.store.ReadLog(m.ctx, m.app.Num, p.ref.Num, 0, 10_000)
		must(rt, err)
		want(rt, "head", page.Head, len(p.log))
		m.wantLog(rt, page.Entries, p, 0, int64(len(p.log)))
		if p.isGone {
			continue
		}
		d, err := m.h.store.Device(m.ctx, m.app.Num, p.ref.Num, domain.DeviceID("dev-"+p.ref.ID))
		must(rt, err)
		want(rt, "acked", d.AckedSeq, p.acked)
	}
	members, err := m.groups().Members(m.ctx, m.business(), modelGroup, domain.Page{Limit: 100})
	must(rt, err)
	var got, wanted []string
	for _, member := range members.Items {
		got = append(got, string(member.User))
	}
	slices.Sort(got)
	for id, p := range m.live {
		if m.isMember(p) {
			wanted = append(wanted, string(id))
		}
	}
	slices.Sort(wanted)
	want(rt, "members", strings.Join(got, " "), strings.Join(wanted, " "))
	history, err := m.h.store.History(m.ctx, m.app.Num, domain.UserRef{}, toGroup(modelGroup), domain.HistoryRange{Limit: 10_000})
	must(rt, err)
	wantMessages(rt, history.Messages, m.group)
}

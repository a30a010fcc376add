package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

// ExerciseModel uses a store at random, beside a model that holds everything in
// maps, and compares the two after every step. The store is closed and opened
// again now and then. It goes on for about the given time; rapid's own flags
// (-rapid.checks, -rapid.seed) hold as well.
func ExerciseModel(t *testing.T, open Opener, atMost time.Duration) {
	t.Helper()
	deadline := time.Now().Add(atMost)
	h := &host{t: t, open: open, published: &recorder{}}
	h.start()
	t.Cleanup(func() { h.stop() })
	isFailing := false // then rapid looks for a shorter way to fail, however late it is
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(deadline) && !isFailing {
			return
		}
		isFailing = true
		m := newModel(rt, h)
		actions := map[string]func(*rapid.T){
			"send to user": m.sendUser, "send to group": m.sendGroup, "send to group again": m.sendGroup, "resend": m.resend,
			"resend with other payload": m.conflict, "add": m.add, "remove": m.remove, "ack": m.ack, "page": m.page,
			"delete user": m.deleteUser, "create user": m.createUser, "close and reopen": m.reopen,
		}
		actions[""] = m.check
		rt.Repeat(actions)
		isFailing = false
	})
}

// host keeps the one open store across runs, each of which has its own app.
type host struct {
	t         *testing.T
	open      Opener
	published *recorder
	store     Store
	stop      func()
}

func (h *host) start() {
	h.store = h.open(h.t, h.published)
	h.stop = run(h.t, h.store)
}

// sent is a message of the model.
type sent struct {
	text string
	seq  int64 // in its conversation
	by   domain.UserNum
}

// person is a user that lives or lived.
type person struct {
	ref    domain.UserRef
	isGone bool
	log    []sent
	acked  int64 // of the device, which has the user's id
}

// accepted is a send that can be repeated.
type accepted struct {
	out     domain.Outgoing
	receipt domain.Receipt
}

// model is what the store should hold of one app.
type model struct {
	h       *host
	ctx     context.Context //nolint:containedctx // of the test
	app     domain.App
	all     []*person
	live    map[domain.UserID]*person
	members map[domain.UserNum]int64 // of the group: joined behind
	owner   domain.UserNum           // of the group; 0 when nobody is left that could be
	group   []sent
	singles map[[2]domain.UserNum][]sent
	keys    map[string]accepted
	n       int // makes texts unique
}

var modelUsers = []domain.UserID{"alice", "Alice", "bob", "carol"}

const modelGroup = "team"

func newModel(rt *rapid.T, h *host) *model {
	m := &model{
		h: h, ctx: context.Background(), live: map[domain.UserID]*person{}, members: map[domain.UserNum]int64{},
		singles: map[[2]domain.UserNum][]sent{}, keys: map[string]accepted{},
	}
	var err error
	m.app, err = h.store.CreateApp(m.ctx, domain.App{ID: domain.AppID(rand.Text()), Settings: domain.DefaultAppSettings(), CreatedAt: epoch}, newKey("k"), []byte("h"))
	must(rt, err)
	for _, id := range modelUsers[:3] {
		m.create(rt, id)
	}
	owner := m.live[modelUsers[0]]
	_, err = h.store.CreateGroup(m.ctx, m.app.Num, groupOf(modelGroup, owner.ref.ID), []domain.UserID{owner.ref.ID})
	must(rt, err)
	m.members[owner.ref.Num], m.owner = 0, owner.ref.Num
	return m
}

func must(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatalf("unexpected error: %v", err)
	}
}

func want(rt *rapid.T, what string, got, want any) {
	rt.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		rt.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func wantCode(rt *rapid.T, err error, code domain.Code) {
	rt.Helper()
	want(rt, "code", domain.CodeOf(err), code)
}

func (m *model) create(rt *rapid.T, id domain.UserID) {
	made, created, err := m.h.store.UpsertUsers(m.ctx, m.app.Num, []domain.User{profile(string(id))})
	must(rt, err)
	old := m.live[id]
	want(rt, "created", created[0], old == nil)
	if old != nil {
		want(rt, "number", made[0].Num, old.ref.Num)
		return
	}
	p := &person{ref: made[0].Ref()}
	for _, other := range m.all {
		if other.ref.Num == p.ref.Num {
			rt.Fatalf("%s has the number of an earlier user", id)
		}
	}
	m.all = append(m.all, p)
	m.live[id] = p
	_, err = m.h.store.CreateDevice(m.ctx, m.app.Num, deviceOf(p.ref, "dev-"+string(id)))
	must(rt, err)
}

// anyone draws a user, alive or not.
func (m *model) anyone(rt *rapid.T) *person { return rapid.SampledFrom(m.all).Draw(rt, "user") }

func (m *model) outgoing(rt *rapid.T, from *person, to domain.Target) domain.Outgoing {
	m.n++
	key := ""
	if rapid.Bool().Draw(rt, "keyed") {
		key = fmt.Sprint("k", m.n)
	}
	if from == nil {
		return outgoing(m.app.Num, domain.UserRef{}, to, fmt.Sprint(m.n), key)
	}
	return outgoing(m.app.Num, from.ref, to, fmt.Sprint(m.n), key)
}

// deliver enters an accepted message into the model.
func (m *model) deliver(rt *rapid.T, out domain.Outgoing, r domain.Receipt, conversation *[]sent, to ...*person) {
	msg := sent{text: textOf(&out.Message), seq: int64(len(*conversation)) + 1, by: out.User}
	*conversation = append(*conversation, msg)
	want(rt, "conversation_seq", r.ConversationSeq, msg.seq)
	wantSeq := int64(0)
	for _, p := range to {
		p.log = append(p.log, msg)
		if p.ref.Num == out.User {
			wantSeq = int64(len(p.log))
		}
	}
	want(rt, "seq", r.Seq, wantSeq)
	want(rt, "repeated", r.Repeated, false)
	if out.Digest != nil {
		m.keys[fmt.Sprint(out.User, out.Message.ClientMsgID)] = accepted{out, r}
	}
}

func (m *model) sendUser(rt *rapid.T) {
	from, to := m.anyone(rt), m.anyone(rt)
	if rapid.IntRange(0, 4).Draw(rt, "business") == 0 {
		from = nil
	}
	out := m.outgoing(rt, from, toUser(to.ref))
	r, err := m.h.store.Append(m.ctx, out)
	if from != nil && from.isGone {
		wantCode(rt, err, domain.CodeUnauthorized)
		return
	}
	to = m.live[to.ref.ID]
	if to == nil {
		wantCode(rt, err, domain.CodeUserNotFound)
		return
	}
	must(rt, err)
	receivers := []*person{to}
	if from != nil && from != to {
		receivers = append(receivers, from)
	}
	key := [2]domain.UserNum{min(out.User, to.ref.Num), max(out.User, to.ref.Num)}
	conversation := m.singles[key]
	m.deliver(rt, out, r, &conversation, receivers...)
	m.singles[key] = conversation
}

func (m *model) sendGroup(rt *rapid.T) {
	from := m.anyone(rt)
	out := m.outgoing(rt, from, toGroup(modelGroup))
	r, err := m.h.store.Append(m.ctx, out)
	if from.isGone {
		wantCode(rt, err, domain.CodeUnauthorized)
		return
	}
	if _, member := m.members[from.ref.Num]; !member {
		wantCode(rt, err, domain.CodeNotInGroup)
		return
	}
	must(rt, err)
	var receivers []*person
	for _, p := range m.all {
		if _, member := m.members[p.ref.Num]; member {
			receivers = append(receivers, p)
		}
	}
	m.deliver(rt, out, r, &m.group, receivers...)
}

// anyKey draws a send that was accepted, or reports that there is none.
func (m *model) anyKey(rt *rapid.T) (accepted, bool) {
	keys := slices.Sorted(maps.Keys(m.keys))
	if len(keys) == 0 {
		return accepted{}, false
	}
	return m.keys[rapid.SampledFrom(keys).Draw(rt, "key")], true
}

func (m *model) resend(rt *rapid.T) {
	if a, ok := m.anyKey(rt); ok {
		r, err := m.h.store.Append(m.ctx, a.out)
		must(rt, err)
		a.receipt.Repeated = true
		want(rt, "first answer", r, a.receipt)
	}
}

func (m *model) conflict(rt *rapid.T) {
	if a, ok := m.anyKey(rt); ok {
		a.out.Digest = digest("another payload")
		_, err := m.h.store.Append(m.ctx, a.out)
		wantCode(rt, err, domain.CodeIdempotencyConflict)
	}
}

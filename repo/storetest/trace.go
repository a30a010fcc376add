package storetest

import (
	"fmt"
	"time"

	"github.com/gim-im/gim/domain"
)

func traceTests() map[string]func(*world) {
	return map[string]func(*world){
		"Trace_OfASingleChat":                          traceSingle,
		"Trace_OfTheBusiness":                          traceBusiness,
		"Trace_FindsEveryEntryOfALog":                  traceEveryEntry,
		"Trace_FindsEntriesWhateverTheirTimes":         traceTimes,
		"Trace_OfAGroupHasThoseWhoWereInIt":            traceGroup,
		"Trace_OfALargeGroupGoesByItsOwnAcks":          traceLarge,
		"Trace_OfAGroupThatBecameLargeAfterTheMessage": traceConverted,
		"Trace_OfWhatIsNotThere":                       traceAbsent,
	}
}

// traced reads the way of a message, in pages of limit.
func (w *world) traced(r domain.Receipt, limit int) (domain.TracedMessage, []domain.TracedReceiver) {
	w.Helper()
	m, err := w.store.TracedMessage(w.ctx, w.app.Num, 0, placeOf(r))
	w.ok(err)
	w.same("message", m.Message.ID, r.MessageID)
	var all []domain.TracedReceiver
	for p := (domain.Page{Limit: limit}); ; {
		page, err := w.store.TracedReceivers(w.ctx, w.app.Num, m, p)
		w.ok(err)
		all = append(all, page.Items...)
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			return m, all
		}
		w.same("length of a page that is not the last", len(page.Items), limit)
	}
}

func placeOf(r domain.Receipt) domain.PlacedMessage {
	return domain.PlacedMessage{Conversation: r.MessageID.Conversation(), Seq: r.ConversationSeq, SentAt: r.SentAt}
}

// wantSeqs checks the entries that a message is found at with those that its
// receivers read.
func (w *world) wantSeqs(r domain.Receipt) {
	w.Helper()
	_, receivers := w.traced(r, domain.MaxPageSize)
	for _, got := range receivers {
		var want int64
		for _, e := range w.log(got.User.Num) {
			if e.Message.ID == r.MessageID {
				want = e.Seq
			}
		}
		if want == 0 || got.Seq != want {
			w.Errorf("%s is found at %d of the log of %s, want %d", r.MessageID, got.Seq, got.User.ID, want)
		}
	}
}

func traceSingle(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.device(bob, "phone")
	w.device(bob, "web")
	w.send(bob, toUser(alice), "before")
	r := w.send(alice, toUser(bob), "it")
	w.send(alice, toUser(bob), "after")
	_, err := w.ack(bob, "phone", 2)
	w.ok(err)
	_, err = w.ack(bob, "web", 1)
	w.ok(err)
	w.saw(domain.Seen{User: alice.Num, At: epoch.Add(time.Hour)})
	w.block(bob, "alice")
	m, got := w.traced(r, 1)
	w.same("sender and receivers", []any{m.Sender, m.InGroupLog, m.Receivers}, []any{alice.Num, false, 2})
	w.same("receivers", got, []domain.TracedReceiver{
		{User: alice, Seq: 2, LastSeen: epoch.Add(time.Hour)},
		{User: bob, Seq: 2, Blocked: true, LastSeen: epoch.Add(time.Hour), Devices: []domain.TracedDevice{
			{ID: "phone", Type: "ios", Acked: true}, {ID: "web", Type: "ios"},
		}},
	})
}

func traceBusiness(w *world) {
	alice := w.user("alice")
	r := w.send(domain.UserRef{}, toUser(alice), "it")
	m, got := w.traced(r, 10)
	w.same("sender and receivers", []any{m.Sender, m.Receivers}, []any{domain.UserNum(0), 1})
	w.same("receivers", got, []domain.TracedReceiver{{User: alice, Seq: 1}})
}

// Many messages of one moment: entries cannot be told apart by their time.
func traceEveryEntry(w *world) {
	users := w.many("u", 4)
	w.group("g", users[:3]...)
	var all []domain.Receipt
	for i := range 40 {
		all = append(all, w.send(users[0], toUser(users[1]), fmt.Sprint(i)), w.send(users[i%3], toGroup("g"), fmt.Sprint(i)))
		w.send(users[3], toUser(users[i%3]), "between")
	}
	for _, r := range all {
		w.wantSeqs(r)
	}
}

// Times that go back, and some that are far apart.
func traceTimes(w *world) {
	users := w.users("alice", "bob", "carol")
	at := epoch
	var all []domain.Receipt
	for i := range 150 {
		step := []time.Duration{time.Second, -20 * time.Second, 40 * time.Second, 0, time.Hour}[i%5]
		at = at.Add(step)
		out := w.outgoing(users[i%3], toUser(users[(i+1)%3]), fmt.Sprint(i), "")
		out.Message.SentAt = at
		r, err := w.store.Append(w.ctx, out)
		w.ok(err)
		all = append(all, r)
	}
	for i := 0; i < len(all); i += 7 {
		w.wantSeqs(all[i])
	}
}

func traceGroup(w *world) {
	users := w.many("u", 5)
	g := w.created("g", domain.GroupNormal, domain.HistoryJoined, users[:4]...)
	groups, business := w.telling(), w.caller(domain.UserRef{})
	r := w.send(users[0], toGroup("g"), "it")
	_, err := groups.AddMembers(w.ctx, business, g.ID, []domain.UserID{users[4].ID})
	w.ok(err)
	w.ok(groups.RemoveMember(w.ctx, business, g.ID, users[1].ID))
	until := time.Now().Add(time.Hour).UTC()
	_, err = groups.UpdateMember(w.ctx, business, g.ID, users[2].ID, domain.MemberPatch{MutedUntil: &until})
	w.ok(err)
	m, got := w.traced(r, 2)
	w.same("receivers", m.Receivers, 3)
	w.same("receivers", got, []domain.TracedReceiver{
		{User: users[0], Seq: 2}, {User: users[2], Seq: 2, Muted: true}, {User: users[3], Seq: 2},
	})
}

func traceLarge(w *world) {
	users := w.many("u", 3)
	w.created("g", domain.GroupLarge, domain.HistoryJoined, users...)
	w.device(users[1], "d1")
	w.device(users[2], "d2")
	r := w.send(users[0], toGroup("g"), "it")
	w.send(users[0], toGroup("g"), "after")
	for device, seq := range map[domain.DeviceID]int64{"d1": r.ConversationSeq, "d2": r.ConversationSeq - 1} {
		_, err := w.ackGroup(users[device[1]-'0'], device, "g", seq)
		w.ok(err)
	}
	m, got := w.traced(r, 2)
	w.same("is in the log of the group", []any{m.InGroupLog, m.Receivers}, []any{true, 3})
	for i, r := range got {
		w.same("entry in the own log", r.Seq, int64(0))
		for _, d := range r.Devices {
			w.same(string(d.ID)+" has it", d.Acked, i == 1)
		}
	}
	w.same("receivers", len(got), 3)
}

func traceConverted(w *world) {
	users := w.many("u", 3)
	w.created("g", domain.GroupNormal, domain.HistoryJoined, users...)
	before := w.send(users[0], toGroup("g"), "before")
	large := domain.GroupLarge
	_, err := w.telling().Update(w.ctx, w.caller(domain.UserRef{}), "g", domain.GroupPatch{Type: &large})
	w.ok(err)
	after := w.send(users[0], toGroup("g"), "after")
	w.wantSeqs(before)
	m, _ := w.traced(after, 10)
	w.same("after is in the log of the group", m.InGroupLog, true)
}

func traceAbsent(w *world) {
	users := w.users("alice", "bob")
	r := w.send(users[0], toUser(users[1]), "it")
	there := placeOf(r)
	for name, p := range map[string]domain.PlacedMessage{
		"another number":       {Conversation: there.Conversation, Seq: there.Seq + 1, SentAt: there.SentAt},
		"another conversation": {Conversation: there.Conversation + 1, Seq: there.Seq, SentAt: there.SentAt},
		"another time":         {Conversation: there.Conversation, Seq: there.Seq, SentAt: there.SentAt.Add(time.Millisecond)},
		"not stored":           {Conversation: 1 << 40, SentAt: there.SentAt},
	} {
		if _, err := w.store.TracedMessage(w.ctx, w.app.Num, 0, p); domain.CodeOf(err) != domain.CodeMessageNotFound {
			w.Errorf("%s: %v", name, err)
		}
	}
	other := w.other()
	_, err := w.store.TracedMessage(w.ctx, other.app.Num, 0, there)
	w.refused(err, domain.ErrMessageNotFound)
	m, err := w.store.TracedMessage(w.ctx, w.app.Num, 0, there)
	w.ok(err)
	_, err = w.store.TracedReceivers(w.ctx, w.app.Num, m, domain.Page{Limit: 10, Cursor: "x"})
	w.refused(err, domain.Invalid("cursor", ""))
}

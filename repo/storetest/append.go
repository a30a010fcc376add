package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gim-im/gim/domain"
)

func appendTests() map[string]func(*world) {
	return map[string]func(*world){
		"Append_SingleChatReachesBoth":         appendSingle,
		"Append_ToOneselfIsOneEntry":           appendSelf,
		"Append_BusinessReachesTheUser":        appendBusiness,
		"Append_GroupReachesAllMembers":        appendGroup,
		"Append_UnknownReceiversAreRefused":    appendUnknown,
		"Append_FailingSendFailsAlone":         appendFailsAlone,
		"Append_EndedContextIsTheCallersOwn":   appendEndedContext,
		"Append_ManyWritersKeepEveryOrder":     appendOrder,
		"Append_LargeGroupsAreDeferredNotLost": appendLarge,
		"Recipients_AreThoseOfAppend":          recipients,
	}
}

func appendSingle(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	out := w.outgoing(alice, toUser(bob), "hi", "")
	out.Message.Sender.Device = "phone"
	out.Message.Mentions = []string{"bob"}
	out.Request = domain.RequestInfo{ID: "r1"}
	got, err := w.store.Append(w.ctx, out)
	w.ok(err)
	want := domain.Receipt{ConversationID: "user:bob", ConversationSeq: 1, Seq: 1, SentAt: epoch, Durable: true, MessageID: got.MessageID}
	w.same("receipt", got, want)
	stored := out.Message
	stored.ID, stored.ConversationSeq = got.MessageID, 1
	stored.Conversation = w.log(alice.Num)[0].Message.Conversation
	w.same("sender's log", w.log(alice.Num), []domain.Entry{{Seq: 1, Message: &stored, IsSender: true}})
	w.same("receiver's log", w.log(bob.Num), []domain.Entry{{Seq: 1, Message: &stored}})
	answer := w.send(bob, toUser(alice), "hello")
	w.same("number of the answer", answer.ConversationSeq, int64(2))
	w.same("names", answer.ConversationID, "user:alice")

	deliveries := w.deliveries()
	if len(deliveries) != 2 {
		w.Fatalf("%d messages were published, want 2", len(deliveries))
	}
	deliveries[0].To = sorted(deliveries[0].To)
	w.same("published", deliveries[0], domain.Delivery{
		App: w.app.Num, Message: &stored, Origin: out.Origin, Request: out.Request,
		To: sorted([]domain.Recipient{{User: alice.Num, Seq: 1, IsSender: true}, {User: bob.Num, Seq: 1}}),
	})
}

func byUser(a, b domain.Recipient) int { return int(a.User - b.User) }

// sorted returns receivers by user, for comparison.
func sorted(to []domain.Recipient) []domain.Recipient {
	return slices.SortedFunc(slices.Values(to), byUser)
}

func appendSelf(w *world) {
	alice := w.user("alice")
	for i := range int64(2) {
		r := w.send(alice, toUser(alice), "note")
		w.same("numbers", []int64{r.Seq, r.ConversationSeq}, []int64{i + 1, i + 1})
	}
	log := w.log(alice.Num)
	w.same("entries", len(log), 2)
	w.same("is the sender", log[0].IsSender, true)
	w.same("history", w.history(alice, toUser(alice)), []string{"note", "note"})
}

func appendBusiness(w *world) {
	alice := w.user("alice")
	business := domain.UserRef{}
	r := w.send(business, toUser(alice), "1")
	w.same("receipt", r, domain.Receipt{MessageID: r.MessageID, ConversationID: "user:alice", ConversationSeq: 1, SentAt: epoch, Durable: true})
	out := w.outgoing(business, toUser(alice), "2", "")
	out.Message.Sender.Type = domain.SenderSystem
	r, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.same("one conversation", r.ConversationSeq, int64(2))
	log := w.log(alice.Num)
	w.same("senders", []domain.Sender{log[0].Message.Sender, log[1].Message.Sender}, []domain.Sender{{Type: domain.SenderBusiness}, {Type: domain.SenderSystem}})
	w.same("is the sender", log[0].IsSender || log[1].IsSender, false)
	w.same("history of the user", w.history(alice, domain.Target{}), []string{"1", "2"})
	w.same("history of the business", w.history(business, toUser(alice)), []string{"1", "2"})
}

func appendGroup(w *world) {
	users := w.users("alice", "bob", "carol")
	w.group("g", users...)
	w.send(users[0], toUser(users[1]), "single")
	r := w.send(users[1], toGroup("g"), "1")
	w.same("receipt", r, domain.Receipt{MessageID: r.MessageID, ConversationID: "group:g", ConversationSeq: 1, Seq: 2, SentAt: epoch, Durable: true})
	r = w.send(domain.UserRef{}, toGroup("g"), "2")
	w.same("of the business", r, domain.Receipt{MessageID: r.MessageID, ConversationID: "group:g", ConversationSeq: 2, SentAt: epoch, Durable: true})
	w.same("alice", w.texts(users[0]), []string{"single", "1", "2"})
	w.same("bob", w.texts(users[1]), []string{"single", "1", "2"})
	w.same("carol", w.texts(users[2]), []string{"1", "2"})
	w.same("target", w.log(users[2].Num)[0].Message.To, toGroup("g"))
}

func appendUnknown(w *world) {
	alice := w.user("alice")
	for _, c := range []struct {
		from domain.UserRef
		to   domain.Target
		want error
	}{
		{alice, domain.Target{User: "nobody"}, domain.ErrUserNotFound},
		{domain.UserRef{}, domain.Target{User: "nobody"}, domain.ErrUserNotFound},
		{alice, toGroup("none"), domain.ErrGroupNotFound},
		{domain.UserRef{}, toGroup("none"), domain.ErrGroupNotFound},
		{domain.UserRef{Num: 1, ID: "alice"}, toUser(alice), domain.ErrUnauthorized},
		{domain.UserRef{Num: 1, ID: "nobody"}, toUser(alice), domain.ErrUnauthorized},
	} {
		_, err := w.store.Append(w.ctx, w.outgoing(c.from, c.to, "x", ""))
		w.refused(err, c.want)
		_, err = w.store.Receivers(w.ctx, w.outgoing(c.from, c.to, "x", ""))
		w.refused(err, c.want)
	}
	w.same("nothing was stored", w.texts(alice), []string{})
	w.same("nothing was published", len(w.deliveries()), 0)
}

// appendFailsAlone mixes what is refused by a rule and what the database itself
// refuses with good sends, all at once, so that they share batches.
func appendFailsAlone(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	var wg sync.WaitGroup
	const n = 30
	for i := range n {
		wg.Go(func() { // ends with the test
			out := w.outgoing(alice, toUser(bob), fmt.Sprint(i), "")
			want := domain.Code("")
			switch i % 5 {
			case 1:
				out.Message.To.User, want = "nobody", domain.CodeUserNotFound
			case 3:
				out.Message.Content, want = nil, domain.CodeInternal // no database takes it
			}
			if _, err := w.store.Append(w.ctx, out); domain.CodeOf(err) != want {
				w.Errorf("send %d: got %v, want code %q", i, err, want)
			}
		})
	}
	wg.Wait()
	w.same("stored", len(w.log(bob.Num)), n*3/5)
	w.same("published", len(w.deliveries()), n*3/5)
}

func appendEndedContext(w *world) {
	users := w.users("alice", "bob")
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	out := w.outgoing(users[0], toUser(users[1]), "x", "c1")
	for range 20 {
		if _, err := w.store.Append(ctx, out); err != nil && !errors.Is(err, context.Canceled) {
			w.Errorf("got %v, want the error of the context", err)
		}
	}
	r, err := w.store.Append(w.ctx, out) // tells, and stores it if it was not
	w.ok(err)
	w.same("number", r.ConversationSeq, int64(1))
	w.same("stored once", w.texts(users[1]), []string{"x"})
}

func appendLarge(w *world) {
	const members, sends = 260, 96 // 20,800 entries: more than one transaction takes
	users := w.many("m", members)
	w.group("big", users...)
	w.group("small", users[:2]...)
	var wg sync.WaitGroup
	for i := range sends {
		wg.Go(func() { // ends with the test
			id := domain.GroupID("big")
			if i%6 == 0 {
				id = "small"
			}
			r, err := w.store.Append(w.ctx, w.outgoing(users[0], toGroup(id), fmt.Sprint(i), fmt.Sprint("c", i)))
			if err != nil || r.Repeated {
				w.Errorf("send %d: %+v, %v", i, r, err)
			}
		})
	}
	wg.Wait()
	want := w.texts(users[2])
	w.same("messages", len(want), sends*5/6)
	for _, i := range []int{3, 130, members - 1} {
		w.same("order of another member", w.texts(users[i]), want)
	}
	w.same("messages of both groups", len(w.log(users[0].Num)), sends)
}

func recipients(w *world) {
	users := w.users("alice", "bob", "carol")
	w.group("g", users...)
	for _, out := range []domain.Outgoing{
		w.outgoing(users[0], toUser(users[1]), "x", ""),
		w.outgoing(users[0], toUser(users[0]), "x", ""),
		w.outgoing(domain.UserRef{}, toUser(users[1]), "x", ""),
		w.outgoing(users[0], toGroup("g"), "x", ""),
		w.outgoing(domain.UserRef{}, toGroup("g"), "x", ""),
	} {
		got, err := w.store.Receivers(w.ctx, out)
		w.ok(err)
		w.same("nothing is stored", len(w.deliveries()), 0)
		want := []domain.Recipient{}
		switch {
		case out.Message.To.Group != "":
			for _, u := range users {
				want = append(want, domain.Recipient{User: u.Num, IsSender: u.Num == out.User})
			}
		default:
			for _, u := range users {
				if u.ID == out.Message.To.User || u.Num == out.User {
					want = append(want, domain.Recipient{User: u.Num, IsSender: u.Num == out.User})
				}
			}
		}
		w.same("recipients", sorted(got.Each), sorted(want))
	}
	w.same("no numbers were taken", w.texts(users[0]), []string{})
}

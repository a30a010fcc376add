package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func repeatTests() map[string]func(*world) {
	return map[string]func(*world){
		"Repeat_GetsTheFirstAnswer":                repeatFirstAnswer,
		"Repeat_WithOtherPayloadConflicts":         repeatConflict,
		"Repeat_KeysBelongToTheirSender":           repeatPerSender,
		"Repeat_WinsOverOtherRules":                repeatWins,
		"Repeat_OfARefusedSendIsJudgedAnew":        repeatOfRefused,
		"Repeat_ConcurrentTwinsAreOneMessage":      repeatTwins,
		"Repeat_ConcurrentTwinsThatDifferConflict": repeatDifferentTwins,
		"Repeat_WithoutAKeyIsAnotherMessage":       repeatWithoutKey,
	}
}

func repeatFirstAnswer(w *world) {
	users := w.users("alice", "bob")
	w.group("g", users...)
	for i, to := range []domain.Target{toUser(users[1]), toUser(users[0]), toGroup("g")} {
		out := w.outgoing(users[0], to, "x", fmt.Sprint("c", i))
		first, err := w.store.Append(w.ctx, out)
		w.ok(err)
		w.same("repeated", first.Repeated, false)
		published := len(w.deliveries())
		out.Message.SentAt = epoch.Add(time.Hour) // of the second attempt
		out.Message.Sender.Device = "other"
		again, err := w.store.Append(w.ctx, out)
		w.ok(err)
		first.Repeated = true
		w.same("the first answer", again, first)
		w.same("a repeat is not published", len(w.deliveries()), published)
	}
	w.same("stored once", len(w.log(users[0].Num)), 3)

	out := w.outgoing(domain.UserRef{}, toUser(users[0]), "b", "c0")
	first, err := w.store.Append(w.ctx, out)
	w.ok(err)
	first.Repeated = true
	again, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.same("of the business", again, first)
}

func repeatConflict(w *world) {
	users := w.users("alice", "bob")
	_, err := w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), "x", "c"))
	w.ok(err)
	for _, other := range []domain.Outgoing{
		w.outgoing(users[0], toUser(users[1]), "y", "c"),
		w.outgoing(users[0], toUser(users[0]), "x", "c"),
		w.outgoing(users[0], toUser(domain.UserRef{ID: "nobody"}), "x", "c"), // before any other rule
		w.outgoing(users[0], toGroup("none"), "x", "c"),
	} {
		_, err = w.store.Append(w.ctx, other)
		w.refused(err, domain.ErrIdempotencyConflict)
	}
	w.same("stored", w.texts(users[1]), []string{"x"})
	for _, key := range []string{"C", "c.", "c ", "ç"} { // other keys
		r, err := w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), "z", key))
		w.ok(err)
		w.same("repeated", r.Repeated, false)
	}
}

func repeatPerSender(w *world) {
	users := w.users("alice", "bob")
	for i, from := range []domain.UserRef{users[0], users[1], {}} {
		r, err := w.store.Append(w.ctx, w.outgoing(from, toUser(users[0]), fmt.Sprint(i), "same"))
		w.ok(err)
		w.same("repeated", r.Repeated, false)
	}
	w.same("stored", w.texts(users[0]), []string{"0", "1", "2"})
}

// repeatWins: what was acknowledged stays acknowledged, whatever has become of
// those who took part.
func repeatWins(w *world) {
	users := w.users("owner", "guest", "gone")
	w.group("g", users...)
	group := w.outgoing(users[1], toGroup("g"), "1", "c1")
	toGone := w.outgoing(users[1], toUser(users[2]), "2", "c2")
	fromGone := w.outgoing(users[2], toUser(users[1]), "3", "c3")
	var first []domain.Receipt
	all := []domain.Outgoing{group, toGone, fromGone}
	for _, out := range all {
		r, err := w.store.Append(w.ctx, out)
		w.ok(err)
		first = append(first, r)
	}
	w.ok(w.remove("g", users[1], "guest"))
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "gone", epoch))
	for i, out := range all {
		again, err := w.store.Append(w.ctx, out)
		w.ok(err)
		first[i].Repeated = true
		w.same("the first answer", again, first[i])
	}
	_, err := w.store.Append(w.ctx, w.outgoing(users[1], toGroup("g"), "1", "c4"))
	w.refused(err, domain.ErrNotInGroup)
}

// repeatOfRefused: a refusal stores nothing, so the key is still free.
func repeatOfRefused(w *world) {
	users := w.users("alice", "bob")
	out := w.outgoing(users[0], toUser(domain.UserRef{ID: "carol"}), "x", "c")
	_, err := w.store.Append(w.ctx, out)
	w.refused(err, domain.ErrUserNotFound)
	w.user("carol")
	r, err := w.store.Append(w.ctx, out)
	w.ok(err)
	w.same("repeated", r.Repeated, false)
	_, err = w.store.Append(w.ctx, w.outgoing(users[0], toGroup("none"), "x", "d"))
	w.refused(err, domain.ErrGroupNotFound)
	_, err = w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), "y", "d"))
	w.ok(err)
}

func repeatTwins(w *world) {
	users := w.users("alice", "bob")
	for round := range 5 {
		out := w.outgoing(users[0], toUser(users[1]), fmt.Sprint(round), fmt.Sprint("c", round))
		wantOneOf(w, w.store, w.store, out)
	}
	w.same("stored", w.texts(users[1]), []string{"0", "1", "2", "3", "4"})
	w.same("published", len(w.deliveries()), 5)
}

// wantOneOf sends out many times at once, through a and b, and checks that it
// is one message and that all get the same answer.
func wantOneOf(w *world, a, b Store, out domain.Outgoing) {
	w.Helper()
	var mu sync.Mutex
	fresh := 0
	answers := make(map[domain.Receipt]int)
	var wg sync.WaitGroup
	for i := range 12 {
		store := a
		if i%2 == 1 {
			store = b
		}
		wg.Go(func() { // ends with wantOneOf
			r, err := store.Append(w.ctx, out)
			if err != nil {
				w.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !r.Repeated {
				fresh++
			}
			r.Repeated = false
			answers[r]++
		})
	}
	wg.Wait()
	if fresh != 1 || len(answers) != 1 {
		w.Errorf("twins: %d are first, answers %v", fresh, answers)
	}
}

func repeatDifferentTwins(w *world) {
	users := w.users("alice", "bob")
	for round := range 10 {
		var mu sync.Mutex
		var stored []string
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() { // ends with the round
				text := fmt.Sprint(round, "/", i)
				_, err := w.store.Append(w.ctx, w.outgoing(users[0], toUser(users[1]), text, fmt.Sprint("c", round)))
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					stored = append(stored, text)
					return
				}
				w.refused(err, domain.ErrIdempotencyConflict)
			})
		}
		wg.Wait()
		texts := w.texts(users[1])
		w.same("one was stored", len(texts), round+1)
		w.same("and acknowledged", stored, texts[round:])
	}
}

func repeatWithoutKey(w *world) {
	users := w.users("alice", "bob")
	for i := range int64(3) {
		w.same("number", w.send(users[0], toUser(users[1]), "x").ConversationSeq, i+1)
	}
}

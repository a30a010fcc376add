package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gim-im/gim/domain"
)

// ExerciseNodes runs two stores on one database, as two nodes of a cluster do.
// open is called twice.
func ExerciseNodes(t *testing.T, open Opener) {
	t.Helper()
	published := &recorder{}
	a, b := open(t, published), open(t, published)
	t.Cleanup(run(t, a))
	t.Cleanup(run(t, b))
	for name, test := range map[string]func(*world, Store){
		"Nodes_KeepEveryOrderTogether":            nodesOrder,
		"Nodes_TwinsAreOneMessage":                nodesTwins,
		"Nodes_ConversationsBeginOnce":            nodesNewConversations,
		"Nodes_MembershipDecidesAcrossNodes":      nodesMembership,
		"Nodes_BlockStopsTheNextSendEverywhere":   nodesBlock,
		"Nodes_RecallWinsOverAnEdit":              nodesEdit,
		"Nodes_ReactionsAreCountedTogether":       nodesReactions,
		"Nodes_UserIsCreatedOnce":                 nodesUser,
		"Nodes_GroupIsCreatedOnce":                nodesGroup,
		"Nodes_NumbersOfRevocationsAreContiguous": nodesRevocations,
		"Nodes_WhatOneWroteTheOtherReads":         nodesRead,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, a, published), b)
		})
	}
}

// on returns w as it is seen through another node.
func (w *world) on(store Store) *world {
	other := *w
	other.store = store
	return &other
}

func nodesOrder(w *world, b Store) {
	t := newTraffic(w, 5)
	var wg sync.WaitGroup
	for writer := range 8 {
		store := w.store
		if writer%2 == 1 {
			store = b
		}
		wg.Go(func() { t.send(w, store, writer, 25) }) // ends with the test
	}
	wg.Wait()
	t.check(w, b)
	t.check(w.on(b), w.store)
}

func nodesTwins(w *world, b Store) {
	users := w.users("alice", "bob")
	var want []string
	for round := range 8 {
		want = append(want, fmt.Sprint(round))
		wantOneOf(w, w.store, b, w.outgoing(users[0], toUser(users[1]), want[round], fmt.Sprint("c", round)))
	}
	w.same("stored", w.texts(users[1]), want)
	w.same("published", len(w.deliveries(b)), len(want))
}

// nodesNewConversations has both nodes open the same conversations at once.
func nodesNewConversations(w *world, b Store) {
	users := w.many("u", 8)
	var wg sync.WaitGroup
	for i, from := range users {
		for j, to := range users {
			store := w.store
			if i > j {
				store = b
			}
			wg.Go(func() { // ends with the test
				if _, err := store.Append(w.ctx, w.outgoing(from, toUser(to), fmt.Sprint(i, "-", j), "")); err != nil {
					w.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i, u := range users {
		w.same("entries", len(w.log(u.Num)), 2*len(users)-1)
		for j, v := range users {
			want := 2
			if i == j {
				want = 1
			}
			w.same("messages of a conversation", len(w.history(u, toUser(v))), want)
		}
	}
}

// nodesMembership sends on one node and changes members on the other: every
// accepted message went to those who were members at its number.
func nodesMembership(w *world, b Store) {
	users := w.users("owner", "guest")
	w.group("g", users[0])
	var wg sync.WaitGroup
	wg.Go(func() { // ends after its sends
		for i := range 60 {
			if _, err := b.Append(w.ctx, w.outgoing(users[0], toGroup("g"), fmt.Sprint(i), "")); err != nil {
				w.Error(err)
			}
		}
	})
	for range 12 {
		_, err := w.add("g", domain.UserRef{}, 10, "guest")
		w.ok(err)
		r := w.send(users[0], toGroup("g"), "in")
		w.ok(w.remove("g", users[1], "guest"))
		_, err = b.Append(w.ctx, w.outgoing(users[1], toGroup("g"), "x", ""))
		w.refused(err, domain.ErrNotInGroup)
		log := w.log(users[1].Num)
		isThere := false
		for _, e := range log {
			isThere = isThere || e.Message.ID == r.MessageID
		}
		w.same("sent while a member", isThere, true)
	}
	wg.Wait()
	w.same("the owner has all", len(w.log(users[0].Num)), 72)
}

func nodesUser(w *world, b Store) {
	userCreatedConcurrentlyOn(w, w.store, b)
}

func nodesGroup(w *world, b Store) {
	alice := w.user("alice")
	for round := range 8 {
		id := fmt.Sprint("g", round)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, store := range []Store{w.store, b} {
			wg.Go(func() { // ends with the round
				_, errs[i] = store.CreateGroup(w.ctx, w.app.Num, groupOf(id, "alice"), []domain.UserID{"alice"})
			})
		}
		wg.Wait()
		if errs[0] != nil && errs[1] != nil || errs[0] == nil && errs[1] == nil {
			w.Errorf("%s: got %v and %v, want one to succeed", id, errs[0], errs[1])
		}
		for _, err := range errs {
			if err != nil {
				w.refused(err, domain.ErrGroupExists)
			}
		}
		w.same("first message", w.send(alice, toGroup(domain.GroupID(id)), "x").ConversationSeq, int64(1))
	}
}

func nodesRevocations(w *world, b Store) {
	w.user("alice")
	before := w.lastRevocation()
	var wg sync.WaitGroup
	for i := range 8 {
		store := w.store
		if i%2 == 1 {
			store = b
		}
		wg.Go(func() { // ends with the test
			for range 10 {
				if err := store.RevokeTokens(w.ctx, w.app.Num, "alice", epoch); err != nil {
					w.Error(err)
				}
			}
		})
	}
	for range 20 {
		w.revocationsAfter(before)
	}
	wg.Wait()
	w.same("entries", len(w.on(b).revocationsAfter(before)), 80)
}

func nodesRead(w *world, b Store) {
	users := fill(w, "x")
	intact(w.on(b), users, "x")
}

package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"pgregory.net/rapid"
)

func deliveredTests() map[string]func(*world) {
	return map[string]func(*world){
		"Delivered_IsWhatAnyDeviceHas":             deliveredDevices,
		"Delivered_OwnMessagesAndReadOnesAreNone":  deliveredOwn,
		"Delivered_InGroupsIsToldToSenders":        deliveredGroups,
		"Delivered_IsNotToldInLargerGroups":        deliveredLarger,
		"Delivered_IsNotToldToWhoHasBlocked":       deliveredBlocked,
		"Delivered_ChangesTheListsOfOthers":        deliveredChanges,
		"Delivered_IsExactHoweverMuchIsUnsettled":  deliveredBehind,
		"Delivered_EndsWithMemberships":            deliveredMemberships,
		"Delivered_IsSettledOnceByMany":            deliveredConcurrently,
		"Delivered_IsARecountWhateverHappens":      deliveredModel,
		"Delivered_OfTheBusinessAndOfNobodyIsNone": deliveredNobody,
	}
}

// settle settles acks of users until there is no more, and returns what is told, as
// "who target seq: peers".
func (w *world) settle(users ...domain.UserRef) []string {
	w.Helper()
	told := []string{}
	var nums []domain.UserNum
	for _, u := range users {
		nums = append(nums, u.Num)
	}
	for len(nums) > 0 {
		all, more, err := w.store.SettleAcks(w.ctx, w.app.Num, nums)
		w.ok(err)
		for _, d := range all {
			peers := ""
			for _, peer := range d.Peers {
				u, err := w.store.User(w.ctx, w.app.Num, w.idOf(peer))
				w.ok(err)
				peers += " " + string(u.ID)
			}
			told = append(told, fmt.Sprintf("%s %s%s %d:%s", d.User, d.To.User, d.To.Group, d.Seq, peers))
		}
		nums = more
	}
	slices.Sort(told)
	return told
}

func (w *world) idOf(num domain.UserNum) domain.UserID {
	w.Helper()
	page, err := w.store.Users(w.ctx, w.app.Num, domain.Page{Limit: domain.MaxPageSize})
	w.ok(err)
	for _, u := range page.Items {
		if u.Num == num {
			return u.ID
		}
	}
	w.Fatalf("there is no user %d", num)
	return ""
}

// acked acknowledges the user's log on a device, which must take it.
func (w *world) acked(user domain.UserRef, device domain.DeviceID, seq int64) {
	w.Helper()
	_, err := w.ack(user, string(device), seq)
	w.ok(err)
}

// delivered is up to where a member has got the messages of a conversation, as viewer
// sees it.
func (w *world) delivered(viewer domain.UserRef, target domain.Target, member domain.UserRef) int64 {
	w.Helper()
	for _, m := range w.conversation(viewer, target).Members {
		if m.User == member.ID {
			if m.DeliveredSeq < m.ReadSeq {
				w.Errorf("%s has read up to %d and got up to %d", m.User, m.ReadSeq, m.DeliveredSeq)
			}
			return m.DeliveredSeq
		}
	}
	w.Fatalf("%s is no member", member.ID)
	return 0
}

func deliveredDevices(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.device(bob, "phone")
	w.device(bob, "web")
	for _, text := range []string{"1", "2", "3"} {
		w.send(alice, toUser(bob), text)
	}
	for _, step := range []struct {
		device    domain.DeviceID
		ack, want int64
		told      []string
	}{
		{"phone", 1, 1, []string{"bob alice 1: alice"}},
		{"phone", 1, 1, []string{}}, // again
		{"web", 1, 1, []string{}},
		{"web", 2, 2, []string{"bob alice 2: alice"}},
		{"phone", 0, 2, []string{}}, // stale
		{"phone", 2, 2, []string{}},
		{"phone", 3, 3, []string{"bob alice 3: alice"}},
	} {
		what := fmt.Sprint(step.device, " has ", step.ack)
		w.acked(bob, step.device, step.ack)
		w.same(what, w.delivered(alice, toUser(bob), bob), step.want)
		w.same(what+", told", w.settle(bob), step.told)
		w.same(what+", settled", w.delivered(bob, toUser(alice), bob), step.want)
	}
	_, err := w.ack(bob, "phone", 4)
	w.refused(err, domain.ErrBadAck)
	w.send(alice, toUser(bob), "4")
	w.acked(bob, "web", 4)
	for _, device := range []domain.DeviceID{"phone", "web"} { // with what it has acknowledged, and not settled
		w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, bob.Num, device, epoch))
		w.same(string(device)+" is gone", w.delivered(alice, toUser(bob), bob), int64(4))
	}
	w.same("told then", w.settle(bob), []string{"bob alice 4: alice"})
	w.refused(w.store.DeleteDevice(w.ctx, w.app.Num, bob.Num, "web", epoch), domain.ErrDeviceNotFound)
	w.device(bob, "new")
	w.acked(bob, "new", 1)
	w.same("on a new device", w.settle(bob), []string{})
	w.same("then", w.delivered(alice, toUser(bob), bob), int64(4))
	w.same("of alice", w.delivered(alice, toUser(bob), alice), int64(0))
}

func deliveredOwn(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.device(alice, "a")
	w.device(bob, "b")
	w.send(alice, toUser(bob), "1")
	w.send(bob, toUser(alice), "2")
	w.send(bob, toUser(alice), "3")
	w.send(bob, toUser(bob), "to himself")
	w.acked(bob, "b", 4)
	w.same("bob has alice's", w.delivered(alice, toUser(bob), bob), int64(1))
	w.same("told", w.settle(bob), []string{"bob alice 1: alice"})
	w.same("bob has alice's, settled", w.delivered(alice, toUser(bob), bob), int64(1))
	w.same("bob has his own", w.delivered(bob, toUser(bob), bob), int64(0))
	w.acked(alice, "a", 1)
	w.same("alice has her own", w.settle(alice), []string{})
	w.readUpTo(alice, toUser(bob), 2)
	w.same("what is read is delivered", w.delivered(bob, toUser(alice), alice), int64(2))
	w.acked(alice, "a", 2)
	w.same("what is read is no news", w.settle(alice), []string{})
	w.acked(alice, "a", 3)
	w.same("told", w.settle(alice), []string{"alice bob 3: bob"})
	w.same("further than read", w.delivered(bob, toUser(alice), alice), int64(3))
}

func deliveredGroups(w *world) {
	users := w.users("alice", "bob", "carol", "dave")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, users...)
	w.device(carol, "c")
	w.send(alice, toGroup("team"), "2")
	w.send(bob, toGroup("team"), "3")
	w.send(carol, toGroup("team"), "4")
	w.send(domain.UserRef{}, toGroup("team"), "5")
	w.acked(carol, "c", 1)
	w.same("an event", w.settle(carol), []string{})
	w.same("an event", w.delivered(alice, toGroup("team"), carol), int64(1))
	w.acked(carol, "c", 4)
	w.same("told", w.settle(carol), []string{"carol team 3: alice bob"})
	w.same("delivered", w.delivered(alice, toGroup("team"), carol), int64(3))
	w.acked(carol, "c", 5)
	w.same("of the business", w.settle(carol), []string{})
	w.same("delivered", w.delivered(alice, toGroup("team"), carol), int64(5))
	w.send(alice, toGroup("team"), "6")
	w.send(bob, toGroup("team"), "7")
	w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), "team", "bob"))
	w.acked(carol, "c", 7)
	w.same("who has left is not told", w.settle(carol), []string{"carol team 7: alice"})
}

func deliveredLarger(w *world) {
	users := w.many("u", domain.MaxTellDelivered+1)
	w.created("most", domain.GroupNormal, domain.HistoryJoined, users[1:]...)
	w.created("more", domain.GroupNormal, domain.HistoryJoined, users...)
	w.created("stage", domain.GroupLarge, domain.HistoryJoined, users...)
	a, b := users[1], users[2]
	w.device(b, "b")
	for _, id := range []domain.GroupID{"most", "more", "stage"} {
		w.send(a, toGroup(id), "hi")
	}
	head := int64(len(w.log(b.Num)))
	w.acked(b, "b", head)
	_, err := w.ackGroup(b, "b", "stage", 2)
	w.ok(err)
	w.same("told", w.settle(b), []string{"u002 most 2: u001"})
	for _, id := range []domain.GroupID{"most", "more"} {
		w.same(string(id), w.delivered(a, toGroup(id), b), int64(2))
	}
	w.same("members of a large group", len(w.conversation(a, toGroup("stage")).Members), 0)
}

func deliveredBlocked(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.device(bob, "b")
	w.send(alice, toUser(bob), "1")
	w.send(carol, toUser(bob), "1")
	w.block(alice, "bob")
	w.block(bob, "carol")
	w.acked(bob, "b", 2)
	w.same("told", w.settle(bob), []string{"bob carol 1: carol"})
	w.same("delivered", w.delivered(alice, toUser(bob), bob), int64(1))
}

func deliveredChanges(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.group("team", alice, bob)
	w.device(bob, "b")
	w.send(alice, toUser(bob), "1")
	w.send(alice, toGroup("team"), "1")
	since := w.listed(alice).Changes
	w.acked(bob, "b", 1)
	w.settle(bob)
	w.wantChanges(alice, &since, "user:bob")
	w.acked(bob, "b", 2)
	w.settle(bob)
	w.wantChanges(alice, &since, "group:team")
	w.acked(bob, "b", 2)
	w.settle(bob)
	w.wantChanges(alice, &since)
	w.send(alice, toUser(bob), "2")
	w.readUpTo(bob, toUser(alice), 2)
	w.wantChanges(alice, &since, "user:bob")
	w.acked(bob, "b", 3) // is read
	w.settle(bob)
	w.wantChanges(alice, &since)
}

func deliveredBehind(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.device(bob, "b")
	const n = 450
	var all []domain.Outgoing
	for i := range n {
		all = append(all, w.outgoing([]domain.UserRef{alice, carol}[i%3/2], toUser(bob), fmt.Sprint(i), "")) // two of alice, one of carol
	}
	for _, out := range all {
		_, err := w.store.Append(w.ctx, out)
		w.ok(err)
	}
	w.acked(bob, "b", n-1) // without the last, which is carol's
	want := []int64{2 * n / 3, n/3 - 1}
	nums, rounds := []domain.UserNum{bob.Num}, 0
	for len(nums) > 0 {
		w.same("of alice", w.delivered(alice, toUser(bob), bob), want[0])
		w.same("of carol", w.delivered(carol, toUser(bob), bob), want[1])
		var err error
		_, nums, err = w.store.SettleAcks(w.ctx, w.app.Num, nums)
		w.ok(err)
		rounds++
	}
	w.same("settled in more than one round", rounds > 1, true)
	w.same("of alice, settled", w.delivered(alice, toUser(bob), bob), want[0])
	w.same("of carol, settled", w.delivered(carol, toUser(bob), bob), want[1])
}

func deliveredMemberships(w *world) {
	users := w.users("alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	w.created("team", domain.GroupNormal, domain.HistoryJoined, alice, bob)
	w.device(bob, "b")
	w.send(alice, toGroup("team"), "2")
	w.send(carol, toUser(bob), "1")
	w.ok(w.telling().RemoveMember(w.ctx, w.caller(alice), "team", "bob"))
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "carol", epoch))
	w.acked(bob, "b", int64(len(w.log(bob.Num))))
	w.same("of a group left, and of one who is gone", w.settle(bob), []string{})
	_, err := w.telling().AddMembers(w.ctx, w.caller(alice), "team", []domain.UserID{"bob"}) // 4
	w.ok(err)
	r := w.send(alice, toGroup("team"), "5")
	w.acked(bob, "b", int64(len(w.log(bob.Num))))
	w.same("told", w.settle(bob), []string{fmt.Sprintf("bob team %d: alice", r.ConversationSeq)})
	large := domain.GroupLarge
	w.send(alice, toGroup("team"), "6")
	_, err = w.telling().Update(w.ctx, w.caller(alice), "team", domain.GroupPatch{Type: &large})
	w.ok(err)
	w.acked(bob, "b", int64(len(w.log(bob.Num))))
	w.same("of a group that became large", w.settle(bob), []string{})
}

func deliveredConcurrently(w *world) {
	users := w.users("alice", "bob")
	alice, bob := users[0], users[1]
	w.device(bob, "b")
	const n = 30
	for range n {
		w.send(alice, toUser(bob), "x")
	}
	var wg sync.WaitGroup
	for seq := range int64(n) {
		wg.Go(func() { // ends with its calls
			w.acked(bob, "b", seq+1)
			before := w.delivered(alice, toUser(bob), bob)
			w.settle(bob)
			if got := w.delivered(alice, toUser(bob), bob); got < before || before < seq+1 {
				w.Errorf("after an ack of %d the position is %d, then %d", seq+1, before, got)
			}
		})
	}
	wg.Wait()
	w.same("delivered", w.delivered(alice, toUser(bob), bob), int64(n))
	w.same("told then", w.settle(bob), []string{})
}

func deliveredNobody(w *world) {
	users := w.users("alice", "bob")
	alice := users[0]
	w.same("who has nothing", w.settle(users...), []string{})
	w.device(alice, "a")
	w.send(domain.UserRef{}, toUser(alice), "1")
	w.acked(alice, "a", 1)
	w.same("told", w.settle(alice), []string{})
	w.same("delivered", w.delivered(alice, business, alice), int64(1))
	other := w.other()
	w.same("in another app", other.settle(alice), []string{})
	told, more, err := w.store.SettleAcks(w.ctx, w.app.Num, []domain.UserNum{alice.Num + 1<<40})
	w.same("of nobody", []any{len(told), len(more), err}, []any{0, 0, error(nil)})
}

// deliveredModel does anything in any order and finds anew what everybody has got.
func deliveredModel(w *world) {
	deadline := time.Now().Add(5 * time.Second)
	rapid.Check(w.T, func(t *rapid.T) {
		if time.Now().After(deadline) && !w.Failed() {
			return
		}
		m := newWorld(w.T, w.store, w.published)
		users := m.many("u", 3)
		m.created("team", domain.GroupNormal, domain.HistoryJoined, users...)
		m.send(users[0], toUser(users[1]), "x")
		devices := make([][]domain.DeviceID, 3)
		best := make([]int64, 3)
		made := 0
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			u := rapid.IntRange(0, 2).Draw(t, "user")
			user := users[u]
			switch rapid.SampledFrom([]string{"send", "send", "ack", "ack", "settle", "device", "sign out", "read"}).Draw(t, "step") {
			case "send":
				m.send(user, []domain.Target{toGroup("team"), toUser(users[(u+1)%3])}[rapid.IntRange(0, 1).Draw(t, "target")], "x")
			case "ack":
				if len(devices[u]) > 0 {
					seq := rapid.Int64Range(0, int64(len(m.log(user.Num)))).Draw(t, "seq")
					m.acked(user, rapid.SampledFrom(devices[u]).Draw(t, "device"), seq)
					best[u] = max(best[u], seq)
				}
			case "settle":
				m.settle(users...)
			case "device":
				made++
				devices[u] = append(devices[u], m.device(user, fmt.Sprint("d", made)).ID)
			case "sign out":
				if n := len(devices[u]); n > 0 {
					m.ok(m.store.DeleteDevice(m.ctx, m.app.Num, user.Num, devices[u][n-1], epoch))
					devices[u] = devices[u][:n-1]
				}
			case "read":
				m.readUpTo(user, toGroup("team"), rapid.Int64Range(0, m.conversation(user, toGroup("team")).LastSeq).Draw(t, "read"))
			}
			for u, user := range users {
				want := make(map[domain.ConversationNum]int64)
				for _, e := range m.log(user.Num)[:best[u]] {
					if !e.IsSender {
						want[e.Message.Conversation] = e.Message.ConversationSeq
					}
				}
				for _, c := range m.listed(user).Items {
					target, err := domain.ParseConversationID("", c.ID, false)
					m.ok(err)
					m.same("delivered", m.delivered(user, target, user), max(want[c.Num], cmp.Or(c.ReadSeq, 0)))
				}
			}
			if m.Failed() {
				t.FailNow()
			}
		}
	})
}

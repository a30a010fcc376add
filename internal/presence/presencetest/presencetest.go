// Package presencetest is the conformance suite of presence: what holds for one
// node in memory holds for two nodes with Redis between them.
package presencetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/presence"
)

// patience is a guard against hanging, not an expectation.
const patience = 20 * time.Second

// Start returns two nodes of one presence with these options, or twice the same
// one. They run until the end of the test, and know who is online.
type Start func(t *testing.T, a, b presence.Options) (nodeA, nodeB presence.Presence)

// Exercise runs the suite.
func Exercise(t *testing.T, start Start) {
	for name, run := range map[string]func(*testing.T, *pair){
		"NobodyIsOnlineAtFirst":                       nobody,
		"ASessionIsSeenAsItWasEntered":                entered,
		"ASessionThatLeftIsGoneAndWhenItWasSeenIsNot": left,
		"ChangesAreToldWhenTheyCanBeSeen":             told,
		"EnteringAndLeavingTwiceChangesNothing":       twice,
		"ALateLeaveTakesAwayNothingButItself":         lateLeave,
		"SessionsOfAppsAndUsersAreApart":              apart,
		"ManyComeAndGoAtOnce":                         herd,
		"SeenIsSavedForUsersAndTheirDevices":          saved,
		"AStoreThatFailsIsAskedAgain":                 savedLater,
		"AnEndedContextKnowsNothingButDoesNotHang":    endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pair{T: t, store: &Store{}, hearA: &Ear{}, hearB: &Ear{}}
			p.a, p.b = start(t, p.options(p.hearA), p.options(p.hearB))
			run(t, p)
		})
	}
}

type pair struct {
	*testing.T
	store        *Store
	a, b         presence.Presence
	hearA, hearB *Ear
}

func (p *pair) options(ear *Ear) presence.Options { return Options(p.T, p.store, ear) }

// Session is one of a registered device; user and number tell it from others.
func Session(user domain.UserNum, id string, number int64) domain.OnlineSession {
	return domain.OnlineSession{
		App: 1, User: user, ID: id, Device: domain.DeviceID("device-" + id), Type: "ios", Transport: "websocket", Number: number,
		Since: time.UnixMilli(1_700_000_000_000 + number).UTC(),
	}
}

// Ask returns what a node knows about one user.
func Ask(t testing.TB, node presence.Presence, user domain.UserNum) domain.Online {
	t.Helper()
	found := node.Online(context.WithoutCancel(t.Context()), 1, []domain.UserNum{user})
	if len(found) != 1 {
		t.Fatalf("%d answers about one user", len(found))
	}
	slices.SortFunc(found[0].Sessions, func(a, b domain.OnlineSession) int { return a.Since.Compare(b.Since) })
	return found[0]
}

// Until waits until node knows that exactly these sessions of user are there.
func Until(t testing.TB, node presence.Presence, user domain.UserNum, want ...domain.OnlineSession) domain.Online {
	t.Helper()
	var last domain.Online
	Eventually(t, func() string {
		last = Ask(t, node, user)
		if !last.Known {
			return "it is not known who is online"
		}
		if diff := cmp.Diff(want, last.Sessions); diff != "" {
			return "sessions (-want +got):\n" + diff
		}
		return ""
	})
	return last
}

// Eventually waits until wrong returns "".
func Eventually(t testing.TB, wrong func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		problem := wrong()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not come right: %s", problem)
		}
	}
}

func nobody(t *testing.T, p *pair) {
	found := p.a.Online(t.Context(), 1, []domain.UserNum{3, 1, -5})
	if diff := cmp.Diff([]domain.Online{{Known: true}, {Known: true}, {Known: true}}, found); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	if found := p.a.Online(t.Context(), 1, nil); len(found) != 0 {
		t.Errorf("nobody was asked about, and told %v", found)
	}
}

func entered(t *testing.T, p *pair) {
	phone, passing := Session(7, "s1", 1<<53+1), Session(7, "s2", 0)
	passing.Type, passing.Transport, passing.Since = "other", "tcp", phone.Since.Add(time.Second)
	p.a.Enter(phone)
	p.b.Enter(passing)
	for _, node := range []presence.Presence{p.a, p.b} {
		if got := Until(t, node, 7, phone, passing); !got.LastSeenAt.IsZero() && got.LastSeenAt.After(passing.Since) {
			t.Errorf("last seen %v", got.LastSeenAt)
		}
	}
	both := p.b.Online(t.Context(), 1, []domain.UserNum{8, 7})
	if len(both[0].Sessions) != 0 || len(both[1].Sessions) != 2 {
		t.Errorf("answers are not in the order asked: %+v", both)
	}
}

func left(t *testing.T, p *pair) {
	one, two := Session(7, "s1", 1), Session(7, "s2", 2)
	p.a.Enter(one)
	p.a.Enter(two)
	Until(t, p.b, 7, one, two)
	seen := two.Since.Add(time.Hour)
	p.a.Leave(one, seen)
	for _, node := range []presence.Presence{p.a, p.b} {
		if got := Until(t, node, 7, two); !got.LastSeenAt.Equal(seen) {
			t.Errorf("last seen %v, want %v", got.LastSeenAt, seen)
		}
	}
	p.a.Leave(two, seen.Add(time.Second))
	for _, node := range []presence.Presence{p.a, p.b} {
		if got := Until(t, node, 7); !got.LastSeenAt.Equal(seen.Add(time.Second)) {
			t.Errorf("last seen %v, want %v", got.LastSeenAt, seen.Add(time.Second))
		}
	}
}

// told: whoever hears of a change and asks, on any node, sees it.
func told(t *testing.T, p *pair) {
	var mu sync.Mutex
	var seen []int
	p.hearA.set(func(users []presence.User) {
		mu.Lock()
		defer mu.Unlock()
		for range users {
			seen = append(seen, len(Ask(t, p.b, users[0].Num).Sessions))
		}
	})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(seen) }
	s := Session(7, "s1", 1)
	p.a.Enter(s)
	Eventually(t, func() string { return wantCount(count(), 1) })
	p.a.Leave(s, s.Since)
	Eventually(t, func() string { return wantCount(count(), 2) })
	if diff := cmp.Diff([]int{1, 0}, seen); diff != "" {
		t.Errorf("sessions at each change (-want +got):\n%s", diff)
	}
}

func wantCount(got, want int) string {
	if got != want {
		return fmt.Sprintf("%d, want %d", got, want)
	}
	return ""
}

func twice(t *testing.T, p *pair) {
	s := Session(7, "s1", 1)
	p.a.Enter(s)
	p.a.Enter(s)
	Until(t, p.b, 7, s)
	Until(t, p.a, 7, s)
	p.a.Leave(s, s.Since)
	p.a.Leave(s, s.Since.Add(time.Hour))
	Until(t, p.a, 7)
	if got := Until(t, p.b, 7); got.LastSeenAt.After(s.Since) {
		t.Errorf("seen at %v by a leave that came too late", got.LastSeenAt)
	}
	p.a.Leave(Session(7, "never", 1), s.Since.Add(time.Hour))
	if got := Until(t, p.b, 7); got.LastSeenAt.After(s.Since) {
		t.Errorf("seen at %v by a session that never was", got.LastSeenAt)
	}
}

// lateLeave: a device is on a, then on b, and only then a notices that its own
// connection is over.
func lateLeave(t *testing.T, p *pair) {
	old, young := Session(7, "s1", 1), Session(7, "s2", 2)
	young.Device = old.Device
	p.a.Enter(old)
	Until(t, p.b, 7, old)
	p.b.Enter(young)
	Until(t, p.a, 7, old, young)
	p.a.Leave(old, old.Since)
	Until(t, p.a, 7, young)
	Until(t, p.b, 7, young)
}

func apart(t *testing.T, p *pair) {
	mine, other := Session(7, "s1", 1), Session(7, "s1b", 1)
	other.App = 2
	p.a.Enter(mine)
	p.a.Enter(other)
	p.a.Enter(Session(8, "s2", 1))
	Until(t, p.b, 7, mine)
	Eventually(t, func() string {
		return wantCount(len(p.b.Online(t.Context(), 2, []domain.UserNum{7})[0].Sessions), 1)
	})
	p.a.Leave(mine, mine.Since)
	Until(t, p.b, 7)
	if got := p.b.Online(t.Context(), 2, []domain.UserNum{7, 8}); len(got[0].Sessions) != 1 || len(got[1].Sessions) != 0 {
		t.Errorf("in another app: %+v", got)
	}
}

func herd(t *testing.T, p *pair) {
	const users, flaps = 2000, 5
	var wg sync.WaitGroup
	for i := range users {
		user := domain.UserNum(i + 1)
		node := []presence.Presence{p.a, p.b}[i%2]
		wg.Go(func() {
			for n := range flaps {
				s := Session(user, fmt.Sprintf("s%d-%d", user, n), int64(n+1))
				node.Enter(s)
				if n < flaps-1 || user%3 == 0 {
					node.Leave(s, s.Since)
				}
			}
		})
	}
	wg.Wait()
	p.a.Flush(t.Context())
	p.b.Flush(t.Context())
	for i := range users {
		user := domain.UserNum(i + 1)
		var want []domain.OnlineSession
		if user%3 != 0 {
			want = append(want, Session(user, fmt.Sprintf("s%d-%d", user, flaps-1), flaps))
		}
		Until(t, p.a, user, want...)
	}
}

func endedContext(t *testing.T, p *pair) {
	s := Session(7, "s1", 1)
	p.a.Enter(s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := p.a.Online(ctx, 1, []domain.UserNum{7, 8}); len(got) != 2 || len(got[0].Sessions) != 1 {
		t.Errorf("on the node itself: %+v", got)
	}
}

package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

func TestPresence_AStoreThatFailsIsAskedAgain(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		alice.wantTold(1, "2: u1 offline")

		c.set(func() { c.err = domain.ErrUnavailable })
		alice.send(`{"id":3,"presence":{"watch":["u1","u2"]}}`)
		alice.wantFailed(3, domain.CodeUnavailable)
		c.flip(101)
		c.flip(102)
		c.tell(101)
		c.tell(102)
		time.Sleep(5 * time.Second)
		c.set(func() { c.err = nil })
		time.Sleep(time.Second)
		alice.wantTold(3, "0: u1 online d/ios/tcp") // u2 was not added
		if n.logs.String() != "" {
			t.Errorf("logged %s", n.logs)
		}
	})
}

func TestPresence_UnknownErrorsAreLoggedOncePerOutage(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		alice.wantTold(1, "2: u1 offline")
		c.set(func() { c.err = errStore })
		c.tell(101)
		time.Sleep(20 * time.Second)
		if got := strings.Count(n.logs.String(), "the disk is on fire"); got != 1 {
			t.Errorf("logged %d times: %s", got, n.logs)
		}
	})
}

// A look that began before a change must not undo what a later look has told.
func TestPresence_ALateLookChangesNothing(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		release := make(chan struct{})
		c.set(func() {
			c.onLook = func() { // the first look sees u1 offline and is slow
				c.set(func() { c.onLook = nil })
				<-release
			}
		})
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		synctest.Wait()
		c.flip(101)
		c.tell(101)
		time.Sleep(time.Second)
		bob.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		bob.wantTold(1, "2: u1 online d/ios/tcp")
		if got := alice.told(1); got != "" {
			t.Errorf("told before the answer: %s", got)
		}
		close(release)
		alice.wantTold(1, "2: u1 online d/ios/tcp")
		bob.wantTold(2, "")
	})
}

func TestPresence_AnotherUserOfTheSameIDIsWatchedInstead(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["bob"]}}`)
		alice.wantTold(1, "2: bob offline")
		c.w.mu.Lock()
		c.w.users["bob"].num = 77
		c.w.mu.Unlock()
		alice.send(`{"id":3,"presence":{"watch":["bob"]}}`)
		alice.wantTold(2, "3: bob offline")
		if subs := len(c.w.subs); subs != 2 {
			t.Errorf("%d subscriptions, want her own and the new bob's", subs)
		}
		c.flip(77)
		c.tell(77)
		alice.wantTold(3, "0: bob online d/ios/tcp")
	})
}

func TestPresence_EndsWithTheSession(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice, bob := n.signIn(t, "alice", ""), n.signIn(t, "bob", "")
		for _, s := range []*client{alice, bob} {
			s.send(`{"id":2,"presence":{"watch":["u1","u2"]}}`)
			s.wantTold(1, "2: u1 offline, u2 offline")
		}
		alice.peer.Drop()
		c.flip(101)
		c.tell(101)
		bob.wantTold(2, "0: u1 online d/ios/tcp")
		bob.peer.Drop()
		synctest.Wait()
		if len(c.w.subs) > 0 {
			t.Errorf("still subscribed: %v", c.w.subs)
		}
		_, before := c.counts()
		n.LookAgain(everybody)
		time.Sleep(time.Second)
		if _, after := c.counts(); after != before {
			t.Errorf("%d users are looked at for nobody", after-before)
		}
	})
}

func TestPresence_SessionsEnterAndLeave(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		begin := domain.Millis(time.Now())
		alice := n.signIn(t, "alice", "")
		refused := n.dial(t)
		refused.send(`{"id":1,"sign_in":{"token":"mallory"}}`)
		passing := n.dial(t)
		passing.send(`{"id":1,"sign_in":{"token":"alice"}}`)
		synctest.Wait()
		got := c.online[c.w.users["alice"].num]
		if len(got) != 2 || len(c.online) != 1 {
			t.Fatalf("online: %+v", c.online)
		}
		want := domain.OnlineSession{
			App: app, User: 1, ID: alice.frame(0).SignedIn.SessionID, Device: "alice-phone", Type: "ios", Transport: "tcp", Number: 1, Since: begin,
		}
		if got[0] != want {
			t.Errorf("entered as %+v, want %+v", got[0], want)
		}
		if got[1].Number != 0 || got[1].Type != "other" || got[1].Device != domain.DeviceID(passing.frame(0).SignedIn.DeviceID) {
			t.Errorf("without a device: %+v", got[1])
		}
		replacing := n.signIn(t, "alice", "")
		alice.wantClosed(wire.CloseReplaced)
		synctest.Wait()
		got = c.online[1]
		if len(got) != 2 || got[0].ID == want.ID || got[1].ID != replacing.frame(0).SignedIn.SessionID {
			t.Errorf("after a replacement: %+v", got)
		}
	})
}

func TestPresence_LastSeenIsTheLastSignOfLife(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		time.Sleep(20 * time.Second)
		alice.send(`{"id":2,"ping":{}}`)
		synctest.Wait()
		spoke := domain.Millis(time.Now())
		alice.wantClosed(wire.CloseHeartbeatTimeout) // 75 seconds later
		synctest.Wait()
		if got := c.seen[1]; !got.Equal(spoke) {
			t.Errorf("a dead connection was seen at %v, want %v", got, spoke)
		}
		alice = n.signIn(t, "alice", "")
		time.Sleep(40 * time.Second)
		alice.peer.Drop()
		synctest.Wait()
		if got := c.seen[1]; !got.Equal(domain.Millis(time.Now())) {
			t.Errorf("a closed connection was seen at %v, want now", got)
		}
	})
}

// Whatever comes and goes at once, in the end everyone is told how it stands.
func TestPresence_ConcurrentWatchersEndUpRight(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c := newCrowd(w)
	n := start(t, w, func(o *gateway.Options) { o.Presence = c })
	defer n.stop()
	const users, rounds = 20, 30
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		wg.Go(func() { // ends with the rounds
			for j := 0; ; j++ {
				select {
				case <-stop:
					return
				default:
				}
				num := domain.UserNum(100 + (i*7+j)%users)
				c.flip(num)
				c.tell(num)
				time.Sleep(time.Millisecond)
			}
		})
	}
	var clients sync.WaitGroup
	final := make([]*client, 4)
	for i := range final {
		clients.Go(func() {
			for r := range rounds {
				s := n.dial(t)
				s.send(`{"id":1,"sign_in":{"token":"alice"}}`)
				for k := range users {
					s.send(`{"id":%d,"presence":{"watch":["u%d","u%d"],"unwatch":["u%d"]}}`, k+2, (k+i)%users, (k*3)%users, (k+1)%users)
				}
				if r < rounds-1 {
					s.peer.Drop()
					continue
				}
				var all []string
				for k := range users {
					all = append(all, fmt.Sprintf(`"u%d"`, k))
				}
				s.send(`{"id":99,"presence":{"watch":[%s]}}`, strings.Join(all, ","))
				final[i] = s
			}
		})
	}
	clients.Wait()
	close(stop)
	wg.Wait()
	n.LookAgain(everybody)
	for _, s := range final {
		wantFinally(t, c, s, users)
	}
}

// wantFinally waits until what s was told last of each user is how it stands.
func wantFinally(t *testing.T, c *crowd, s *client, users int) {
	t.Helper()
	var wrong string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		wrong = ""
		last := make(map[string]string)
		s.mu.Lock()
		for _, f := range s.frames {
			if f.Presence != nil {
				for _, it := range f.Presence.Items {
					last[it.UserID] = it.String()
				}
			}
		}
		s.mu.Unlock()
		for k := range users {
			id := fmt.Sprintf("u%d", k)
			found, _ := c.Look(context.Background(), app, []domain.UserRef{{Num: domain.UserNum(100 + k), ID: domain.UserID(id)}})
			if want := found[0].IsOnline(); strings.Contains(last[id], "online") != want {
				wrong = fmt.Sprintf("%s was told %q last, and online is %v", id, last[id], want)
			}
		}
		if wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

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

// crowd stands in for presence: it knows users u0, u1, …, alice and bob, and whom
// tests and connections make online.
type crowd struct {
	w *world

	mu      sync.Mutex
	online  map[domain.UserNum][]domain.OnlineSession
	seen    map[domain.UserNum]time.Time
	unknown bool
	err     error
	looks   int
	looked  int // users
	onLook  func()
}

const crowdSize = 600

func everybody(domain.AppNum, domain.UserNum) bool { return true }

func newCrowd(w *world) *crowd {
	return &crowd{w: w, online: make(map[domain.UserNum][]domain.OnlineSession), seen: make(map[domain.UserNum]time.Time)}
}

func (c *crowd) Enter(s domain.OnlineSession) {
	c.mu.Lock()
	c.online[s.User] = append(c.online[s.User], s)
	c.mu.Unlock()
	c.tell(s.User)
}

func (c *crowd) Leave(s domain.OnlineSession, seen time.Time) {
	c.mu.Lock()
	var rest []domain.OnlineSession
	for _, o := range c.online[s.User] {
		if o != s {
			rest = append(rest, o)
		}
	}
	c.online[s.User], c.seen[s.User] = rest, seen
	c.mu.Unlock()
	c.tell(s.User)
}

func (c *crowd) tell(user domain.UserNum) {
	c.w.PublishEvents([]*wire.Event{{Kind: wire.EventPresence, Topic: wire.Topic{App: app, User: user, Kind: wire.TopicPresence}}})
}

// flip lets a user come or go on another node, without an event.
func (c *crowd) flip(user domain.UserNum) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.online[user]) > 0 {
		c.online[user], c.seen[user] = nil, time.UnixMilli(5000).UTC()
	} else {
		c.online[user] = []domain.OnlineSession{{ID: "elsewhere", User: user, Device: "d", Transport: "tcp"}}
	}
}

func (c *crowd) num(id domain.UserID) domain.UserNum {
	var n domain.UserNum
	if u := c.w.users[id]; u != nil {
		return u.num
	}
	if _, err := fmt.Sscanf(string(id), "u%d", &n); err != nil || n >= crowdSize {
		return -7 // does not exist
	}
	return 100 + n
}

func (c *crowd) Resolve(_ context.Context, by domain.Principal, ids []domain.UserID, pointer string) ([]domain.UserRef, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return nil, err
	}
	refs := make([]domain.UserRef, len(ids))
	for i, id := range ids {
		if err := domain.ValidateID(fmt.Sprintf("%s/%d", pointer, i), string(id)); err != nil {
			return nil, err
		}
		refs[i] = domain.UserRef{Num: c.num(id), ID: id}
	}
	return refs, nil
}

func (c *crowd) Look(ctx context.Context, _ domain.AppNum, users []domain.UserRef) ([]domain.UserPresence, error) {
	found, onLook, err := c.look(users)
	if onLook != nil {
		onLook()
	}
	if err == nil {
		err = ctx.Err()
	}
	return found, err
}

func (c *crowd) look(users []domain.UserRef) ([]domain.UserPresence, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	c.looked += len(users)
	found := make([]domain.UserPresence, len(users))
	for i, u := range users {
		found[i] = domain.UserPresence{User: u, Known: !c.unknown, LastSeenAt: c.seen[u.Num]}
		for _, s := range c.online[u.Num] {
			found[i].Devices = append(found[i].Devices, domain.OnlineDevice{ID: s.Device, Type: "ios", Transport: s.Transport})
		}
		if c.unknown {
			found[i].Devices = nil
		}
	}
	return found, c.onLook, c.err
}

func (c *crowd) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// counts returns how many looks there were, and at how many users.
func (c *crowd) counts() (looks, users int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks, c.looked
}

// presenceItem is an entry of a presence frame.
type presenceItem struct {
	UserID  string `json:"user_id"`
	Online  *bool  `json:"online"`
	Devices []struct {
		DeviceID  string `json:"device_id"`
		Type      string `json:"type"`
		Transport string `json:"transport"`
	}
	LastSeenAt *time.Time `json:"last_seen_at"`
}

func (p presenceItem) String() string {
	state := "unknown"
	if p.Online != nil {
		state = map[bool]string{true: "online", false: "offline"}[*p.Online]
	}
	for _, d := range p.Devices {
		state += fmt.Sprintf(" %s/%s/%s", d.DeviceID, d.Type, d.Transport)
	}
	if p.LastSeenAt != nil && len(p.Devices) == 0 {
		state += " " + p.LastSeenAt.Format("15:04:05")
	}
	return p.UserID + " " + state
}

// told lists all presence frames from the i-th frame on: the id, and each item.
func (c *client) told(from int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, f := range c.frames[from:] {
		if f.Presence == nil {
			continue
		}
		var items []string
		for _, it := range f.Presence.Items {
			items = append(items, it.String())
		}
		all = append(all, fmt.Sprintf("%d: %s", f.ID, strings.Join(items, ", ")))
	}
	return strings.Join(all, "\n")
}

// wantTold waits until what has changed is told.
func (c *client) wantTold(from int, want string) {
	c.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	if got := c.told(from); got != want {
		c.t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

// runCrowd is a test in a bubble with one node that knows presence.
func runCrowd(t *testing.T, test func(t *testing.T, c *crowd, n *node)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		c := newCrowd(w)
		n := start(t, w, func(o *gateway.Options) { o.Presence = c })
		defer func() {
			n.stop()
			if len(w.subs) > 0 {
				t.Errorf("still subscribed: %v", w.subs)
			}
		}()
		test(t, c, n)
	})
}

func TestPresence_AnswersWithTheStateAndPushesChanges(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["bob","nobody","u1"]}}`)
		alice.wantTold(1, "2: bob offline, nobody offline, u1 offline")

		bob := n.signIn(t, "bob", "")
		alice.wantTold(2, "0: bob online bob-phone/ios/tcp")

		now := time.Now().UTC().Format("15:04:05")
		bob.peer.Drop()
		alice.wantTold(3, "0: bob offline "+now)

		c.flip(101)
		c.tell(101)
		alice.wantTold(4, "0: u1 online d/ios/tcp")
		c.tell(101)
		alice.wantTold(5, "") // nothing is new
		if alice.frame(1).ID != 2 || len(alice.frame(1).Presence.Items[0].Devices) != 0 {
			t.Errorf("the answer is %s", alice)
		}
	})
}

func TestPresence_WhoComesBackAtOnceNeverLeft(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		c.flip(101)
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		alice.wantTold(1, "2: u1 online d/ios/tcp")
		c.flip(101)
		c.tell(101)
		time.Sleep(10 * time.Millisecond)
		c.flip(101)
		c.tell(101)
		alice.wantTold(2, "")
	})
}

func TestPresence_UnwatchedUsersAreNotTold(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1","u2"]}}`)
		alice.send(`{"id":3,"presence":{"unwatch":["u1","u9"]}}`)
		alice.wantTold(2, "3: ")
		if n := len(c.w.subs); n != 2 { // u2 and alice herself
			t.Errorf("%d subscriptions, want 2", n)
		}
		c.flip(101)
		c.tell(101)
		alice.wantTold(3, "")
		c.flip(102)
		c.tell(102)
		alice.wantTold(3, "0: u2 online d/ios/tcp")
		alice.send(`{"id":4,"presence":{"watch":["u1"],"unwatch":["u1","u2"]}}`) // ends before it begins
		alice.wantTold(4, "4: u1 online d/ios/tcp")
	})
}

func TestPresence_SessionsShareOneSubscriptionAndOneLook(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		var all []*client
		for range 5 {
			s := n.dial(t)
			s.send(`{"id":1,"sign_in":{"token":"alice"}}`)
			s.send(`{"id":2,"presence":{"watch":["u1"]}}`)
			s.wantTold(1, "2: u1 offline")
			all = append(all, s)
		}
		topic := wire.Topic{App: app, User: 101, Kind: wire.TopicPresence}
		c.w.mu.Lock()
		subs := c.w.subs[topic]
		c.w.mu.Unlock()
		if looks, _ := c.counts(); subs != 1 || looks != 1 {
			t.Errorf("%d subscriptions and %d looks, want 1 of each", subs, looks)
		}
		c.flip(101)
		c.tell(101)
		for _, s := range all {
			s.wantTold(2, "0: u1 online d/ios/tcp")
		}
		if looks, _ := c.counts(); looks != 2 {
			t.Errorf("%d looks, want one more", looks)
		}
	})
}

func TestPresence_ManyChangesAreOneFrame(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1","u2","u3"]}}`)
		alice.wantTold(1, "2: u1 offline, u2 offline, u3 offline")
		for num := domain.UserNum(101); num <= 103; num++ {
			c.flip(num)
			c.tell(num)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if f := alice.frame(2); f.Presence == nil || len(f.Presence.Items) != 3 {
			t.Errorf("told %s, want all three in one frame", alice.told(2))
		}
	})
}

func TestPresence_RefusesWhatIsWrong(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		ids := func(from, to int) string {
			var all []string
			for i := from; i < to; i++ {
				all = append(all, fmt.Sprintf(`"u%d"`, i))
			}
			return strings.Join(all, ",")
		}
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["a b"]}}`)
		alice.wantFailed(2, domain.CodeBadRequest)
		alice.send(`{"id":3,"presence":{"watch":["u1"],"unwatch":["u2",""]}}`)
		alice.wantFailed(3, domain.CodeBadRequest)
		alice.send(`{"id":4,"presence":{"watch":[%s]}}`, ids(0, 501))
		alice.wantFailed(4, domain.CodeBadRequest)
		if subs := len(c.w.subs); subs != 1 {
			t.Errorf("%d subscriptions, want her own only", subs)
		}
		alice.send(`{"id":5,"presence":{"watch":[%s]}}`, ids(0, 500))
		alice.send(`{"id":6,"presence":{"watch":["u500"]}}`)
		alice.wantFailed(6, domain.CodeBadRequest)
		if got := alice.frame(-1).Error.Message; !strings.Contains(got, "/presence/watch makes this connection watch 501 users; at most 500") {
			t.Errorf("refused with %q", got)
		}
		alice.send(`{"id":7,"presence":{"watch":["u500","u7"],"unwatch":["u0"]}}`)
		alice.wantTold(6, "7: u500 offline, u7 offline")
		alice.send(`{"id":8,"presence":{}}`)
		alice.wantTold(7, "8: ")
	})
}

func TestPresence_IsUnsupportedWhereThereIsNone(t *testing.T) {
	run(t, func(t *testing.T, _ *world, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["bob"]}}`)
		alice.wantFailed(2, domain.CodeUnsupported)
		alice.wantOpen()
	})
}

func TestPresence_UnknownIsTold(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		alice.wantTold(1, "2: u1 offline")
		c.set(func() { c.unknown = true })
		n.LookAgain(func(_ domain.AppNum, user domain.UserNum) bool { return user != 101 })
		alice.wantTold(2, "")
		n.LookAgain(everybody)
		alice.wantTold(2, "0: u1 unknown")
		c.set(func() { c.unknown = false })
		time.Sleep(15 * time.Second) // nobody tells that it is known again
		alice.wantTold(3, "0: u1 offline")
	})
}

func TestPresence_WhatTheBusMayHaveLostIsLookedUp(t *testing.T) {
	runCrowd(t, func(t *testing.T, c *crowd, n *node) {
		alice := n.signIn(t, "alice", "")
		alice.send(`{"id":2,"presence":{"watch":["u1"]}}`)
		alice.wantTold(1, "2: u1 offline")
		c.flip(101)
		c.w.hub.Handle(&wire.Event{Kind: wire.EventGap})
		alice.wantTold(2, "0: u1 online d/ios/tcp")

		c.w.mu.Lock()
		c.w.down = true
		c.w.mu.Unlock()
		c.flip(101)
		c.tell(101)
		time.Sleep(15 * time.Second)
		alice.wantTold(3, "0: u1 offline 00:00:05")
	})
}

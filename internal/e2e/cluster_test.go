package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// cluster is two nodes on one database and one Redis, with an app of alice, bob
// and carol, who are the group "team".
type cluster struct {
	t    *testing.T
	a, b *gimtest.Process
	app  gimtest.App
	rec  *history.Recorder

	stop    atomic.Bool
	sending errgroup.Group
	senders []*sender
}

var (
	clusterUsers = []string{"alice", "bob", "carol"}
	clusterPair  = history.Single("alice", "bob")
	clusterTeam  = history.Group("team")
)

func newCluster(t *testing.T, dsn, redisURL string, args ...string) *cluster {
	t.Helper()
	return newClusterOn(t, [2]string{dsn, dsn}, redisURL, args...)
}

// newClusterOn is newCluster with a DSN for each node.
func newClusterOn(t *testing.T, dsns [2]string, redisURL string, args ...string) *cluster {
	t.Helper()
	start := func(dsn string) *gimtest.Process {
		return gimtest.StartProcess(t, gimtest.ProcessOptions{
			Args: append([]string{"--rate-limit-sends", "0", "--rest-addr", fixedAddress(t)}, args...),
			Env: []string{
				"GIM_MYSQL_DSN=" + dsn, "GIM_REDIS_URL=" + redisURL,
				"GIM_SECRET_KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			},
		})
	}
	c := &cluster{t: t, a: start(dsns[0]), b: start(dsns[1]), rec: history.New()}
	c.app = c.a.NewApp(t, "cluster")
	c.app.NewUsers(t, clusterUsers...)
	newTeam(t, c.app, clusterUsers...)
	c.rec.Converse(clusterPair, "alice", "bob")
	c.rec.Converse(clusterTeam, clusterUsers...)
	return c
}

// addresses are all that a device can connect to.
func (c *cluster) addresses() []string { return []string{c.a.URL, c.b.TCPURL, c.b.URL, c.a.TCPURL} }

// phone is a device of user that connects to one node.
func (c *cluster) phone(user string, node *gimtest.Process) *phone {
	c.t.Helper()
	address := node.URL
	p := newPhone(c.t, c.rec, c.app, user, func() string { return address })
	p.online(1)
	return p
}

// rest is a sender through one node.
func (c *cluster) rest(user string, node *gimtest.Process) *sender {
	c.t.Helper()
	return byREST(c.t, c.rec, c.app, user, len(c.senders), node.URL)
}

// keepSending sends from s, with pauses, until finish.
func (c *cluster) keepSending(s *sender, to ...history.Conversation) {
	c.senders = append(c.senders, s)
	ctx := c.t.Context()
	c.sending.Go(func() error { // ends with finish
		for i := 0; !c.stop.Load(); i++ {
			if err := s.send(ctx, to[i%len(to)]); err != nil {
				return err
			}
			pause(ctx) // what matters is the time, not the number
		}
		return nil
	})
}

// keepSendingAll sends by REST through both nodes and over the connections of
// alice and bob.
func (c *cluster) keepSendingAll(alice, bob *phone) {
	c.keepSending(c.rest("alice", c.a), clusterPair, clusterTeam)
	c.keepSending(c.rest("bob", c.b), clusterTeam, clusterPair)
	c.keepSending(c.rest("carol", c.a), clusterTeam)
	c.keepSending(byPhone(alice, len(c.senders)), clusterTeam, clusterPair)
	c.keepSending(byPhone(bob, len(c.senders)), clusterPair)
}

// finish ends what keepSending began.
func (c *cluster) finish() {
	c.t.Helper()
	c.stop.Store(true)
	if err := c.sending.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

// progress waits until the phones have what there is now, and then some of what
// was sent after that.
func (c *cluster) progress(phones ...*phone) {
	c.t.Helper()
	for _, p := range phones {
		p.has(c.head(p.user))
	}
	for _, p := range phones {
		p.has(c.head(p.user) + 5)
	}
}

// head is the last entry of a user's log.
func (c *cluster) head(user string) int64 {
	c.t.Helper()
	one := 1
	got, err := c.app.For(c.t, user).SyncWithResponse(c.t.Context(), &client.SyncParams{Limit: &one})
	if err != nil || got.JSON200 == nil {
		c.t.Fatalf("sync %s: %v, %+v", user, err, got)
	}
	return got.JSON200.HeadSeq
}

// noneFailed reports sends that had to be repeated.
func (c *cluster) noneFailed() {
	c.t.Helper()
	for _, s := range c.senders {
		if n := s.repeats.Load(); n > 0 {
			c.t.Errorf("%d sends of %s failed, the last with: %v", n, s.user, s.why.Load())
		}
	}
}

func (c *cluster) judge(phones ...*phone) {
	c.t.Helper()
	judge(c.t, c.rec, c.app, clusterUsers, phones...)
}

// What is sent through one node is pushed by the other, in both directions.
func TestCluster_DeliversAcrossNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, testserver.MariaDB(t), testserver.NewRedis(t).URL())
	alice, bob, carol := c.phone("alice", c.a), c.phone("bob", c.b), c.phone("carol", c.b)
	c.keepSendingAll(alice, bob)
	c.progress(alice, bob, carol)
	c.finish()
	c.noneFailed()
	c.judge(alice, bob, carol)
	c.pushesAcross()
}

func TestCluster_DeliversAcrossNodesOverARedisCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, testserver.MariaDB(t), testserver.NewRedisCluster(t, 3).URL())
	alice, bob, carol := c.phone("alice", c.a), c.phone("bob", c.b), c.phone("carol", c.b)
	c.keepSendingAll(alice, bob)
	c.progress(alice, bob, carol)
	c.finish()
	c.noneFailed()
	c.judge(alice, bob, carol)
	c.pushesAcross()
}

// pushesAcross sends what is not stored, which no look into the database could
// find, so that it is the push alone that carries it.
func (c *cluster) pushesAcross() {
	c.t.Helper()
	c.busIsUp(c.a, c.b) // what is not stored does not arrive later
	alice, bob := talkTo(c.t, c.a.URL, c.app, "alice"), talkTo(c.t, c.b.URL, c.app, "bob")
	c.volatile(c.a, "alice", "bob", alice, bob)
	c.volatile(c.b, "bob", "alice", alice, bob)
}

// busIsUp waits until nodes hear what others publish.
func (c *cluster) busIsUp(nodes ...*gimtest.Process) {
	c.t.Helper()
	for _, node := range nodes {
		for deadline := time.Now().Add(patience); ; pause(c.t.Context()) {
			got, err := http.Get(node.AdminURL + "/readyz") //nolint:noctx // a test's own server
			if err != nil {
				c.t.Fatal(err)
			}
			all, err := io.ReadAll(got.Body)
			_ = got.Body.Close() // it was read
			if err != nil {
				c.t.Fatal(err)
			}
			if bytes.Contains(all, []byte(`"bus":{"kind":"redis","status":"up"}`)) {
				break
			}
			if time.Now().After(deadline) {
				c.t.Fatalf("the bus of %s is not up: %s", node.URL, all)
			}
		}
	}
}

// volatile sends, through node, a message that is not stored, and waits until
// both have it.
func (c *cluster) volatile(node *gimtest.Process, from, to string, receivers ...*talk) {
	c.t.Helper()
	no, text := false, "from "+from
	body := client.SendMessageRequest{
		To: client.Target{UserId: &to}, Type: "text", Content: []byte(`{"text":"` + text + `"}`), Persist: &no,
	}
	got, err := gimtest.Caller{URL: node.URL}.Client(c.t, c.app.Key, from).SendMessageWithResponse(context.Background(), nil, body)
	if err != nil || got.JSON202 == nil {
		c.t.Fatalf("send what is not stored: %v, %+v", err, got)
	}
	for _, k := range receivers {
		m := k.message()
		if m.GetSeq() != 0 || m.GetMessageId() != got.JSON202.MessageId || m.GetSender().GetUserId() != from {
			c.t.Errorf("got %v, want what %s sent to %s, as %s", m, from, to, got.JSON202.MessageId)
		}
	}
}

// A device has one connection in the whole cluster.
func TestCluster_TheNewestConnectionOfADeviceWins(t *testing.T) {
	t.Parallel()
	c := newCluster(t, testserver.MariaDB(t), testserver.NewRedis(t).URL())
	token, _ := c.app.Token(t, "bob")
	onA := c.app
	onB := onA
	onB.Caller.URL = c.b.URL
	older := newTalk(t, onA, wire.Proto, token)
	newer := newTalk(t, onB, wire.JSON, token)
	older.wantClosed(4504)
	c.volatile(c.a, "alice", "bob", newer)
}

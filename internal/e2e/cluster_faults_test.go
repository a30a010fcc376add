package e2e

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/testserver"
)

// Redis carries hints and nothing else: whatever becomes of it, sends go on, and
// what was sent arrives, if later.
func TestCluster_ToleratesTheLossOfRedis(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	c := newCluster(t, testserver.MariaDB(t), server.URL())
	alice, bob, carol := c.phone("alice", c.a), c.phone("bob", c.b), c.phone("carol", c.b)
	all := []*phone{alice, bob, carol}
	c.keepSendingAll(alice, bob)
	c.progress(all...)

	server.Kill()
	c.progress(all...)
	server.Restart()
	c.progress(all...)
	server.Pause()
	c.progress(all...)
	server.Resume()
	c.progress(all...)
	server.FlushAll()
	c.progress(all...)

	c.finish()
	c.noneFailed()
	c.judge(all...)
	for _, p := range all {
		if p.conns != 1 { // the connection is to gim, which was there all the time
			t.Errorf("%s had %d connections, want 1", p.user, p.conns)
		}
	}
}

// A node that dies takes nothing along: its devices go to the other one and go
// on where they were.
func TestCluster_ToleratesTheLossOfANode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, testserver.MariaDB(t), testserver.NewRedis(t).URL())
	var address atomic.Value
	address.Store(c.a.URL)
	at := func() string { return address.Load().(string) }
	alice, bob := newPhone(t, c.rec, c.app, "alice", at), newPhone(t, c.rec, c.app, "bob", at)
	carol := c.phone("carol", c.b)
	alice.online(1)
	bob.online(1)
	c.app.Caller.URL = c.b.URL // the test itself asks the node that stays
	c.keepSending(c.rest("alice", c.b), clusterPair, clusterTeam)
	c.keepSending(c.rest("carol", c.b), clusterTeam)
	c.keepSending(byPhone(alice, 2), clusterPair, clusterTeam)
	c.keepSending(byPhone(bob, 3), clusterTeam, clusterPair)
	c.progress(alice, bob, carol)

	c.a.Kill()
	address.Store(c.b.URL)
	alice.online(2)
	bob.online(2)
	c.progress(alice, bob, carol)
	c.finish()
	c.judge(alice, bob, carol)
}

// Without the database nothing can be accepted, and gim says so in a way that a
// client can act on. What was sent then is settled by sending it again, once.
func TestCluster_ToleratesTheLossOfTheDatabase(t *testing.T) {
	t.Parallel()
	server := testserver.NewMariaDB(t)
	c := newCluster(t, server.DSN(), testserver.NewRedis(t).URL())
	alice, bob, carol := c.phone("alice", c.a), c.phone("bob", c.b), c.phone("carol", c.b)
	c.keepSendingAll(alice, bob)
	c.progress(alice, bob, carol)

	for range 3 {
		server.Kill()
		to, id := "bob", "while it is away "
		body := client.SendMessageRequest{
			To: client.Target{UserId: &to}, Type: "text", Content: []byte(`{"text":"x"}`), ClientMsgId: &id,
		}
		got, err := c.app.For(t, "carol").SendMessageWithResponse(t.Context(), nil, body)
		problem := got.ApplicationproblemJSONDefault
		switch {
		case err != nil || problem == nil:
			t.Errorf("a send without a database: %v, %+v", err, got)
		case problem.Status != 503 || problem.Code != "unavailable" || !problem.Retryable || got.HTTPResponse.Header.Get("Retry-After") == "":
			t.Errorf("a send without a database: %+v, Retry-After %q", problem, got.HTTPResponse.Header.Get("Retry-After"))
		}
		c.allFail()
		server.Restart()
		c.progress(alice, bob, carol)
	}
	c.finish()
	c.judge(alice, bob, carol)
	for _, s := range c.senders {
		if why, _ := s.why.Load().(string); !strings.Contains(why, "unavailable") {
			t.Errorf("a send of %s failed with %q, want unavailable", s.user, why)
		}
	}
}

// allFail waits until every sender has failed once more.
func (c *cluster) allFail() {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for _, s := range c.senders {
		for before := s.repeats.Load(); s.repeats.Load() == before; {
			if time.Now().After(deadline) {
				c.t.Fatalf("%s goes on sending without a database", s.user)
			}
			pause(c.t.Context())
		}
	}
}

// The channels of the bus are as open as Redis is. What is not from gim, or not
// whole, or old, changes nothing.
func TestCluster_IgnoresGarbageOnTheBus(t *testing.T) {
	t.Parallel()
	server := testserver.NewRedis(t)
	c := newCluster(t, testserver.MariaDB(t), server.URL())
	alice, bob, carol := c.phone("alice", c.a), c.phone("bob", c.b), c.phone("carol", c.b)
	all := []*phone{alice, bob, carol}

	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	stranger := redis.NewClient(options)
	t.Cleanup(func() { _ = stranger.Close() })
	ctx := t.Context()
	tap := stranger.PSubscribe(ctx, "*")
	t.Cleanup(func() { _ = tap.Close() })
	if _, err := tap.Receive(ctx); err != nil { // it is subscribed
		t.Fatal(err)
	}
	overheard := tap.Channel()
	c.keepSendingAll(alice, bob)
	topics, heard := make(map[string]bool), 0
	for heard < 300 || len(topics) < 3 { // what is made here is heard as well
		m := <-overheard
		topics[m.Channel] = true
		for _, payload := range spoil([]byte(m.Payload)) {
			if err := stranger.Publish(ctx, m.Channel, payload).Err(); err != nil {
				t.Fatal(err)
			}
		}
		heard++
	}
	c.progress(all...)
	c.finish()
	c.noneFailed()
	c.judge(all...)
	for _, p := range all {
		if p.conns != 1 {
			t.Errorf("%s had %d connections, want 1", p.user, p.conns)
		}
	}
}

// spoil makes garbage of a payload that was published: the tap hears the garbage
// too, and spoils it further.
func spoil(payload []byte) [][]byte {
	if len(payload) > 4<<10 || rand.IntN(3) > 0 {
		return nil // it must not multiply for ever
	}
	noise := make([]byte, rand.IntN(200))
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	other := bytes.Clone(payload) // of a node that does not exist
	for i := 1; i < min(9, len(other)); i++ {
		other[i] ^= 0x55
	}
	return [][]byte{noise, payload, payload[:rand.IntN(len(payload)+1)], other, []byte("hello"), {}}
}

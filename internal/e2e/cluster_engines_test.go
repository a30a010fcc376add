package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
)

// Both nodes of gim write to the same conversations through different nodes of
// Galera, where a lock of one means nothing to the other: who loses is told so at
// COMMIT, and its batch runs again. Then one of each kind is lost in turn.
func TestCluster_OnGaleraAndARedisClusterToleratesTheLossOfOneOfEach(t *testing.T) {
	t.Parallel()
	redis := testserver.NewReplicatedRedisCluster(t, 3)
	galera := testserver.NewGalera(t, 3)
	c := newClusterOn(t, [2]string{galera.DSN(0), galera.DSN(1)}, redis.URL())
	phones := c.phonesOfAllKinds()
	c.keepSendingAll(phones[0], phones[1])
	c.progress(phones...)
	c.conflicts()
	c.noneFailed()

	galera.Node(0).Kill()
	c.answers(c.a, c.b)
	c.progress(phones...)
	galera.Node(0).Restart()
	c.progress(phones...)

	redis.Node(1).Kill()
	c.progress(phones...)
	redis.WaitPrimary(t, 4)
	c.progress(phones...)

	c.loseNode(phones...)
	c.finish()
	c.judge(phones...)
	c.pushesAcross()
}

func TestCluster_UnderSentinelToleratesTheLossOfThePrimary(t *testing.T) {
	t.Parallel()
	redis := testserver.NewRedisSentinel(t)
	c := newCluster(t, testserver.MariaDB(t), redis.URL())
	phones := c.phonesOfAllKinds()
	c.keepSendingAll(phones[0], phones[1])
	c.progress(phones...)

	primary := redis.Primary()
	primary.Kill()
	c.progress(phones...)
	redis.WaitOther(primary)
	c.progress(phones...)
	c.noneFailed()

	c.loseNode(phones...)
	c.finish()
	c.judge(phones...)
	c.pushesAcross()
}

// phonesOfAllKinds are of alice on the first node, of bob on the second over TCP and
// of carol there over a WebSocket.
func (c *cluster) phonesOfAllKinds() []*phone {
	c.t.Helper()
	overTCP := func() string { return c.b.TCPURL }
	alice, bob, carol := c.phone("alice", c.a), newPhone(c.t, c.rec, c.app, "bob", overTCP), c.phone("carol", c.b)
	bob.online(1)
	return []*phone{alice, bob, carol}
}

// loseNode kills the first node of gim, whose only phone is the first one, and starts
// it again.
func (c *cluster) loseNode(phones ...*phone) {
	c.t.Helper()
	c.app.Caller.URL = c.b.URL // the test itself asks the node that stays
	c.a.Kill()
	c.progress(phones[1:]...)
	c.a.Start()
	c.progress(phones...)
}

// answers waits until both nodes have found a database that works.
func (c *cluster) answers(nodes ...*gimtest.Process) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for _, node := range nodes {
		for in := 0; in < 3; pause(c.t.Context()) {
			got, err := gimtest.Caller{URL: node.URL}.Client(c.t, c.app.Key, "alice").SyncWithResponse(c.t.Context(), nil)
			if in++; err != nil || got.JSON200 == nil {
				in = 0
			}
			if time.Now().After(deadline) {
				c.t.Fatalf("%s does not answer again: %v, %+v", node.URL, err, got)
			}
		}
	}
}

// conflicts waits until a batch has run again.
func (c *cluster) conflicts() {
	c.t.Helper()
	const again = "gim_commit_retries_total"
	for deadline := time.Now().Add(patience); ; pause(c.t.Context()) {
		for _, node := range []*gimtest.Process{c.a, c.b} {
			if !strings.Contains(scrape(c.t, node.AdminURL), "\n"+again+" 0\n") {
				return
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatal("two nodes that write to the same conversations never met")
		}
	}
}

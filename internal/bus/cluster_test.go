package bus_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// spread are topics of every server of the cluster.
func spread() (topics []wire.Topic) {
	for user := range domain.UserNum(100) {
		topics = append(topics, wire.Topic{App: 1, User: user + 1})
	}
	return topics
}

func (n node) sendAll(t *testing.T, topics []wire.Topic, seq int64) {
	t.Helper()
	for _, to := range topics {
		n.send(t, to, seq)
	}
}

// reached lists the topics of which an event with seq has come.
func (n node) reached(topics []wire.Topic, seq int64) (reached []wire.Topic) {
	for _, t := range topics {
		for _, e := range n.heard.Of(t) {
			if e.Seq == seq {
				reached = append(reached, t)
				break
			}
		}
	}
	return reached
}

func TestRedis_ClusterWithADeadServerServesTheOthers(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	for _, address := range cluster.Addrs() { // subscriptions go on where slots are missing
		admin(t, address, "CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	a, b := newNode(t, cluster.URL()), newNode(t, cluster.URL())
	healthy(t, a, b)
	topics := spread()
	for _, topic := range topics {
		b.subscribe(t, topic)
	}
	a.sendAll(t, topics, 1)
	eventually(t, "all topics work", func() bool { return len(b.reached(topics, 1)) == len(topics) })

	before := b.heard.Gaps(topics[0])
	cluster.Node(1).Kill()
	eventually(t, "the loss is noticed", func() bool { return !a.Healthy() && !b.Healthy() })
	a.sendAll(t, topics, 2)
	eventually(t, "topics of the other servers work", func() bool { return len(b.reached(topics, 2)) > len(topics)/2 })

	cluster.Node(1).Restart()
	b.waitGap(t, topics[0], before)
	for _, topic := range topics {
		flows(t, a, b, topic)
	}
}

func TestRedis_MigratedSlotIsAGap(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	a, b := newNode(t, cluster.URL()), newNode(t, cluster.URL())
	healthy(t, a, b)
	topics := spread()
	for _, topic := range topics {
		b.subscribe(t, topic)
	}
	before := b.heard.Gaps(topics[0])
	slot := fmt.Sprint(admin(t, cluster.Addrs()[0], "CLUSTER", "KEYSLOT", "{p0}"))
	owner, next := -1, -1
	for i, address := range cluster.Addrs() {
		if strings.HasPrefix(fmt.Sprint(admin(t, address, "GET", "{p0}")), "MOVED") {
			next = i
		} else {
			owner = i
		}
	}
	id := fmt.Sprint(admin(t, cluster.Addrs()[next], "CLUSTER", "MYID"))
	admin(t, cluster.Addrs()[next], "CLUSTER", "SETSLOT", slot, "NODE", id)
	admin(t, cluster.Addrs()[owner], "CLUSTER", "SETSLOT", slot, "NODE", id)

	b.waitGap(t, topics[0], before)
	for _, topic := range topics {
		flows(t, a, b, topic)
	}
}

func TestRedis_AsksAServerWhetherItIsOfACluster(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewRedisCluster(t, 3)
	a, b := newNode(t, cluster.Node(0).URL()), newNode(t, cluster.Node(1).URL())
	healthy(t, a, b)
	topics := spread()
	for _, topic := range topics {
		b.subscribe(t, topic)
	}
	a.sendAll(t, topics, 1)
	eventually(t, "all topics work", func() bool { return len(b.reached(topics, 1)) == len(topics) })
	sharded := fmt.Sprint(admin(t, cluster.Node(0).Addr(), "PUBSUB", "SHARDCHANNELS"))
	if !strings.Contains(sharded, "gim:{p") {
		t.Errorf("sharded channels on the first server: %s", sharded)
	}
}

// admin runs a command on one server; an error of the server is its result.
func admin(t *testing.T, address string, command ...any) any {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address, Protocol: 2, MaxRetries: -1})
	defer client.Close()
	result, err := client.Do(t.Context(), command...).Result()
	if err != nil {
		return err
	}
	return result
}

package testserver

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// clusterSlots is the number of hash slots, fixed by the protocol.
const clusterSlots = 16_384

var clusterFlags = []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"}

// RedisCluster is a Redis Cluster of one test, with the hash slots divided evenly
// over its primaries.
type RedisCluster struct {
	nodes []*RedisServer // first those that began as primaries
}

// NewRedisCluster starts a cluster of primaries without replicas and returns when
// every node knows all the others and serves. Redis wants at least three.
func NewRedisCluster(tb testing.TB, nodes int) *RedisCluster {
	tb.Helper()
	if nodes < 3 {
		tb.Fatalf("a cluster of %d nodes: Redis cannot agree on failures with fewer than 3", nodes)
	}
	c := &RedisCluster{nodes: make([]*RedisServer, nodes)}
	for i := range c.nodes {
		c.nodes[i] = NewRedis(tb, clusterFlags...)
	}
	for i, node := range c.nodes {
		from, to := i*clusterSlots/nodes, (i+1)*clusterSlots/nodes-1
		node.do(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", from, to))
		// Nodes that start with the same epoch have to settle it first.
		node.do(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
	}
	for _, node := range c.nodes[1:] {
		c.nodes[0].do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d", node.port))
	}
	if err := c.WaitHealthy(30 * time.Second); err != nil {
		tb.Fatal(err)
	}
	return c
}

// NewReplicatedRedisCluster starts a cluster of primaries with a replica each, which
// takes its place. The replica of node i is node i + primaries.
func NewReplicatedRedisCluster(tb testing.TB, primaries int) *RedisCluster {
	tb.Helper()
	c := NewRedisCluster(tb, primaries)
	for range primaries {
		replica := NewRedis(tb, clusterFlags...)
		replica.do(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d", c.nodes[0].port))
		c.nodes = append(c.nodes, replica)
	}
	if err := c.WaitHealthy(30 * time.Second); err != nil {
		tb.Fatal(err)
	}
	for i, replica := range c.nodes[primaries:] {
		replica.do("CLUSTER REPLICATE " + c.nodes[i].do("CLUSTER MYID"))
	}
	for i, replica := range c.nodes[primaries:] {
		c.wait(tb, "is in step with its primary", func() bool {
			return strings.Contains(replica.do("INFO replication"), "master_link_status:up") &&
				strings.Contains(c.nodes[i].do("INFO replication"), "connected_slaves:1")
		})
	}
	return c
}

// WaitPrimary returns when node i has become a primary and serves.
func (c *RedisCluster) WaitPrimary(tb testing.TB, i int) {
	tb.Helper()
	c.wait(tb, "has become a primary", func() bool {
		return strings.Contains(c.nodes[i].do("INFO replication"), "role:master") &&
			strings.Contains(c.nodes[i].do("CLUSTER INFO"), "cluster_state:ok")
	})
}

func (c *RedisCluster) wait(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			tb.Fatalf("no node of the Redis Cluster %s", what)
		}
	}
}

// Node returns the i-th node, counted from 0, for instance to kill it.
func (c *RedisCluster) Node(i int) *RedisServer { return c.nodes[i] }

// Addrs returns host and port of every node.
func (c *RedisCluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, node := range c.nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// URL returns the address of all nodes in the form of go-redis:
// redis://host:port?addr=host:port&addr=host:port.
func (c *RedisCluster) URL() string {
	addrs := c.Addrs()
	return "redis://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr=")
}

// WaitHealthy returns nil as soon as every node says that the cluster serves
// all slots, which after the restart of a node takes a few seconds.
func (c *RedisCluster) WaitHealthy(timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for _, node := range c.nodes {
		for {
			err := c.healthy(node)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("redis cluster not healthy after %v: node %s: %w", timeout, node.Addr(), err)
			}
			time.Sleep(pollInterval)
		}
	}
	return nil
}

func (c *RedisCluster) healthy(node *RedisServer) error {
	info, err := redisCommand(node.Addr(), "CLUSTER INFO")
	if err != nil {
		return err
	}
	for _, want := range []string{
		"cluster_state:ok",
		fmt.Sprintf("cluster_slots_ok:%d", clusterSlots),
		fmt.Sprintf("cluster_known_nodes:%d", len(c.nodes)),
	} {
		if !strings.Contains(info, want+"\r\n") {
			return fmt.Errorf("want %s in:\n%s", want, info)
		}
	}
	return nil
}

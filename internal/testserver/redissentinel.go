package testserver

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// RedisSentinel is a Redis of one test that three Sentinels watch: a primary and a
// replica that takes its place.
type RedisSentinel struct {
	tb        testing.TB
	servers   []*RedisServer
	sentinels []*RedisServer
}

// sentinelMaster is what the Sentinels call the primary.
const sentinelMaster = "gim"

// NewRedisSentinel starts all five and returns when the Sentinels know each other and
// the replica.
func NewRedisSentinel(tb testing.TB) *RedisSentinel {
	tb.Helper()
	primary := NewRedis(tb)
	s := &RedisSentinel{tb: tb, servers: []*RedisServer{primary, NewRedis(tb, "--replicaof", "127.0.0.1", fmt.Sprint(primary.port), "--repl-diskless-sync-delay", "0")}}
	conf := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 2\nsentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 5000\n",
		sentinelMaster, primary.port)
	for range 3 {
		s.sentinels = append(s.sentinels, newRedis(tb, conf, []string{"--sentinel"}))
	}
	deadline := time.Now().Add(readyTimeout)
	for _, one := range s.sentinels {
		for {
			info, err := redisCommand(one.Addr(), "INFO sentinel")
			if strings.Contains(info, "slaves=1,sentinels=3") {
				break
			}
			if time.Now().After(deadline) {
				tb.Fatalf("a Sentinel does not know the others: %v\n%s", err, info)
			}
			time.Sleep(pollInterval)
		}
	}
	return s
}

// URL returns the address by all Sentinels, in the form of go-redis.
func (s *RedisSentinel) URL() string {
	url := "redis://" + s.sentinels[0].Addr() + "?master_name=" + sentinelMaster
	for _, one := range s.sentinels[1:] {
		url += "&addr=" + one.Addr()
	}
	return url
}

// Primary returns the server that the Sentinels call the primary.
func (s *RedisSentinel) Primary() *RedisServer {
	s.tb.Helper()
	port, err := s.askPrimary()
	must(s.tb, "ask a Sentinel for the primary", err)
	for _, one := range s.servers {
		if fmt.Sprint(one.port) == port {
			return one
		}
	}
	s.tb.Fatalf("the primary is at port %s, where nothing was started", port)
	return nil
}

// WaitOther returns the primary as soon as it is another than old.
func (s *RedisSentinel) WaitOther(old *RedisServer) *RedisServer {
	s.tb.Helper()
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(pollInterval) {
		if now := s.Primary(); now != old {
			return now
		}
		if time.Now().After(deadline) {
			s.tb.Fatal("the Sentinels have not replaced the primary")
		}
	}
}

// askPrimary returns the port of the primary: the second string of a reply of two.
func (s *RedisSentinel) askPrimary() (string, error) {
	conn, err := net.Dial("tcp", s.sentinels[0].Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "SENTINEL GET-MASTER-ADDR-BY-NAME %s\r\n", sentinelMaster); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	if head, err := r.ReadString('\n'); err != nil || head != "*2\r\n" {
		return "", fmt.Errorf("%q, %w", head, err)
	}
	if _, err := readReply(r); err != nil { // the host
		return "", err
	}
	return readReply(r)
}

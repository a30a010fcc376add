package testserver

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRedis_RestartedAtTheSameAddressAndEmpty(t *testing.T) {
	t.Parallel()
	s := NewRedis(t)
	s.do("SET k v")
	if got := s.do("GET k"); got != "v" {
		t.Fatalf("GET k = %q, want v", got)
	}
	url := s.URL()

	s.Kill()
	if _, err := redisCommand(s.Addr(), "PING"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	if got := s.URL(); got != url {
		t.Errorf("URL after the restart = %s, want %s", got, url)
	}
	if got := s.do("EXISTS k"); got != "0" {
		t.Errorf("EXISTS k = %s after the restart, want 0", got)
	}
}

func TestRedis_FlushAllRemovesEveryKey(t *testing.T) {
	t.Parallel()
	s := NewRedis(t)
	s.do("SET k v")
	s.FlushAll()
	if got := s.do("DBSIZE"); got != "0" {
		t.Errorf("DBSIZE = %s, want 0", got)
	}
}

func TestRedis_PausedAnswersNothingUntilResumed(t *testing.T) {
	t.Parallel()
	s := NewRedis(t)
	s.Pause()
	answer := make(chan error, 1)
	go func() {
		_, err := redisCommand(s.Addr(), "PING")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Errorf("a paused server answered (%v)", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Resume()
	if err := <-answer; err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestRedis_TakesFlags(t *testing.T) {
	t.Parallel()
	s := NewRedis(t, "--databases", "3")
	if _, err := redisCommand(s.Addr(), "SELECT 3"); err == nil {
		t.Error("database 3 of 3, counted from 0, exists")
	}
}

func TestRedisCluster_ServesAllSlotsAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	c := NewRedisCluster(t, 3)
	served := 0
	for i := range c.Addrs() { // exactly one node owns the slot of a key
		if _, err := redisCommand(c.Node(i).Addr(), "SET k v"); err == nil {
			served++
		}
	}
	if served != 1 {
		t.Errorf("%d nodes took the key, want 1", served)
	}
	if want := fmt.Sprintf("redis://%s?addr=%s&addr=%s", c.Node(0).Addr(), c.Node(1).Addr(), c.Node(2).Addr()); c.URL() != want {
		t.Errorf("URL = %s, want %s", c.URL(), want)
	}

	c.Node(1).Kill()
	if err := c.WaitHealthy(0); err == nil {
		t.Error("healthy with a node killed")
	}
	c.Node(1).Restart()
	if err := c.WaitHealthy(30 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestRedisCluster_ReplicaTakesThePlaceOfAPrimary(t *testing.T) {
	t.Parallel()
	c := NewReplicatedRedisCluster(t, 3)
	c.Node(1).Kill()
	c.WaitPrimary(t, 4)
	served := 0
	for _, i := range []int{0, 2, 4} {
		if _, err := redisCommand(c.Node(i).Addr(), "SET k v"); err == nil {
			served++
		}
	}
	if served != 1 {
		t.Errorf("%d primaries took the key, want 1", served)
	}
}

func TestRedisSentinel_ReplacesAPrimaryThatIsGone(t *testing.T) {
	t.Parallel()
	s := NewRedisSentinel(t)
	old := s.Primary()
	old.do("SET k v")
	old.do("WAIT 1 10000") // it may not have reached the replica yet
	old.Kill()
	if got := s.WaitOther(old).do("GET k"); got != "v" {
		t.Errorf("GET k = %q from the new primary, want v", got)
	}
}

func TestReadReply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"+PONG\r\n", "PONG", true},
		{":12\r\n", "12", true},
		{"$5\r\na\r\nbc\r\n", "a\r\nbc", true},
		{"-ERR unknown\r\n", "", false},
		{"$x\r\n", "", false},
		{"$5\r\nab", "", false},
		{"\r\n", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		got, err := readReply(bufio.NewReader(strings.NewReader(tt.in)))
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("readReply(%q) = %q, %v; want %q, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestFreePort_IsNobodyElses(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	for range 2 * blockSize {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		block := port - (port-firstPort)%blockSize
		if seen[port] || port == block || isFree(block) {
			t.Errorf("port %d is handed out twice, or another process could have it too", port)
		}
		seen[port] = true
	}
}

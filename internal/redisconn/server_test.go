package redisconn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse_KnowsAllKindsOfRedis(t *testing.T) {
	t.Parallel()
	type kind struct {
		Addrs                []string
		Cluster, Ask, TLS    bool
		Master, User, Secret string
		DB                   int
	}
	for url, want := range map[string]kind{
		"redis://h:1":                            {Addrs: []string{"h:1"}, Ask: true},
		"redis://u:p@h:1/2":                      {Addrs: []string{"h:1"}, Ask: true, User: "u", Secret: "p", DB: 2},
		"rediss://h":                             {Addrs: []string{"h:6379"}, Ask: true, TLS: true},
		"unix:///run/redis.sock":                 {Addrs: []string{"/run/redis.sock"}, Ask: true},
		"redis://h:1?cluster=true":               {Addrs: []string{"h:1"}, Cluster: true},
		"redis://u:p@h:1?addr=h:2&addr=h:3":      {Addrs: []string{"h:1", "h:2", "h:3"}, Cluster: true, User: "u", Secret: "p"},
		"redis://s:1?master_name=m&addr=s:2":     {Addrs: []string{"s:1", "s:2"}, Master: "m"},
		"redis://s:1/3?master_name=m&password=q": {Addrs: []string{"s:1"}, Master: "m", Secret: "q", DB: 3},
	} {
		s, err := Parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		o := s.options
		got := kind{o.Addrs, o.IsClusterMode, s.mayBeCluster, o.TLSConfig != nil, o.MasterName, o.Username, o.Password, o.DB}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestParse_RefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"nothing":           "",
		"other scheme":      "http://:hunter2@h",
		"bad port":          "redis://:hunter2@h:x",
		"bad database":      "redis://:hunter2@h/x",
		"unknown option":    "redis://:hunter2@h?nonsense=1",
		"unknown, sentinel": "redis://:hunter2@h?master_name=m&nonsense=1",
	} {
		_, err := Parse(url)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestPartition_IsAgreedUponByAllNodes(t *testing.T) {
	t.Parallel()
	seen := make(map[int]int)
	for user := range int64(1600) {
		p := Partition(7, user)
		if p < 0 || p >= Partitions {
			t.Fatalf("user %d is in partition %d", user, p)
		}
		seen[p]++
	}
	for p := range Partitions {
		if seen[p] < 50 {
			t.Errorf("partition %d has %d of 1600 users", p, seen[p])
		}
	}
	if got := [3]int{Partition(1, 1), Partition(1, 2), Partition(2, 1)}; got != [3]int{4, 1, 5} {
		t.Errorf("partitions %v are not those of earlier versions", got)
	}
}

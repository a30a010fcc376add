package bus

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/wire"
)

func TestParseURL_KnowsAllKindsOfRedis(t *testing.T) {
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
		s, err := parseURL(url)
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

func TestNewRedis_RefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	handle, logger := func(*wire.Event) {}, slog.New(slog.DiscardHandler)
	for name, o := range map[string]Options{
		"no handler":        {URL: "redis://h", Logger: logger},
		"no logger":         {URL: "redis://h", Handler: handle},
		"prefix with brace": {URL: "redis://h", Handler: handle, Logger: logger, Prefix: "a{b"},
		"no URL":            {Handler: handle, Logger: logger},
		"other scheme":      {URL: "http://:hunter2@h", Handler: handle, Logger: logger},
		"bad port":          {URL: "redis://:hunter2@h:x", Handler: handle, Logger: logger},
		"bad database":      {URL: "redis://:hunter2@h/x", Handler: handle, Logger: logger},
		"unknown option":    {URL: "redis://:hunter2@h?nonsense=1", Handler: handle, Logger: logger},
		"unknown, sentinel": {URL: "redis://:hunter2@h?master_name=m&nonsense=1", Handler: handle, Logger: logger},
	} {
		_, err := NewRedis(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

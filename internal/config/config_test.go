package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes a settings file and returns its name.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gim.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDefault_IsValidAndAsDocumented(t *testing.T) {
	t.Parallel()
	got := Default()
	want := Config{
		Storage: Storage{DataDir: "gim-data", Search: "on"},
		Network: Network{Roles: []string{"rest", "ws", "tcp"}, RESTAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:8081"},
		TCP:     TCP{TCPAddr: "127.0.0.1:7272"},
		Access:  Access{RateLimitSends: 100},
		Trace:   Trace{Trace: "auto", TraceKeep: time.Hour},
		Timers:  Timers{Heartbeat: 30 * time.Second, SignInTimeout: 10 * time.Second, PresenceTTL: 20 * time.Second, DrainTimeout: 15 * time.Second},
		Logging: Logging{LogLevel: "info", LogFormat: "auto"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
}

func TestLoad_FlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	t.Parallel()
	const file = "heartbeat: 1s\nsign-in-timeout: 2s\ndrain-timeout: 3s\nroles: [ws]\ndemo: false\nrate-limit-sends: 7\n"
	tests := []struct {
		name          string
		args, environ []string
		file          string
		want          func(*Config)
	}{
		{"file alone", nil, nil, file, func(c *Config) {
			c.Heartbeat, c.SignInTimeout, c.DrainTimeout = time.Second, 2*time.Second, 3*time.Second
			c.Roles, c.RateLimitSends = []string{"ws"}, 7
		}},
		{"environment over file", nil, []string{"GIM_HEARTBEAT=4s", "GIM_ROLES=rest"}, file, func(c *Config) {
			c.Heartbeat, c.SignInTimeout, c.DrainTimeout = 4*time.Second, 2*time.Second, 3*time.Second
			c.Roles, c.RateLimitSends = []string{"rest"}, 7
		}},
		{"flag over both", []string{"--heartbeat=5s"}, []string{"GIM_HEARTBEAT=4s"}, file, func(c *Config) {
			c.Heartbeat, c.SignInTimeout, c.DrainTimeout = 5*time.Second, 2*time.Second, 3*time.Second
			c.Roles, c.RateLimitSends = []string{"ws"}, 7
		}},
		{"flag set to its default still beats the rest", []string{"--heartbeat=30s"}, []string{"GIM_HEARTBEAT=4s"}, "", func(*Config) {}},
		{"empty variable is not set", nil, []string{"GIM_HEARTBEAT="}, "heartbeat: 1s", func(c *Config) { c.Heartbeat = time.Second }},
		{"list as text", nil, nil, "allowed-origins: https://a.example,https://b.example", func(c *Config) {
			c.AllowedOrigins = []string{"https://a.example", "https://b.example"}
		}},
		{"null is not set", nil, nil, "heartbeat: ~", func(*Config) {}},
		{"only comments", nil, nil, "# nothing\n", func(*Config) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if tt.file != "" {
				args = append(args, "--config", write(t, tt.file))
			}
			got, _, err := Load(args, tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			tt.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoad_FileIsNamedByTheEnvironmentToo(t *testing.T) {
	t.Parallel()
	low, high := write(t, "heartbeat: 1s"), write(t, "heartbeat: 2s")
	for _, tt := range []struct {
		args []string
		want time.Duration
	}{{nil, time.Second}, {[]string{"--config", high}, 2 * time.Second}} {
		got, _, err := Load(tt.args, []string{"GIM_CONFIG=" + low})
		if err != nil {
			t.Fatal(err)
		}
		if got.Heartbeat != tt.want {
			t.Errorf("with %q: heartbeat %s, want %s", tt.args, got.Heartbeat, tt.want)
		}
	}
}

func TestLoad_ErrorSaysWhichAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		args, environ []string
		file          string
		want          []string
	}{
		{"unknown flag", []string{"--heartbeet=1s"}, nil, "", []string{"unknown flag --heartbeet", `"--heartbeat"`}},
		{"unknown key", nil, nil, "\nheartbeet: 1s", []string{"gim.yaml:2", `"heartbeet"`, "heartbeat,", "rest-addr,"}},
		{"key with underscores", nil, nil, "rest_addr: 127.0.0.1:1", []string{"gim.yaml:1", "called rest-addr"}},
		{"the file cannot name a file", nil, nil, "config: other.yaml", []string{`unknown setting "config"`}},
		{"key twice", nil, nil, "demo: true\ndemo: false", []string{"gim.yaml:2", "line 1"}},
		{"no mapping", nil, nil, "[1]", []string{"gim.yaml:1"}},
		{"no YAML", nil, nil, "a: b: c", []string{"gim.yaml"}},
		{"two documents", nil, nil, "demo: false\n---\ndemo: true", []string{"one YAML document"}},
		{"mapping as value", nil, nil, "roles: {a: b}", []string{"gim.yaml:1", "roles must be a value or a list"}},
		{"missing file", []string{"--config", "nowhere.yaml"}, nil, "", []string{"nowhere.yaml"}},
		{"bad duration in file", nil, nil, "heartbeat: soon", []string{"gim.yaml:1", "--heartbeat", `"soon"`}},
		{"bad duration in environment", nil, []string{"GIM_HEARTBEAT=soon"}, "", []string{"GIM_HEARTBEAT", `"soon"`}},
		{"bad duration as flag", []string{"--heartbeat=soon"}, nil, "", []string{"--heartbeat", `"soon"`}},
		{"bad choice in environment", nil, []string{"GIM_LOG_LEVEL=loud"}, "", []string{"GIM_LOG_LEVEL", "debug, info, warn, error"}},
		{"bad choice as flag", []string{"--log-format=xml"}, nil, "", []string{"--log-format", `"auto","text","json"`}},
		{"several at once", nil, []string{"GIM_HEARTBEAT=soon", "GIM_DEMO=perhaps"}, "", []string{"GIM_HEARTBEAT", "GIM_DEMO"}},
		{"short timer", []string{"--heartbeat=99ms"}, nil, "", []string{"--heartbeat", "at least 100ms"}},
		{"short lease", []string{"--presence-ttl=99ms"}, nil, "", []string{"--presence-ttl", "at least 100ms"}},
		{"long lease", []string{"--presence-ttl=61m"}, nil, "", []string{"--presence-ttl", "at most 1h0m0s"}},
		{"unknown role", []string{"--roles=grpc"}, nil, "", []string{"--roles", `"grpc"`, "rest, ws, tcp"}},
		{"role twice", []string{"--roles=ws,ws"}, nil, "", []string{"names ws twice"}},
		{"no port", []string{"--rest-addr=localhost"}, nil, "", []string{"--rest-addr", "HOST:PORT"}},
		{"bad port", []string{"--admin-addr=:70000"}, nil, "", []string{"--admin-addr", "65535"}},
		{"origin with path", []string{"--allowed-origins=https://a.example/x"}, nil, "", []string{"--allowed-origins", "https://chat.example.com"}},
		{"origin with star", []string{"--allowed-origins=*"}, nil, "", []string{"--allowed-origins"}},
		{"demo for all", []string{"--demo", "--rest-addr=:8080"}, nil, "", []string{"--demo", "loopback"}},
		{"demo without pages", []string{"--demo", "--roles=ws"}, nil, "", []string{"--demo", "roles rest and ws"}},
		{"negative limit of an address", []string{"--max-connections-per-address=-1"}, nil, "", []string{"--max-connections-per-address", "0 is no limit"}},
		{"negative limit of an app", nil, []string{"GIM_MAX_CONNECTIONS_PER_APP=-1"}, "", []string{"--max-connections-per-app"}},
		{"search in some way", nil, []string{"GIM_SEARCH=maybe"}, "", []string{"GIM_SEARCH", "on, off"}},
		{"negative rate", []string{"--rate-limit-sends=-1"}, nil, "", []string{"--rate-limit-sends", "0 (no limit)"}},
		{"negative rate of a group", []string{"--rate-limit-group=-1"}, nil, "", []string{"--rate-limit-group", "0 (no limit)"}},
		{"rate of an app beyond all limits", nil, []string{"GIM_RATE_LIMIT_APP=268435457"}, "", []string{"--rate-limit-app", "268435456"}},
		{"short admin key", nil, []string{"GIM_ADMIN_KEY=short"}, "", []string{"--admin-key", "16"}},
		{"admin key like an app key", nil, []string{"GIM_ADMIN_KEY=gim_0123456789abcdef"}, "", []string{"--admin-key", "gim_"}},
		{"bad secret key", nil, []string{"GIM_SECRET_KEY=abc"}, "", []string{"--secret-key", "32 bytes"}},
		{"bad redis", nil, []string{"GIM_REDIS_URL=http://h"}, "", []string{"--redis-url", "redis://"}},
		{"empty data dir", []string{"--data-dir="}, nil, "", []string{"--data-dir"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if tt.file != "" {
				args = append(args, "--config", write(t, tt.file))
			}
			_, _, err := Load(args, tt.environ)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestLoad_AcceptsTheShortestTimersAndFreePorts(t *testing.T) {
	t.Parallel()
	got, _, err := Load([]string{
		"--heartbeat=100ms", "--sign-in-timeout=100ms", "--drain-timeout=100ms", "--presence-ttl=100ms",
		"--rest-addr=127.0.0.1:0", "--tcp-addr=[::1]:0", "--admin-addr=[::1]:0", "--rate-limit-sends=0", "--demo",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Heartbeat != 100*time.Millisecond || !got.Demo {
		t.Errorf("got %+v", got)
	}
}

func TestLoad_TCPForAllWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--tcp-addr=:7272", "--tcp-plain"},
		{"--tcp-addr=0.0.0.0:7272", "--tcp-tls-cert=a.pem", "--tcp-tls-key=b.pem"},
		{"--tcp-addr=:7272", "--roles=rest,ws"}, // nobody listens there
		{"--tcp-proxy-from=10.0.0.0/8,::1/128"},
	} {
		if _, _, err := Load(args, nil); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestLoad_UnknownVariableIsAWarning(t *testing.T) {
	t.Parallel()
	_, got, err := Load(nil, []string{"GIM_HEARTBEET=1s", "GIM_TEST_ALL=1", "GIM_HEARTBEAT=1s", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !strings.Contains(got[0], "GIM_HEARTBEET") {
		t.Errorf("warnings %q, want one about GIM_HEARTBEET", got)
	}
}

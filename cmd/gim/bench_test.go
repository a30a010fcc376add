package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/gimtest"
)

// unlimited starts a gim without a limit for sends, with an app for a run.
func unlimited(t *testing.T) (g *gimtest.Gim, environ []string) {
	t.Helper()
	g = gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 0 }})
	return g, []string{"GIM_APP_KEY=" + g.NewApp(t, "shop").Key, "GIM_URL=" + g.URL}
}

func TestBench_ExitsWithZeroWhenAllArrived(t *testing.T) {
	t.Parallel()
	g, environ := unlimited(t)
	for _, args := range [][]string{
		{"bench", "--in-flight=2", "--duration=1s"}, // single is the default
		{"bench", "group", "--members=3", "--senders=1,2", "--duration=1s", "--via=rest", "--receive=ws"},
		{"bench", "crowd", "--members=40", "--duration=1s"},
		{"bench", "room", "--type=large", "--members=3", "--senders=1", "--duration=1s", "--via=tcp", "--tcp-addr=" + g.TCPAddr},
		{"bench", "storm", "--in-flight=2", "--members=4", "--senders=2", "--duration=1s"},
		{"bench", "idle", "--connections=3", "--duration=1s"},
		{"bench", "sync", "--messages=20"},
	} {
		t.Run(args[1], func(t *testing.T) {
			t.Parallel()
			got := gim(t, "", environ, args...)
			if got.code != exitDone || !strings.Contains(got.out, "out of order") || !strings.Contains(got.err, "…") {
				t.Errorf("exit code %d:\n%s%s", got.code, got.out, got.err)
			}
		})
	}
}

// TestBench_ExitsWithOneWhenSomethingWasDoubled puts a proxy between that
// repeats one push.
func TestBench_ExitsWithOneWhenSomethingWasDoubled(t *testing.T) {
	t.Parallel()
	g, environ := unlimited(t)
	var seen atomic.Int64
	url := g.Proxy(t, func() func(*gimtest.Frame) []*gimtest.Frame {
		return func(f *gimtest.Frame) []*gimtest.Frame {
			if f.GetPush() != nil && seen.Add(1) == 10 {
				return []*gimtest.Frame{f, f}
			}
			return []*gimtest.Frame{f}
		}
	})
	got := gim(t, "", environ, "bench", "--url="+url, "--in-flight=1", "--duration=1s", "--json")
	if got.code != exitConfig || !strings.Contains(got.err, "1 doubled") || !strings.Contains(got.err, "again") {
		t.Errorf("exit code %d, want %d:\n%s", got.code, exitConfig, got.err)
	}
	var results []bench.Result
	if err := json.Unmarshal([]byte(got.out), &results); err != nil || len(results) != 1 || results[0].Doubled != 1 || results[0].Messages == 0 {
		t.Errorf("%v in %s", err, got.out)
	}
}

func TestBench_ExitsWithOneWhenNothingCanHappen(t *testing.T) {
	t.Parallel()
	_, environ := unlimited(t)
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"--duration", []string{"--duration=1ms"}},
		{"--in-flight", []string{"--in-flight=0"}},
		{"--in-flight names no value", []string{"--in-flight="}},
		{"--members", []string{"group", "--members=1"}},
		{"--members", []string{"room", "--members=5001"}},
		{"3 senders", []string{"group", "--members=2", "--senders=3"}},
		{"--members", []string{"crowd", "--members=1000001"}},
		{"--members", []string{"crowd", "--type=normal", "--members=5001"}},
		{"--type", []string{"group", "--type=huge"}},
		{"5 senders", []string{"storm", "--members=4", "--senders=5"}},
		{"--online", []string{"storm", "--online=-1"}},
		{"--connections", []string{"idle", "--connections=0"}},
		{"--messages", []string{"sync", "--messages=0"}},
		{"--clients", []string{"sync", "--clients=0"}},
		{"127.0.0.1:1", []string{"single", "--via=tcp", "--tcp-addr=127.0.0.1:1"}},
		{"pigeon", []string{"single", "--via=pigeon"}},
		{"127.0.0.1:1", []string{"single", "--url=http://127.0.0.1:1"}},
	} {
		got := gim(t, "", environ, append([]string{"bench"}, tt.args...)...)
		if got.code != exitConfig || !strings.Contains(got.err, tt.want) {
			t.Errorf("gim bench %v: exit code %d, want %d and %q:\n%s", tt.args, got.code, exitConfig, tt.want, got.err)
		}
	}
	if got := gim(t, "", environ, "bench", "--url=http://127.0.0.1:1", "--json"); got.code != exitConfig || strings.TrimSpace(got.out) != "[]" {
		t.Errorf("without any result: %+v", got)
	}
}

// TestBench_CtrlCEndsARunEarlyAndShowsItsFigures runs the program, as Ctrl-C is
// a signal to a whole process.
func TestBench_CtrlCEndsARunEarlyAndShowsItsFigures(t *testing.T) {
	t.Parallel()
	_, environ := unlimited(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it is only reached when something hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, gimtest.Binary(t), "bench", "--in-flight=1", "--duration=10m") //nolint:gosec // our own
	cmd.Env = append(os.Environ(), environ...)
	var out bytes.Buffer
	cmd.Stdout = &out
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, signalled := "", false
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		said += lines.Text() + "\n"
		if !signalled && strings.Contains(lines.Text(), "deliveries, ") {
			signalled = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || !signalled {
		t.Errorf("it ends with %v after:\n%s", err, said)
	}
	if !strings.Contains(out.String(), "messages/s") || !strings.Contains(said, "interrupted") {
		t.Errorf("it shows:\n%s%s", out.String(), said)
	}
}

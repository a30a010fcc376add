package bench_test

import (
	"encoding/json"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Closing(m)) }

// start starts a gim that lets users send as fast as they can, and returns
// options for a short run on it.
func start(t *testing.T) (*gimtest.Gim, bench.Options) {
	t.Helper()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 0 }})
	return g, bench.Options{
		URL: g.URL, AppKey: g.NewApp(t, "shop").Key, Via: bench.WebSocket,
		Duration: 200 * time.Millisecond, WarmUp: 20 * time.Millisecond,
	}
}

// on runs a test for each way of messages.
func on(t *testing.T, ways []bench.Options, test func(t *testing.T, g *gimtest.Gim, o bench.Options)) {
	t.Helper()
	g, o := start(t)
	for _, way := range ways {
		t.Run(way.Via+" "+way.Receive, func(t *testing.T) {
			o := o
			o.Via, o.Receive, o.TCPAddr = way.Via, way.Receive, g.TCPAddr
			test(t, g, o)
		})
	}
}

// Ways of messages.
var (
	bothConnections = []bench.Options{{Via: bench.WebSocket}, {Via: bench.TCP}}

	allWays = append([]bench.Options{
		{Via: bench.REST}, {Via: bench.REST, Receive: bench.TCP}, {Via: bench.TCP, Receive: bench.WebSocket},
	}, bothConnections...)
)

// good fails the test unless all results are clean, and of as many rounds as wanted.
func good(t *testing.T, rounds int, results []bench.Result, err error) {
	t.Helper()
	if err != nil || len(results) != rounds {
		t.Fatalf("%d results and the error %v, want %d and none", len(results), err, rounds)
	}
	for _, r := range results {
		if !r.OK() || r.Messages == 0 || r.Idle == nil && r.PerSecond <= 0 || r.Seconds <= 0 {
			t.Errorf("%s\n%+v", r.Complaint(), r)
		}
	}
}

func TestSingle(t *testing.T) {
	t.Parallel()
	on(t, allWays, func(t *testing.T, _ *gimtest.Gim, o bench.Options) {
		o.PIDs = []int{os.Getpid()}
		results, err := bench.Single(t.Context(), o, []int{1, 3})
		good(t, 2, results, err)
		for i, r := range results {
			if r.Workload != "single" || r.InFlight != []int{1, 3}[i] || r.Deliveries != r.Messages || r.CPUPer1000 <= 0 {
				t.Errorf("round %d: %+v", i, r)
			}
			if l := r.Latency; l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max || r.Ack.P50 <= 0 {
				t.Errorf("round %d: the times are %+v and %+v", i, r.Latency, r.Ack)
			}
		}
	})
}

func TestGroup(t *testing.T) {
	t.Parallel()
	on(t, allWays, func(t *testing.T, _ *gimtest.Gim, o bench.Options) {
		for _, persist := range []bool{true, false} {
			results, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 5, Senders: 1}, {Members: 5, Senders: 3}}, persist)
			good(t, 2, results, err)
			want := int64(4) // the sender has the acknowledgement instead
			if o.Via == bench.REST {
				want = 5
			}
			for _, r := range results {
				if r.Workload != map[bool]string{true: "group", false: "room"}[persist] || r.Deliveries != want*r.Messages || r.DeliveriesPer <= 0 {
					t.Errorf("persist %v: %+v", persist, r)
				}
			}
		}
	})
}

func TestStorm(t *testing.T) {
	t.Parallel()
	on(t, allWays, func(t *testing.T, _ *gimtest.Gim, o bench.Options) {
		results, err := bench.Storm(t.Context(), o, []bench.StormSize{
			{InFlight: 2, Members: 6, Senders: 3}, {InFlight: 1, Members: 5, Senders: 1, Online: 4},
		})
		good(t, 2, results, err)
		for i, r := range results {
			s := r.Storm
			if r.Workload != "storm" || r.InFlight != 2-i || r.Members != 6-i || r.Senders != []int{3, 1}[i] || s.Online != 3+i || r.Deliveries != r.Messages {
				t.Errorf("round %d: %+v %+v", i, r, s)
			}
			if s.Messages == 0 || s.EntriesPer <= 0 || s.Alone.P99 <= 0 || s.Ratio != r.Latency.P99/s.Alone.P99 {
				t.Errorf("round %d: %+v, during the storm %+v", i, s, r.Latency)
			}
		}
	})
}

// TestStorm_JudgesTheGroupToo puts a proxy between that repeats one push of the
// group.
func TestStorm_JudgesTheGroupToo(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	var seen atomic.Int64
	o.URL = g.Proxy(t, func() func(*gimtest.Frame) []*gimtest.Frame {
		return func(f *gimtest.Frame) []*gimtest.Frame {
			for _, m := range f.GetPush().GetMessages() {
				if m.GetTo().GetGroupId() != "" && m.GetType() == "text" && seen.Add(1) == 5 {
					return []*gimtest.Frame{f, f}
				}
			}
			return []*gimtest.Frame{f}
		}
	})
	results, err := bench.Storm(t.Context(), o, []bench.StormSize{{InFlight: 1, Members: 4, Senders: 2}})
	if err != nil || len(results) != 1 || results[0].Doubled == 0 || results[0].OK() {
		t.Errorf("%v, %+v", err, results)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	on(t, bothConnections, func(t *testing.T, g *gimtest.Gim, o bench.Options) {
		o.PIDs = []int{os.Getpid()}
		results, err := bench.Idle(t.Context(), o, bench.IdleOptions{Connections: []int{12, 4}, AdminURL: g.AdminURL, Settle: 10 * time.Millisecond})
		good(t, 2, results, err)
		for i, r := range results {
			if n := []int{4, 12}[i]; r.Connections != n || r.Messages != int64(n) || r.Idle.ConnectsPerSecond <= 0 || r.Idle.LiveKiB == 0 {
				t.Errorf("round %d: %+v %+v", i, r, r.Idle)
			}
		}
	})
}

// TestIdle_OutlivesTheHeartbeat would lose its connections without pings: the
// server gives them up after 2.5 heartbeats.
func TestIdle_OutlivesTheHeartbeat(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.Heartbeat = 200 * time.Millisecond }})
	o := bench.Options{URL: g.URL, AppKey: g.NewApp(t, "shop").Key, Via: bench.WebSocket, Duration: 1500 * time.Millisecond}
	results, err := bench.Idle(t.Context(), o, bench.IdleOptions{Connections: []int{3}})
	good(t, 1, results, err)
}

func TestSync(t *testing.T) {
	t.Parallel()
	on(t, bothConnections, func(t *testing.T, _ *gimtest.Gim, o bench.Options) {
		const messages = 450 // three pages
		results, err := bench.Sync(t.Context(), o, bench.SyncOptions{Messages: messages, Clients: []int{1, 2}})
		good(t, 6, results, err)
		seen := make(map[string]int)
		for _, r := range results {
			seen[r.Way]++
			if r.Messages != int64(messages*r.Clients) || r.LogEntries != messages {
				t.Errorf("%s with %d clients read %d messages", r.Way, r.Clients, r.Messages)
			}
		}
		if len(seen) != 3 {
			t.Errorf("the ways of reading were %v, want three", seen)
		}
	})
}

// TestSingle_LeavesOutTheWarmUp counts what passes a proxy.
func TestSingle_LeavesOutTheWarmUp(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	var passed atomic.Int64
	o.URL = g.Proxy(t, func() func(*gimtest.Frame) []*gimtest.Frame {
		return func(f *gimtest.Frame) []*gimtest.Frame {
			passed.Add(int64(len(f.GetPush().GetMessages())))
			return []*gimtest.Frame{f}
		}
	})
	results, err := bench.Single(t.Context(), o, []int{1})
	good(t, 1, results, err)
	if got := results[0].Messages; got >= passed.Load() {
		t.Errorf("%d messages of %d count, want fewer", got, passed.Load())
	}
}

// TestGroup_ARoundThatIsTooShortGoesOnUntilSomethingCounts: a server that is slow
// gets figures that say so.
func TestGroup_ARoundThatIsTooShortGoesOnUntilSomethingCounts(t *testing.T) {
	t.Parallel()
	_, o := start(t)
	o.Duration = time.Nanosecond
	results, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 3, Senders: 2}}, true)
	good(t, 1, results, err)
	if r := results[0]; r.Messages < 2 || r.Seconds < r.Latency.P50/1000 {
		t.Errorf("%+v", r)
	}
}

func TestGroup_TooLargeForTheAppSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, o := start(t)
	_, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 501, Senders: 1}}, true)
	for _, want := range []string{"500", "max_group_members", "/v1/apps/shop", "GIM_ADMIN_KEY"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

func TestSingle_OnAServerThatLimitsTheRateSaysWhatToDo(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 1 }})
	key := g.NewApp(t, "shop").Key
	for _, via := range []string{bench.WebSocket, bench.REST} {
		_, err := bench.Single(t.Context(), bench.Options{URL: g.URL, AppKey: key, Via: via, Duration: time.Second}, []int{1})
		if err == nil || !strings.Contains(err.Error(), "rate_limited") || !strings.Contains(err.Error(), "--rate-limit-sends=0") {
			t.Errorf("%s: %v", via, err)
		}
	}
}

func TestBench_RefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	_, o := start(t)
	tcp := o
	tcp.Via = bench.TCP
	unknown := o
	unknown.Via = "pigeon"
	receive := o
	receive.Receive = bench.REST
	nobody := o
	nobody.AppKey = "gim_nobody"
	for want, run := range map[string]func() error{
		"--tcp-addr": func() error { _, err := bench.Single(t.Context(), tcp, []int{1}); return err },
		"pigeon":     func() error { _, err := bench.Single(t.Context(), unknown, []int{1}); return err },
		"received":   func() error { _, err := bench.Single(t.Context(), receive, []int{1}); return err },
		"unauthorized": func() error {
			_, err := bench.Single(t.Context(), nobody, []int{1})
			return err
		},
		"3 senders": func() error {
			_, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 2, Senders: 3}}, true)
			return err
		},
		"9 online": func() error {
			_, err := bench.Storm(t.Context(), o, []bench.StormSize{{InFlight: 1, Members: 8, Senders: 3, Online: 9}})
			return err
		},
		"nothing to read": func() error {
			_, err := bench.Sync(t.Context(), o, bench.SyncOptions{Messages: 0, Clients: []int{1}})
			return err
		},
		"heap profile": func() error {
			_, err := bench.Idle(t.Context(), o, bench.IdleOptions{Connections: []int{1}, AdminURL: o.URL + "/openapi.yaml?"})
			return err
		},
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

func TestPrint_HasARowForEachRoundAndTheFiguresOfTheWorkload(t *testing.T) {
	t.Parallel()
	latency := &bench.Latency{P50: 1.25, P99: 2.5, P999: 5, Max: 9}
	for workload, want := range map[string][]string{
		"single": {"in flight", "messages/s", "1.25", "CPU s/1000", "ws→tcp"},
		"group":  {"members", "deliveries/s", "p99.9 ms", "µs/delivery"},
		"room":   {"members", "senders"},
		"crowd":  {"type", "users s", "members s", "40.0→81.5", "ack ratio", "1.50"},
		"storm":  {"in flight", "members", "senders", "alone p99 ms", "p99.9 ms", "p99 ratio", "4.2", "log entries/s"},
		"idle":   {"connections", "KiB each", "7.5", "CPU %", "connects/s"},
		"growth": {"operation", "send", "stored", "1,000", "CPU ms", "bytes/message", "500"},
		"sync":   {"entries each", "clients", "replay", "page p99 ms"},
	} {
		r := bench.Result{
			Workload: workload, Via: "ws", Receive: "tcp", Way: "replay", Messages: 1234567, PerSecond: 99, Latency: latency,
			Idle: &bench.IdleResult{KiB: 7.5}, Crowd: &bench.CrowdResult{AckRatio: 1.5, MiB: bench.MemoryGrowth{Before: 40, After: 81.5}},
			Storm: &bench.StormResult{Alone: latency, Ratio: 4.2}, Verdict: bench.Verdict{Lost: 1, Doubled: 2, Disorder: 3456},
			Growth: &bench.GrowthResult{Operation: "send", Stored: 1000, StoreBytes: 500_000},
		}
		var out strings.Builder
		if err := bench.Print(&out, []bench.Result{r, r}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, want := range append(want, "lost", "doubled", "out of order", "3,456") {
			if len(lines) != 3 || !strings.Contains(out.String(), want) {
				t.Errorf("%s lacks %q:\n%s", workload, want, out.String())
			}
		}
	}
}

func TestResult_IsReadableByPrograms(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(bench.Result{Workload: "group", Members: 5, Verdict: bench.Verdict{Lost: 2, Problems: []string{"odd"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"workload":"group"`, `"members":5`, `"lost":2`, `"doubled":0`, `"out_of_order":0`, `"problems":["odd"]`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s lacks %s", raw, want)
		}
	}
	if strings.Contains(string(raw), "idle") {
		t.Errorf("%s holds what was not measured", raw)
	}
}

// TestBench_LeavesNoKeyBehind looks for the signing key of a run: whoever got
// hold of it could speak for every user of the app.
func TestBench_LeavesNoKeyBehind(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	o := bench.Options{URL: g.URL, AppKey: shop.Key, Via: bench.WebSocket}
	results, err := bench.Idle(t.Context(), o, bench.IdleOptions{Connections: []int{1}})
	good(t, 1, results, err)
	users, err := shop.Back(t).ListUsersWithResponse(t.Context(), nil)
	if err != nil || users.JSON200 == nil || len(users.JSON200.Items) == 0 {
		t.Fatalf("list users: %v %s", err, users.Body)
	}
	kid := strings.TrimSuffix(users.JSON200.Items[0].UserId, "-0")
	key, err := shop.Back(t).GetSigningKeyWithResponse(t.Context(), kid)
	if err != nil || key.StatusCode() != 404 {
		t.Errorf("the key %s: status %d, %v; want 404", kid, key.StatusCode(), err)
	}
}

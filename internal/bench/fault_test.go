package bench_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// fault changes the fifth frame of a kind on the way to a client.
type fault struct {
	name   string
	change func(*wire.ServerFrame) []*wire.ServerFrame // nil holds the frame back behind the next
	of     func(*wire.ServerFrame) bool
	// What the judgement has to have.
	wrong   func(bench.Result) int64
	problem string
}

func isPush(f *wire.ServerFrame) bool  { return f.GetPush() != nil }
func isAlone(f *wire.ServerFrame) bool { return len(f.GetPush().GetMessages()) == 1 }
func isSent(f *wire.ServerFrame) bool  { return f.GetSent() != nil }

func lost(r bench.Result) int64     { return r.Lost }
func doubled(r bench.Result) int64  { return r.Doubled }
func disorder(r bench.Result) int64 { return r.Disorder }

func drop(*wire.ServerFrame) []*wire.ServerFrame { return nil }

func repeat(f *wire.ServerFrame) []*wire.ServerFrame { return []*wire.ServerFrame{f, f} }

// edit changes the first message of a push.
func edit(change func(*wire.Message)) func(*wire.ServerFrame) []*wire.ServerFrame {
	return func(f *wire.ServerFrame) []*wire.ServerFrame {
		change(f.GetPush().GetMessages()[0])
		return []*wire.ServerFrame{f}
	}
}

var faults = []fault{
	{"a lost push", drop, isPush, lost, "waited in vain for message 4 of sender 0"},
	{"a doubled push", repeat, isPush, doubled, "again"},
	{"a push behind the next", nil, isAlone, disorder, "after entry"},
	{"a push with another entry", edit(func(m *wire.Message) { m.Seq++ }), isPush, disorder, "after entry"},
	{"a push at another place", edit(func(m *wire.Message) { m.ConversationSeq += 100 }), isPush, disorder, "place 106"},
	{"a push of something else", edit(func(m *wire.Message) { m.Content = []byte(`{"text":"hello"}`) }), isPush, disorder, "which nobody of this run sent"},
	{"a message that was never sent", edit(func(m *wire.Message) { m.Content = []byte(`{"text":"0-99999999 x"}`) }), isPush, disorder, "which nobody of this run sent"},
	{"a lost acknowledgement", drop, isSent, lost, "acknowledgement of its message"},
	{"a doubled acknowledgement", repeat, isSent, disorder, "after entry"},
}

// at makes a proxy's change: the fault once on the whole, at the fifth frame of
// its kind on one connection. enough is called when that is long ago.
func (f fault) at(enough func()) func() func(*wire.ServerFrame) []*wire.ServerFrame {
	var once atomic.Bool
	return func() func(*wire.ServerFrame) []*wire.ServerFrame {
		seen := 0
		var held *wire.ServerFrame
		return func(frame *wire.ServerFrame) []*wire.ServerFrame {
			if !f.of(frame) {
				return []*wire.ServerFrame{frame}
			}
			if seen++; seen == 30 {
				enough()
			}
			if held != nil {
				both := []*wire.ServerFrame{frame, held}
				held = nil
				return both
			}
			if seen < 5 || once.Swap(true) {
				return []*wire.ServerFrame{frame}
			}
			if f.change == nil {
				held = frame
				return nil
			}
			return f.change(frame)
		}
	}
}

// TestGroup_FaultsOnTheWayAreFound puts a proxy between that does what a broken
// server would.
func TestGroup_FaultsOnTheWayAreFound(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Duration, o.WarmUp, o.Patience = time.Hour, 0, 3*time.Second
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.isFound(t, g, o, false)
		})
	}
}

// isFound runs a group with the fault on the way, which has to be judged.
func (f fault) isFound(t *testing.T, g *gimtest.Gim, o bench.Options, large bool) {
	t.Helper()
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	o.URL = g.Proxy(t, f.at(enough))
	senders := 1
	if f.change == nil { // one sender alone would wait for the held push
		senders, o.Via = 2, bench.REST // then each connection is pushed the messages of both
	}
	results, err := bench.Group(ctx, o, []bench.GroupSize{{Members: 3, Senders: senders, Large: large}}, true)
	if len(results) != 1 {
		t.Fatalf("%d results, and the error %v", len(results), err)
	}
	r := results[0]
	if r.OK() || f.wrong(r) == 0 || !strings.Contains(r.Complaint(), f.problem) {
		t.Errorf("judged %+v (error %v), want the problem %q", r.Verdict, err, f.problem)
	}
}

// TestSingle_AHangIsALossThatSaysWhoWaitedForWhat also ends long before the
// round would.
func TestSingle_AHangIsALossThatSaysWhoWaitedForWhat(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.URL, o.Duration, o.Patience = g.Proxy(t, faults[0].at(func() {})), time.Hour, time.Second
	results, err := bench.Single(t.Context(), o, []int{1, 1})
	if err == nil || !strings.Contains(err.Error(), "did not reach all") {
		t.Errorf("the error is %v", err)
	}
	if len(results) != 1 || results[0].Lost != 1 || !strings.Contains(results[0].Complaint(), "waited in vain for message 4 of sender 0") {
		t.Errorf("the results are %+v", results)
	}
}

func TestIdle_AConnectionThatIsNotToldIsALoss(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Patience = time.Second
	var once atomic.Bool
	o.URL = g.Proxy(t, func() func(*wire.ServerFrame) []*wire.ServerFrame {
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if isPush(f) && !once.Swap(true) {
				return nil
			}
			return []*wire.ServerFrame{f}
		}
	})
	results, err := bench.Idle(t.Context(), o, bench.IdleOptions{Connections: []int{4}})
	if err == nil || len(results) != 1 || results[0].Lost != 1 || results[0].Messages != 3 {
		t.Errorf("%+v, %v; want one lost of 4", results, err)
	}
}

func TestSync_FaultsInPagesAndReplayAreFound(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	shorten := func(items []*wire.Message) []*wire.Message { return append(items[:3:3], items[4:]...) }
	o.URL = g.Proxy(t, func() func(*wire.ServerFrame) []*wire.ServerFrame {
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if page := f.GetSyncPage(); page != nil {
				page.Items = shorten(page.GetItems())
			}
			if push := f.GetPush(); push != nil {
				return []*wire.ServerFrame{f, f}
			}
			return []*wire.ServerFrame{f}
		}
	})
	results, err := bench.Sync(t.Context(), o, bench.SyncOptions{Messages: 20, Clients: []int{1}})
	if err != nil || len(results) != 3 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	if !results[0].OK() {
		t.Error(results[0].Complaint())
	}
	if results[1].Lost != 1 || results[1].OK() {
		t.Errorf("a page without one entry: %+v", results[1])
	}
	if results[2].Doubled == 0 || results[2].OK() {
		t.Errorf("a replay with doubled pushes: %+v", results[2])
	}
}

func TestSync_AReplayThatStopsIsALoss(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Patience = time.Second
	o.URL = g.Proxy(t, func() func(*wire.ServerFrame) []*wire.ServerFrame {
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if isPush(f) {
				return nil
			}
			return []*wire.ServerFrame{f}
		}
	})
	results, err := bench.Sync(t.Context(), o, bench.SyncOptions{Messages: 20, Clients: []int{1}})
	if len(results) != 3 || results[2].Lost != 20 || err == nil || !strings.Contains(err.Error(), "in vain for what follows entry 0") {
		t.Errorf("%+v, %v", results, err)
	}
}

// TestGroup_WhatIsRepeatedAtTheEndIsFound holds a second copy of a push back
// until nothing is under way any more.
func TestGroup_WhatIsRepeatedAtTheEndIsFound(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.URL = g.Proxy(t, func() func(*wire.ServerFrame) []*wire.ServerFrame {
		var last *wire.ServerFrame
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if isPush(f) {
				last = f
			}
			if f.GetPong() != nil && last != nil {
				return []*wire.ServerFrame{last, f}
			}
			return []*wire.ServerFrame{f}
		}
	})
	results, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 4, Senders: 1}}, true)
	if err != nil || len(results) != 1 || results[0].Doubled != 3 {
		t.Errorf("%+v, %v; want 3 doubled, one for each who does not send", results, err)
	}
}

// TestGroup_AnAnswerThatNamesAnotherPlaceIsFound changes one answer of REST.
func TestGroup_AnAnswerThatNamesAnotherPlaceIsFound(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	target, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	var sends atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{}
	proxy.Transport = transport
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path != "/v1/messages" || sends.Add(1) != 2 {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		body = bytes.Replace(body, []byte(`"conversation_seq":3`), []byte(`"conversation_seq":4`), 1) // 1 is the group's beginning
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err
	}
	server := httptest.NewServer(proxy)
	defer transport.CloseIdleConnections()
	defer server.Close()
	o.URL, o.Via, o.Receive, o.TCPAddr = server.URL, bench.REST, bench.TCP, g.TCPAddr
	results, err := bench.Group(t.Context(), o, []bench.GroupSize{{Members: 2, Senders: 1}}, true)
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	// Whoever knows the place first is believed: the sender contradicts the members,
	// or both of them contradict the sender.
	got, complaint := results[0].Disorder, results[0].Complaint()
	if !(got == 1 && strings.Contains(complaint, "was told place 4") || got == 2 && strings.Contains(complaint, "at place 3")) {
		t.Errorf("%d out of order: %s", got, complaint)
	}
}

// TestSingle_AReceiverThatIsThrownOutIsNamed revokes the tokens of a receiver in
// the middle.
func TestSingle_AReceiverThatIsThrownOutIsNamed(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 0 }})
	shop := g.NewApp(t, "shop")
	back := shop.Back(t)
	var once atomic.Bool
	o := bench.Options{AppKey: shop.Key, Via: bench.WebSocket, Duration: time.Hour, Patience: time.Minute}
	var receiver atomic.Value
	o.URL = g.Proxy(t, func() func(*wire.ServerFrame) []*wire.ServerFrame {
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if isPush(f) && !once.Swap(true) {
				to := f.GetPush().GetMessages()[0].GetTo().GetUserId()
				receiver.Store(to)
				if got, err := back.RevokeTokensWithResponse(context.Background(), to); err != nil || got.StatusCode() != 204 {
					t.Errorf("revoke: %v %s", err, got.Body)
				}
			}
			return []*wire.ServerFrame{f}
		}
	})
	_, err := bench.Single(t.Context(), o, []int{1})
	to, _ := receiver.Load().(string)
	if err == nil || to == "" || !strings.Contains(err.Error(), "the connection of "+to+" ended") || !strings.Contains(err.Error(), "4503") {
		t.Errorf("the error is %v, want one about %q", err, to)
	}
}

// TestSingle_AServerThatGoesAwayIsNamed stops gim in the middle.
func TestSingle_AServerThatGoesAwayIsNamed(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Duration = time.Hour
	var stop sync.WaitGroup
	defer stop.Wait()
	o.URL = g.Proxy(t, after(20, func() {
		stop.Go(func() { _ = g.Stop() }) // its end is checked when the test is over
	}))
	_, err := bench.Single(t.Context(), o, []int{2})
	// Who reads may notice first, or who sends.
	if err == nil || !strings.Contains(err.Error(), "the connection of bench-") && !strings.Contains(err.Error(), "send as bench-") {
		t.Errorf("the error is %v", err)
	}
}

// after calls back at the n-th push that passes a proxy.
func after(n int64, call func()) func() func(*wire.ServerFrame) []*wire.ServerFrame {
	var seen atomic.Int64
	return func() func(*wire.ServerFrame) []*wire.ServerFrame {
		return func(f *wire.ServerFrame) []*wire.ServerFrame {
			if isPush(f) && seen.Add(1) == n {
				call()
			}
			return []*wire.ServerFrame{f}
		}
	}
}

func TestBench_InterruptedTellsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Duration, o.WarmUp = time.Hour, 0
	for name, run := range map[string]func(context.Context, bench.Options) ([]bench.Result, error){
		"single": func(ctx context.Context, o bench.Options) ([]bench.Result, error) {
			return bench.Single(ctx, o, []int{2, 1})
		},
		"group": func(ctx context.Context, o bench.Options) ([]bench.Result, error) {
			return bench.Group(ctx, o, []bench.GroupSize{{Members: 3, Senders: 2}, {Members: 3, Senders: 1}}, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := o
			o.URL = g.Proxy(t, after(60, cancel))
			results, err := run(ctx, o)
			if err != nil || len(results) != 1 {
				t.Fatalf("%d results, %v; want that of the first round", len(results), err)
			}
			if r := results[0]; !r.OK() || !r.Interrupted || r.Messages < 10 || r.Seconds <= 0 || r.Seconds > 60 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestBench_InterruptedBeforeAnythingIsAnError(t *testing.T) {
	t.Parallel()
	_, o := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if results, err := bench.Single(ctx, o, []int{1}); !errors.Is(err, bench.ErrInterrupted) || len(results) > 0 {
		t.Errorf("%v, %v; want ErrInterrupted", results, err)
	}
}

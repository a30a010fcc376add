package bench_test

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

func TestGroup_Large(t *testing.T) {
	t.Parallel()
	on(t, allWays, func(t *testing.T, _ *gimtest.Gim, o bench.Options) {
		for _, persist := range []bool{true, false} {
			sizes := []bench.GroupSize{{Members: 5, Senders: 1, Large: true}, {Members: 5, Senders: 4, Large: true}}
			results, err := bench.Group(t.Context(), o, sizes, persist)
			good(t, 2, results, err)
			for _, r := range results {
				if r.Type != "large" || r.Deliveries < 4*r.Messages {
					t.Errorf("persist %v: %+v", persist, r)
				}
			}
		}
	})
}

// TestGroup_LargerThanOneCallMayMake needs several to make its group.
func TestGroup_LargerThanOneCallMayMake(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 0 }})
	shop := g.NewApp(t, "shop")
	o := bench.Options{URL: g.URL, AppKey: shop.Key, Via: bench.WebSocket, Duration: time.Nanosecond}
	const members = 1200
	results, err := bench.Crowd(t.Context(), o, bench.CrowdOptions{Members: []int{members}, Senders: []int{1}, Large: true})
	good(t, 1, results, err)
	groups, err := shop.Back(t).ListGroupsWithResponse(t.Context(), nil)
	if err != nil || groups.JSON200 == nil || len(groups.JSON200.Items) != 1 || groups.JSON200.Items[0].MemberCount != members {
		t.Errorf("groups: %v %s; want one of %d members", err, groups.Body, members)
	}
}

func TestGroup_LargerThanTheAppAllowsSaysWhatToDo(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	few := 501
	got, err := g.Caller().Admin(t).UpdateAppWithResponse(t.Context(), shop.ID, client.UpdateAppRequest{
		Settings: &client.AppSettings{MaxLargeGroupMembers: &few},
	})
	if err != nil || got.StatusCode() != 200 {
		t.Fatalf("change the app: %v %s", err, got.Body)
	}
	o := bench.Options{URL: g.URL, AppKey: shop.Key, Via: bench.WebSocket, Duration: time.Second}
	_, err = bench.Group(t.Context(), o, []bench.GroupSize{{Members: 502, Senders: 1, Large: true}}, true)
	for _, want := range []string{"501", `"max_large_group_members":502`, "/v1/apps/shop"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

// largeFaults are those of faults that have another name in a large group, and
// what only can happen there.
var largeFaults = []fault{
	{"a lost push", drop, isPush, lost, "waited in vain for message 4 of sender 0"},
	{"a doubled push", repeat, isPush, doubled, "again"},
	{"a push behind the next", nil, isAlone, disorder, "after place"},
	{"a push with an entry", edit(func(m *wire.Message) { m.Seq++ }), isPush, disorder, "entry 1 of its own log"},
	{"a push at another place", edit(func(m *wire.Message) { m.ConversationSeq += 100 }), isPush, disorder, "place 106"},
	{"a push of something else", edit(func(m *wire.Message) { m.Content = []byte(`{"text":"hello"}`) }), isPush, disorder, "which nobody of this run sent"},
	{"a lost acknowledgement", drop, isSent, lost, "acknowledgement of its message"},
	{"a doubled acknowledgement", repeat, isSent, disorder, "after place"},
	{"an acknowledgement of another place", answerElsewhere, isSent, disorder, "place 8"},
}

// answerElsewhere names the place after the next.
func answerElsewhere(f *wire.ServerFrame) []*wire.ServerFrame {
	f.GetSent().ConversationSeq += 2
	return []*wire.ServerFrame{f}
}

func TestGroup_FaultsOnTheWayOfALargeGroupAreFound(t *testing.T) {
	t.Parallel()
	g, o := start(t)
	o.Duration, o.WarmUp, o.Patience = time.Hour, 0, 3*time.Second
	for _, f := range largeFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.isFound(t, g, o, true)
		})
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	on(t, allWays, func(t *testing.T, g *gimtest.Gim, o bench.Options) {
		o.PIDs = []int{os.Getpid()}
		for _, large := range []bool{true, false} {
			c := bench.CrowdOptions{Members: []int{30, 60}, Senders: []int{1, 3}, Large: large, AdminURL: g.AdminURL}
			results, err := bench.Crowd(t.Context(), o, c)
			good(t, 4, results, err)
			for i, r := range results {
				if r.Workload != "crowd" || r.Members != c.Members[i/2] || r.Senders != c.Senders[i%2] || r.Type != map[bool]string{true: "large", false: "normal"}[large] {
					t.Errorf("round %d: %+v", i, r)
				}
				if c := r.Crowd; c.UsersSeconds <= 0 || c.MembersSeconds <= 0 || c.LiveMiB.Before <= 0 || c.LiveMiB.After <= 0 || c.AckRatio <= 0 {
					t.Errorf("round %d: %+v", i, c)
				}
			}
			if a, b := results[0].Crowd.AckRatio, results[1].Crowd.AckRatio; a != 1 || b != 1 {
				t.Errorf("the first group is compared to itself: %v, %v", a, b)
			}
		}
	})
}

func TestCrowd_AMemberThatIsNotToldIsALoss(t *testing.T) {
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
	results, err := bench.Crowd(t.Context(), o, bench.CrowdOptions{Members: []int{20}, Senders: []int{1}, Large: true})
	if err == nil || len(results) != 1 || results[0].Lost != 1 {
		t.Errorf("%+v, %v; want one lost", results, err)
	}
}

func TestCrowd_RefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	_, o := start(t)
	for want, c := range map[string]bench.CrowdOptions{
		"needs members": {Members: []int{100}},
		"0 senders":     {Members: []int{100}, Senders: []int{0}},
		"too small":     {Members: []int{100, 30}, Senders: []int{1, 10}},
	} {
		if _, err := bench.Crowd(context.Background(), o, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

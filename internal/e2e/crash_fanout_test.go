package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
)

// The program is killed while it writes messages to the logs of 300 members, and to
// the log of a large group of as many: each message is there for all of them, once
// and at one place, or for none.
func TestCrash_FanOutIsAllOrNothing(t *testing.T) {
	t.Parallel()
	const members, kills = 300, 25
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--rate-limit-sends", "0", "--rest-addr", fixedAddress(t)}})
	address := p.URL
	app := p.NewApp(t, "fanout")
	users := make([]string, members)
	for i := range users {
		users[i] = fmt.Sprintf("m%03d", i)
	}
	app.NewUsers(t, users...)
	newTeam(t, app, users...)
	large, hall := client.GroupType("large"), clientGroup("hall", users[1:])
	hall.Type = &large
	if got, err := app.Back(t).CreateGroupWithResponse(t.Context(), nil, hall); err != nil || got.JSON201 == nil {
		t.Fatalf("create a large group: %v, %s", err, got.Body)
	}
	rec := history.New()
	team := history.Group("team")
	rec.Converse(team, users...)
	rec.Converse(history.Group("hall"), users[1:]...) // its creation is in their logs

	phone := newPhone(t, rec, app, users[0], func() string { return address })
	var stop atomic.Bool
	sending, ctx := errgroup.WithContext(t.Context())
	senders := make([]*sender, 3)
	for i := range senders {
		senders[i] = byREST(t, rec, app, users[i], i, address)
		sending.Go(func() error { return senders[i].sendMany(ctx, func(int) bool { return stop.Load() }, team) })
	}
	said := newHallTalk(t, app, address)
	for i := range 3 {
		sending.Go(func() error { return said.talk(ctx, users[i+1], i, &stop) })
	}
	for range kills {
		time.Sleep(5*time.Millisecond + rand.N(60*time.Millisecond)) // a crash picks its own moment
		p.Kill()
		p.Start()
	}
	stop.Store(true)
	if err := sending.Wait(); err != nil {
		t.Fatal(err)
	}
	judge(t, rec, app, users, phone)
	said.judge(users[members-1])
	repeats := said.repeats.Load()
	for _, s := range senders {
		repeats += s.repeats.Load()
	}
	if repeats < kills {
		t.Errorf("%d kills interrupted %d sends: this shows nothing", kills, repeats)
	}
}

// hallTalk is what was acknowledged in a large group: numbers by text.
type hallTalk struct {
	t       *testing.T
	app     gimtest.App
	address string
	repeats atomic.Int64

	mu    sync.Mutex
	acked map[string]int64
}

func newHallTalk(t *testing.T, app gimtest.App, address string) *hallTalk {
	t.Helper()
	return &hallTalk{t: t, app: app, address: address, acked: make(map[string]int64)}
}

// talk says one thing after the other, each until it is settled.
func (h *hallTalk) talk(ctx context.Context, user string, lane int, stop *atomic.Bool) error {
	gim, to := gimtest.Caller{URL: h.address}.Client(h.t, h.app.Key, user), "hall"
	for n := 0; !stop.Load(); n++ {
		id := fmt.Sprintf("%d-%d", lane, n)
		body := client.SendMessageRequest{
			To: client.Target{GroupId: &to}, Type: "text", Content: []byte(`{"text":"` + id + `"}`), ClientMsgId: &id,
		}
		for done := false; !done; {
			got, err := gim.SendMessageWithResponse(ctx, nil, body)
			switch {
			case err != nil && ctx.Err() != nil:
				return ctx.Err()
			case err == nil && got.JSON201 != nil:
				h.note(id, got.JSON201.ConversationSeq)
				done = true
			case err == nil && got.JSON200 != nil:
				h.note(id, got.JSON200.ConversationSeq)
				done = true
			default:
				h.repeats.Add(1)
				pause(ctx)
			}
		}
	}
	return nil
}

func (h *hallTalk) note(text string, number int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked[text] = number
}

// judge reads the group's log as one of its members.
func (h *hallTalk) judge(user string) {
	h.t.Helper()
	found, after, limit := make(map[string]int64), int64(0), 200
	gim := h.app.For(h.t, user)
	for more := true; more; {
		got, err := gim.ListMessagesWithResponse(h.t.Context(), "group:hall", &client.ListMessagesParams{After: &after, Limit: &limit})
		if err != nil || got.JSON200 == nil {
			h.t.Fatalf("read the log of the group: %v, %+v", err, got)
		}
		for _, m := range got.JSON200.Items {
			text := textOf(m.Content)
			if _, twice := found[text]; twice || (after > 0 && m.ConversationSeq != after+1) {
				h.t.Errorf("%q is at %d after %d, twice: %v", text, m.ConversationSeq, after, twice)
			}
			found[text], after = m.ConversationSeq, m.ConversationSeq
		}
		more = got.JSON200.HasMore
	}
	if !maps.Equal(found, h.acked) {
		h.t.Errorf("the group has %d messages, acknowledged were %d, and they are not the same", len(found), len(h.acked))
	}
	if len(h.acked) == 0 || slices.Max(slices.Collect(maps.Values(h.acked))) != int64(len(h.acked))+1 { // behind the creation
		h.t.Errorf("%d messages were acknowledged and the last is at another place", len(h.acked))
	}
}

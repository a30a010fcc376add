package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
)

// crashes is how often the process is killed.
const crashes = 50

// The program is killed again and again while messages are sent to it, on the
// embedded database. Whatever was acknowledged is there afterwards, once and in
// order, and a send of unknown outcome is settled by sending it again.
func TestCrash_LosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{
		Args: []string{"--rate-limit-sends", "0", "--rest-addr", fixedAddress(t)},
	})
	address := p.URL // stays the same
	app := p.NewApp(t, "crash")
	users := []string{"alice", "bob", "carol"}
	app.NewUsers(t, users...)
	newTeam(t, app, users...)
	rec := history.New()
	pair, group := history.Single("alice", "bob"), history.Group("team")
	rec.Converse(pair, "alice", "bob")
	rec.Converse(group, users...)

	at := func() string { return address }
	alice, bob, carol := newPhone(t, rec, app, "alice", at), newPhone(t, rec, app, "bob", at), newPhone(t, rec, app, "carol", at)
	phones := []*phone{alice, bob, carol}
	senders := []*sender{
		byREST(t, rec, app, "alice", 0, address), byREST(t, rec, app, "bob", 1, address),
		byREST(t, rec, app, "carol", 2, address), byPhone(alice, 3), byPhone(bob, 4),
	}
	places := [][]history.Conversation{{pair, group}, {pair, group}, {group}, {group, pair}, {pair}}

	var stop atomic.Bool
	sending, ctx := errgroup.WithContext(t.Context())
	for i, s := range senders {
		sending.Go(func() error { // ends with stop
			return s.sendMany(ctx, func(int) bool { return stop.Load() }, places[i]...)
		})
	}
	for range crashes {
		time.Sleep(10*time.Millisecond + rand.N(90*time.Millisecond)) // a crash picks its own moment
		p.Kill()
		p.Start()
	}
	stop.Store(true)
	if err := sending.Wait(); err != nil {
		t.Fatal(err)
	}
	total, repeats := 0, int64(0)
	for _, s := range senders {
		total, repeats = total+s.sent, repeats+s.repeats.Load()
	}
	if repeats < crashes {
		t.Errorf("%d crashes interrupted %d sends: this shows nothing", crashes, repeats)
	}
	judge(t, rec, app, users, phones...)
	t.Logf("%d messages, %d attempts that settled nothing, %d crashes", total, repeats, crashes)
}

// newTeam creates the group "team".
func newTeam(t *testing.T, app gimtest.App, members ...string) {
	t.Helper()
	got, err := app.Back(t).CreateGroupWithResponse(context.Background(), nil, clientGroup("team", members))
	if err != nil || got.JSON201 == nil {
		t.Fatalf("create a group: %v, %s", err, got.Body)
	}
}

// fixedAddress finds a port below those that the system gives to outgoing
// connections, so that it is still free when a server is started again.
func fixedAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 22_000+rand.IntN(10_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}

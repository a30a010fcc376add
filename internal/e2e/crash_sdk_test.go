package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// A program of the SDK follows a large group, over WebSocket and TCP in turn, while
// the server is killed again and again: it is handed every message once and in order.
func TestCrash_TheSDKFollowsALargeGroup(t *testing.T) {
	t.Parallel()
	const kills = 20
	p := gimtest.StartProcess(t, gimtest.ProcessOptions{
		Args: []string{"--rate-limit-sends", "0", "--rest-addr", fixedAddress(t), "--tcp-addr", fixedAddress(t)},
	})
	app := p.NewApp(t, "sdk")
	app.NewUsers(t, "alice", "bob", "reader")
	large, group := client.GroupType("large"), clientGroup("hall", []string{"alice", "bob", "reader"})
	group.Type = &large
	if got, err := app.Back(t).CreateGroupWithResponse(t.Context(), nil, group); err != nil || got.JSON201 == nil {
		t.Fatalf("create a large group: %v, %s", err, got.Body)
	}
	var readers []*sdkReader
	for _, address := range []string{p.URL, p.TCPURL} {
		readers = append(readers, newSDKReader(t, app, address))
	}
	said := newHallTalk(t, app, p.URL)
	var stop atomic.Bool
	talking, ctx := errgroup.WithContext(t.Context())
	for i, user := range []string{"alice", "bob"} {
		talking.Go(func() error { return said.talk(ctx, user, i, &stop) })
	}
	for range kills {
		time.Sleep(20*time.Millisecond + rand.N(100*time.Millisecond)) // a crash picks its own moment
		p.Kill()
		p.Start()
	}
	stop.Store(true)
	if err := talking.Wait(); err != nil {
		t.Fatal(err)
	}
	said.judge("reader")
	for i, r := range readers {
		r.until(int64(len(said.acked)) + 1)
		for n, h := range r.heard() {
			if h.number != int64(n)+2 { // behind the creation
				t.Errorf("reader %d was handed %+v at place %d", i, h, n)
				break
			}
		}
		if s := r.stream.Stats(); s.Connects < kills/2 {
			t.Errorf("reader %d was connected %d times: this shows little", i, s.Connects)
		}
	}
}

// sdkReader is a program that stores what it is handed.
type sdkReader struct {
	t      *testing.T
	stream *client.Stream

	mu  sync.Mutex
	got []heard
}

func newSDKReader(t *testing.T, app gimtest.App, address string) *sdkReader {
	t.Helper()
	r := &sdkReader{t: t}
	token, _ := app.Token(t, "reader")
	stream, err := client.NewStream(client.StreamOptions{
		Address: address, Cursor: &client.Cursor{}, MinBackoff: 5 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
		Token: func(context.Context) (string, error) { return token, nil },
		Handler: client.Handler{Messages: func(_ context.Context, page []*wire.Message) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, m := range page {
				if m.GetSeq() == 0 {
					r.got = append(r.got, heard{0, m.GetConversationSeq(), textOf(m.GetContent())})
				}
			}
			return nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.stream = stream
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- stream.Run(ctx) }() // ends with the test
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *sdkReader) heard() []heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]heard(nil), r.got...)
}

// until waits for a message by its number.
func (r *sdkReader) until(number int64) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		got := r.heard()
		if len(got) > 0 && got[len(got)-1].number >= number {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d was not handed on in %s; there are %d: %s", number, patience, len(got), fmt.Sprint(got[max(0, len(got)-3):]))
		}
	}
}

package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// kept is what a program that uses a stream has stored.
type kept struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	log     []*wire.Message
	changed chan struct{}
}

func newKept(t *testing.T) *kept { return &kept{t: t, changed: make(chan struct{})} }

func (k *kept) store(_ context.Context, page []*wire.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range page {
		if m.GetSeq() != 0 {
			k.log = append(k.log, m)
		}
	}
	close(k.changed)
	k.changed = make(chan struct{})
	return nil
}

func (k *kept) last() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.log))
}

// until waits for the log to have n entries.
func (k *kept) until(n int64) {
	k.t.Helper()
	late := time.After(patience)
	for {
		k.mu.Lock()
		got, changed := int64(len(k.log)), k.changed
		k.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			k.t.Fatalf("has %d entries, want %d", got, n)
		}
	}
}

// isWhole checks that the log has neither a hole nor a repeat.
func (k *kept) isWhole() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, m := range k.log {
		if m.GetSeq() != int64(i)+1 {
			k.t.Fatalf("entry %d of the log has number %d", i+1, m.GetSeq())
		}
	}
}

// running is a stream that runs until the test is over.
type running struct {
	*client.Stream
	stop func() error
}

func runStream(t *testing.T, o client.StreamOptions) *running {
	t.Helper()
	o.MinBackoff, o.MaxBackoff = 10*time.Millisecond, 200*time.Millisecond
	s, err := client.NewStream(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with stop
	r := &running{Stream: s, stop: sync.OnceValue(func() error { cancel(); return <-ended })}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the stream ended with %v", err)
		}
	})
	return r
}

func always(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// One client changes from WebSocket to TCP to the long poll and back while others
// write to it, and its log has no hole and no repeat.
func TestStream_OneLogOverEveryTransport(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		token, _ := app.Token(t, "bob")
		mine := newKept(t)
		var all client.Cursor
		o := client.StreamOptions{Address: g.URL, Token: always(token), Cursor: &all, Handler: client.Handler{Messages: mine.store}}
		s := runStream(t, o)

		stop, sent := make(chan struct{}), make(chan int64, 1)
		go func() { // ends with stop
			var n int64
			for ; ; n++ {
				select {
				case <-stop:
					sent <- n
					return
				default:
					app.SendText(t, "alice", "bob", fmt.Sprint("number ", n), fmt.Sprint("n-", n))
				}
			}
		}()
		send := func() {
			to := &wire.Target{UserId: "alice"}
			if _, err := s.Send(t.Context(), &wire.Send{To: to, Type: "text", Content: []byte(`{"text":"mine"}`)}); err != nil {
				t.Errorf("send: %v", err)
			}
		}
		for range 3 {
			mine.until(mine.last() + 20)
			send()
			s.SwitchTo(g.TCPURL)
			mine.until(mine.last() + 20)
			send()
			s.SwitchTo(g.URL)
		}
		if err := s.stop(); err != nil { // and now by polling
			t.Fatal(err)
		}
		rest := app.Client(t, token, "")
		for range 5 {
			after, wait := mine.last(), 5
			page, err := rest.SyncWithResponse(t.Context(), &client.SyncParams{After: &after, Wait: &wait})
			if err != nil || page.JSON200 == nil {
				t.Fatalf("sync: %v", err)
			}
			for _, m := range page.JSON200.Items {
				_ = mine.store(t.Context(), []*wire.Message{{Seq: m.Seq, ConversationSeq: m.ConversationSeq}}) // it cannot fail
			}
		}
		all = s.Cursor()
		all.Seq = mine.last()
		o.Address = g.TCPURL
		back := runStream(t, o)
		close(stop)
		mine.until(<-sent + 6)
		mine.isWhole()
		if st := back.Stats(); st.Gaps+s.Stats().Gaps > 0 {
			t.Errorf("entries had to be asked for: %+v, %+v", s.Stats(), st)
		}
	})
}

// A stream outlives a gim that is killed in the middle of it.
func TestStream_OutlivesAKilledServer(t *testing.T) {
	t.Parallel()
	g := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--rate-limit-sends", "0"}})
	app := g.NewApp(t, "streams")
	app.NewUsers(t, "alice", "bob")
	logs := map[string]*kept{"alice": newKept(t), "bob": newKept(t)}
	streams := make(map[string]*running)
	addresses := map[string]string{"alice": g.TCPURL, "bob": g.URL}
	for user, log := range logs {
		token, _ := app.Token(t, user)
		streams[user] = runStream(t, client.StreamOptions{
			Address: addresses[user], Token: always(token), Cursor: &client.Cursor{}, Handler: client.Handler{Messages: log.store},
		})
	}
	const each = 200
	var senders sync.WaitGroup
	for user, peer := range map[string]string{"alice": "bob", "bob": "alice"} {
		senders.Go(func() {
			for i := range each {
				sent, err := streams[user].Send(t.Context(), &wire.Send{
					To: &wire.Target{UserId: peer}, Type: "text", Content: fmt.Appendf(nil, `{"text":"%s %d"}`, user, i),
				})
				if err != nil || sent.GetSeq() == 0 {
					t.Errorf("send: %v, %v", sent, err)
					return
				}
			}
		})
	}
	for range 3 {
		logs["bob"].until(logs["bob"].last() + 30)
		g.Kill()
		g.Start()
	}
	senders.Wait()
	for user, log := range logs {
		log.until(2 * each)
		log.isWhole()
		own, theirs := 0, 0
		for _, m := range log.log {
			prefix, n := user, &own
			if m.GetSender().GetUserId() != user {
				prefix, n = m.GetSender().GetUserId(), &theirs
			}
			if want := fmt.Sprintf(`{"text":"%s %d"}`, prefix, *n); string(m.GetContent()) != want {
				t.Fatalf("%s has %s, want %s", user, m.GetContent(), want)
			}
			*n++
		}
	}
}

// A device that connects elsewhere ends the stream: it must not come back.
func TestStream_ReplacedIsTheEnd(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice")
		token, _ := (gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}).Token(t, "alice")
		connected := make(chan struct{}, 1)
		s, err := client.NewStream(client.StreamOptions{Address: g.TCPURL, Token: always(token), Handler: client.Handler{State: func(st client.State) {
			if st.Phase == client.Connected {
				connected <- struct{}{}
			}
		}}})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Run(context.Background()) }() // ends when it is replaced
		<-connected
		conn, err := client.Dial(t.Context(), g.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // the test is over
		if _, err := conn.SignIn(t.Context(), token, nil); err != nil {
			t.Fatal(err)
		}
		if closed, ok := errors.AsType[*client.ClosedError](<-ended); !ok || wire.CloseCode(closed.Code) != wire.CloseReplaced { //nolint:gosec // small
			t.Errorf("ended with %v", closed)
		}
		if _, err := s.Send(t.Context(), &wire.Send{}); !errors.Is(err, client.ErrEnded) {
			t.Errorf("send after the end: %v", err)
		}
	})
}

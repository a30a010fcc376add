package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

// watched is a watcher in a bubble of synctest, with what it told.
type watched struct {
	*auth.Watcher
	store *store
	logs  *bytes.Buffer
	told  []int64
	lost  int
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{store: newStore(), logs: new(bytes.Buffer)}
	var err error
	w.Watcher, err = auth.NewWatcher(auth.WatcherOptions{
		Store: w.store, Clock: domain.SystemClock{}, Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
	})
	noError(t, err)
	w.Listen(func(r domain.Revocation) { w.told = append(w.told, r.Seq) }, func() { w.lost++ })
	return w
}

// run starts Run; it ends with the test.
func (w *watched) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
}

func (w *watched) add(n int) {
	for range n {
		w.store.revoke(domain.Revocation{Kind: domain.RevokedTokens, App: 1, User: 1}, func() {})
	}
}

func (w *watched) wantTold(t *testing.T, from, to int64) {
	t.Helper()
	synctest.Wait()
	var want []int64
	for seq := from; seq <= to; seq++ {
		want = append(want, seq)
	}
	if diff := cmp.Diff(want, w.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func (w *watched) wantLogged(t *testing.T, times int, message string) {
	t.Helper()
	if n := strings.Count(w.logs.String(), message); n != times {
		t.Errorf("%q was logged %d times, want %d, in:\n%s", message, n, times, w.logs)
	}
}

const (
	distrustMessage = "remembered credentials are not trusted"
	trustMessage    = "remembered credentials are trusted"
)

func TestWatcher_TellsWhatIsNewOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.add(3) // before it started: nobody remembers anything of that time
		noError(t, w.Start(t.Context()))
		w.add(1) // between Start and Run
		w.run(t)
		w.wantTold(t, 4, 4)
		w.add(1200) // more than two pages
		time.Sleep(time.Second)
		w.wantTold(t, 4, 1204)
		time.Sleep(10 * time.Second)
		w.wantTold(t, 4, 1204)
	})
}

func TestWatcher_WakeLooksAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		noError(t, w.Start(t.Context()))
		w.run(t)
		w.add(1)
		w.Wake()
		w.Wake()
		w.wantTold(t, 1, 1) // without any time passing
	})
}

func TestWatcher_IsNotSyncedBeforeItStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.store.err = errors.New("down")
		if w.Start(t.Context()) == nil || w.Synced() {
			t.Fatal("started without a store")
		}
		w.run(t)
		w.wantLogged(t, 1, distrustMessage)
		w.store.do(func() { w.store.err = nil })
		w.add(2) // in the log before the start succeeds
		time.Sleep(time.Second)
		synctest.Wait()
		if !w.Synced() {
			t.Error("not synced after the store came back")
		}
		w.wantLogged(t, 1, trustMessage)
		w.wantTold(t, 1, 0)
	})
}

func TestWatcher_TrustEndsAfterFourSecondsAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		noError(t, w.Start(t.Context()))
		w.run(t)
		w.store.do(func() { w.store.err = errors.New("down") })
		w.add(1)
		time.Sleep(4 * time.Second)
		if !w.Synced() {
			t.Error("not synced, four seconds after the last look")
		}
		time.Sleep(time.Millisecond)
		if w.Synced() {
			t.Error("synced, more than four seconds after the last look")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantLogged(t, 1, distrustMessage)
		w.wantLogged(t, 1, "down")

		w.store.do(func() { w.store.err = nil })
		time.Sleep(time.Second)
		w.wantTold(t, 1, 1)
		if !w.Synced() {
			t.Error("not synced after the store came back")
		}
		w.wantLogged(t, 1, trustMessage)
	})
}

func TestWatcher_ShortFailureIsNotLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		noError(t, w.Start(t.Context()))
		w.run(t)
		w.store.do(func() { w.store.err = errors.New("down") })
		time.Sleep(2500 * time.Millisecond)
		w.store.do(func() { w.store.err = nil })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if w.logs.Len() > 0 {
			t.Errorf("logged: %s", w.logs)
		}
	})
}

// Of a clock that was set back nobody knows how far it is from the last look.
func TestWatcher_IsNotSyncedAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if !w.watcher.Synced() {
		t.Fatal("not synced at the start")
	}
	w.clock.Advance(-time.Second)
	if w.watcher.Synced() {
		t.Error("synced")
	}
}

// hangingLog is a log whose first read never answers.
type hangingLog struct {
	*store
	hung bool
}

func (h *hangingLog) Revocations(ctx context.Context, after int64, limit int) ([]domain.Revocation, error) {
	if !h.hung {
		h.hung = true
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.store.Revocations(ctx, after, limit)
}

func TestWatcher_GivesUpALookThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		var err error
		w.Watcher, err = auth.NewWatcher(auth.WatcherOptions{
			Store: &hangingLog{store: w.store}, Clock: domain.SystemClock{}, Logger: slog.New(slog.DiscardHandler),
		})
		noError(t, err)
		w.Listen(func(r domain.Revocation) { w.told = append(w.told, r.Seq) }, nil)
		noError(t, w.Start(t.Context()))
		w.add(1)
		w.run(t)
		time.Sleep(4 * time.Second)
		w.wantTold(t, 1, 1)
	})
}

func (w *watched) drop(seq int64) (dropped domain.Revocation) {
	w.store.do(func() {
		for i, r := range w.store.log {
			if r.Seq == seq {
				dropped = r
				w.store.log = append(w.store.log[:i:i], w.store.log[i+1:]...)
				return
			}
		}
	})
	return dropped
}

func TestWatcher_WaitsForAnEntryThatIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		noError(t, w.Start(t.Context()))
		w.add(3)
		late := w.drop(2)
		w.run(t)
		w.wantTold(t, 1, 1)
		w.store.do(func() { w.store.log = []domain.Revocation{w.store.log[0], late, w.store.log[1]} })
		time.Sleep(time.Second)
		w.wantTold(t, 1, 3)
		if w.lost != 0 {
			t.Error("listeners were told of a loss")
		}
	})
}

func TestWatcher_LostEntriesAreToldAsLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		noError(t, w.Start(t.Context()))
		w.add(3)
		w.drop(1)
		w.drop(2)
		w.run(t)
		time.Sleep(time.Second)
		w.wantTold(t, 3, 3)
		if w.lost != 1 {
			t.Errorf("listeners were told of %d losses, want 1", w.lost)
		}
		w.wantLogged(t, 1, "revocations were lost")
	})
}

func TestAuthenticator_ForgetsEverythingWhenRevocationsWereLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(t)
	token := w.token(t, "").Token
	_, err := w.auth.User(t.Context(), token)
	noError(t, err)
	looked := make(chan struct{}, 100)
	w.store.do(func() {
		w.store.after = func(call string) {
			if call == "Revocations" {
				looked <- struct{}{}
			}
		}
		w.store.log = []domain.Revocation{{Seq: 7, Kind: domain.RevokedTokens, App: 9, User: 9}}
	})
	for lost := false; !lost; {
		w.watcher.Wake()
		select {
		case <-w.lost:
			lost = true
		case <-looked:
		}
	}
	before := w.store.callCount()
	_, err = w.auth.User(t.Context(), token)
	noError(t, err)
	if w.store.callCount() == before {
		t.Error("the store was not asked again")
	}
}

func TestNewWatcher_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := auth.WatcherOptions{Store: newStore(), Clock: newClock(), Logger: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*auth.WatcherOptions){
		"no store":            func(o *auth.WatcherOptions) { o.Store = nil },
		"no clock":            func(o *auth.WatcherOptions) { o.Clock = nil },
		"no logger":           func(o *auth.WatcherOptions) { o.Logger = nil },
		"negative interval":   func(o *auth.WatcherOptions) { o.Interval = -1 },
		"stale between looks": func(o *auth.WatcherOptions) { o.Interval = 5 * time.Second },
	} {
		o := good
		change(&o)
		if _, err := auth.NewWatcher(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/metrics"
)

// Options say what to run.
type Options struct {
	Config config.Config // must have been validated
	Logger *slog.Logger  // required
	Clock  domain.Clock  // nil is the system's

	// Ready is called once, when work is accepted; nil is allowed.
	Ready func(Addrs)
	// AdminKey is called with the admin key where one was made, at the only
	// moment it is known. It must not reach a log. Required unless the settings
	// hold a key.
	AdminKey func(key string)
	// Demo is called after Ready where the demo runs; nil is allowed.
	Demo func(Demo)
}

// Addrs are the addresses that an App listens on, with real ports. Those that
// its roles do not need are "".
type Addrs struct {
	REST  string `json:"rest,omitempty"` // with WebSocket
	TCP   string `json:"tcp,omitempty"`
	Admin string `json:"admin"`
}

// App is one gim.
type App struct {
	Options
	rest, tcp net.Listener // nil without a role that needs them
	admin     net.Listener
	tls       *tls.Config // of tcp; nil where that is plain
	health    health
	metrics   *metrics.Metrics
	started   sync.Once
}

// errRunTwice is what a second Run gets.
var errRunTwice = errors.New("app: Run was called before")

// New takes the listeners and starts nothing. Whoever does not go on to Run
// calls Close.
func New(o Options) (*App, error) {
	if o.Logger == nil || (o.AdminKey == nil && o.Config.AdminKey == "") {
		return nil, errors.New("app: Options.Logger or Options.AdminKey is missing")
	}
	if o.Clock == nil {
		o.Clock = domain.SystemClock{}
	}
	a := &App{Options: o, metrics: metrics.New()}
	if err := a.listen(context.Background()); err != nil { // on an address, not a name, that does not wait
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// listen takes the listeners that the roles need.
func (a *App) listen(ctx context.Context) (err error) {
	c := &a.Config
	silence := max(c.Heartbeat*5/2, minSilence)
	if c.Has(config.RoleREST) || c.Has(config.RoleWS) {
		if a.rest, err = listen(ctx, "rest-addr", c.RESTAddr, silence); err != nil {
			return err
		}
	}
	if c.Has(config.RoleTCP) {
		if a.tls, err = a.tcpTLS(); err != nil {
			return err
		}
		if a.tcp, err = listen(ctx, "tcp-addr", c.TCPAddr, silence); err != nil {
			return err
		}
	}
	a.admin, err = listen(ctx, "admin-addr", c.AdminAddr, silence)
	return err
}

// Addrs returns where the App listens.
func (a *App) Addrs() Addrs {
	return Addrs{REST: addrOf(a.rest), TCP: addrOf(a.tcp), Admin: addrOf(a.admin)}
}

func addrOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Close gives back the listeners of an App that was never run.
func (a *App) Close() (err error) {
	for _, l := range []net.Listener{a.rest, a.tcp, a.admin} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

// Run opens the store and the bus, serves until ctx ends or something breaks,
// and drains. It returns nil after a drain, when all goroutines are gone. The
// error is an [ErrStorage] when the store could not be opened.
func (a *App) Run(ctx context.Context) error {
	first := false
	a.started.Do(func() { first = true })
	if !first {
		return errRunTwice
	}
	defer a.Close() //nolint:errcheck // mostly closed by the servers
	admin := newServer(ctx, adminHandler(&a.health, a.metrics.Handler()), a.Logger)
	// The admin listener answers from the beginning, so that a long migration
	// is seen as starting, and until the end. Its goroutine ends with the Close.
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := serve(admin, a.admin); err != nil {
			a.Logger.ErrorContext(ctx, "admin listener failed", slog.Any("err", err))
		}
	})
	defer wait.Wait()
	defer admin.Close() //nolint:errcheck // nobody waits for an answer about a gim that is gone

	n, err := a.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting: nothing to drain
		}
		return err
	}
	err = a.serve(ctx, n)
	return errors.Join(err, storageError("close the store", n.store.Close()))
}

// serve runs n until ctx ends or a part of it fails, and drains.
func (a *App) serve(ctx context.Context, n *node) error {
	// Background work outlives ctx: requests under way need it to be finished.
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	group, failed := errgroup.WithContext(background)
	for name, run := range n.background() {
		group.Go(func() error {
			if err := run(background); err != nil && background.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	draining, startDraining := context.WithCancel(context.WithoutCancel(ctx))
	defer startDraining()
	rest := newServer(ctx, limitBodyTime(endPolls(draining, n.handler)), a.Logger)
	if a.rest != nil {
		group.Go(func() error { return serve(rest, a.rest) })
	}
	if a.tcp != nil {
		group.Go(func() error { return n.tcp.Serve(draining, a.tcp) }) // connections last until they are drained
	}

	a.health.set(phaseServing)
	a.announce(ctx, n)
	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	a.health.set(phaseDraining)
	a.Logger.InfoContext(ctx, "draining", slog.String("at_most", a.Config.DrainTimeout.String()))
	deadline := time.After(a.Config.DrainTimeout)
	startDraining()
	finished := a.drain(ctx, n, rest)
	stopBackground()
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }() // ends with the group, which is over in a moment
	select {
	case err := <-ended:
		a.Logger.InfoContext(ctx, "stopped", slog.Bool("finished", finished))
		return err
	case <-deadline: // the database hangs in the last batch
		return storageError("drain", errStuck)
	}
}

// errStuck leaves open whether the last sends were stored. Their callers were
// not answered and send again.
var errStuck = errors.New("the store has not finished within --drain-timeout")

func (a *App) announce(ctx context.Context, n *node) {
	addrs := a.Addrs()
	a.Logger.InfoContext(ctx, "accepting work",
		slog.String("rest", addrs.REST), slog.String("tcp", addrs.TCP), slog.String("admin", addrs.Admin),
		slog.Any("roles", a.Config.Roles), slog.String("bus", n.busKind))
	if a.Ready != nil {
		a.Ready(addrs)
	}
	if a.Demo != nil && n.demo != nil {
		a.Demo(Demo{URL: "http://" + addrs.REST, AppKey: n.demo.key, Sender: "alice", Receiver: "bob"})
	}
}

// drain sends the long connections elsewhere and lets requests finish, both
// within the time that the settings give.
func (a *App) drain(ctx context.Context, n *node, rest *http.Server) (finished bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.DrainTimeout-drainReserve(a.Config.DrainTimeout))
	defer cancel()
	var connections sync.WaitGroup
	connections.Go(func() { // ends with ctx at the latest
		n.gateway.Drain(ctx)
		n.presence.Flush(ctx) // while the bus still tells others
	})
	finished = shutdown(ctx, rest)
	connections.Wait()
	return finished
}

// drainReserve is the part of the drain timeout that is left for the last
// batch of messages and for closing the store.
func drainReserve(timeout time.Duration) time.Duration { return timeout / 10 }

// endPolls ends what waits for news when draining ends: such a request would
// otherwise be held for its full time. It is answered as unavailable, which
// sends the client to another node, or here again after the restart.
func endPolls(draining context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/sync" || r.URL.Query().Get("wait") == "" {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(draining, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Package gimtest starts whole gims for tests: in the test's own process
// ([Start], [StartPair]) or as a process that can be killed ([StartProcess]).
// Nothing outside test code may import it.
//
// Every gim listens on free ports of 127.0.0.1, has its own data, and ends with
// the test that asked for it; what it logged is shown when the test fails.
// Functions and methods report trouble through the testing.TB they were given
// and are called from the goroutine of that test.
package gimtest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/testserver"
)

// Backend says what a gim stands on.
type Backend int

const (
	// SQLite is the embedded database and the bus within the process.
	SQLite Backend = iota
	// MySQLRedis is a private MariaDB and a private Redis, see testserver.
	MySQLRedis
)

// Config is the settings of a gim, for Options.Configure.
type Config = config.Config

// Options say what to start; the zero value is a gim on SQLite.
type Options struct {
	Backend Backend
	Clock   domain.Clock // nil is the system's
	Demo    bool         // with the demo app, see Gim.DemoApp
	// Configure may change the settings before the start, or be nil.
	Configure func(*Config)
}

// adminKey is the operator's key of every gim of this package.
const adminKey = "test-admin-key-0123456789"

// stopTimeout bounds how long a gim may take to stop; it is only reached when
// something hangs.
const stopTimeout = time.Minute

// Gim is a running gim.
type Gim struct {
	URL      string // of REST, without a slash at the end
	WSURL    string // of the WebSocket
	TCPURL   string // of raw TCP, as client.Dial takes it
	TCPAddr  string // of raw TCP, host and port; client.Dial takes "tcp://" + TCPAddr
	AdminURL string // of the admin listener
	AdminKey string
	Config   config.Config

	log  *logBuffer
	stop func() error // drains, and returns what Run returned
}

// Start starts a gim in this process and waits until it accepts work. It is
// drained when the test ends.
func Start(tb testing.TB, o Options) *Gim {
	tb.Helper()
	return start(tb, o, Settings(tb, o))
}

// StartPair starts two gims on one MariaDB and one Redis.
func StartPair(tb testing.TB, o Options) (a, b *Gim) {
	tb.Helper()
	o.Backend = MySQLRedis
	first := Settings(tb, o)
	second := first
	second.DataDir = tb.TempDir()
	return start(tb, o, first), start(tb, o, second)
}

// Settings returns what Start would run with: free ports, an empty data
// directory, private servers.
func Settings(tb testing.TB, o Options) config.Config {
	tb.Helper()
	c := config.Default()
	c.DataDir = tb.TempDir()
	c.RESTAddr, c.TCPAddr, c.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.AdminKey = adminKey
	c.SecretKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	c.LogLevel = "debug"
	if o.Backend == MySQLRedis {
		c.MySQLDSN = config.Secret(testserver.MariaDB(tb))
		c.RedisURL = config.Secret(testserver.NewRedis(tb).URL())
	}
	c.Demo = o.Demo
	if o.Configure != nil {
		o.Configure(&c)
	}
	return c
}

func start(tb testing.TB, o Options, c config.Config) *Gim {
	tb.Helper()
	if err := c.Validate(); err != nil {
		tb.Fatalf("gimtest: the settings are not good: %v", err)
	}
	g := &Gim{AdminKey: c.AdminKey.Reveal(), Config: c, log: &logBuffer{}}
	ready := make(chan struct{})
	a, err := app.New(app.Options{
		Config: c, Clock: o.Clock,
		Logger:   slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready:    func(app.Addrs) { close(ready) },
		AdminKey: func(string) {},
	})
	if err != nil {
		tb.Fatalf("gimtest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with stop
	g.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(stopTimeout):
			panic("gimtest: gim does not stop") // with the stacks of what hangs
		}
	})
	tb.Cleanup(func() { g.finish(tb) })
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		tb.Fatalf("gimtest: gim did not start: %v\n%s", err, g.log)
	}
	addrs := a.Addrs()
	g.URL, g.WSURL, g.AdminURL = "http://"+addrs.REST, "ws://"+addrs.REST+"/v1/ws", "http://"+addrs.Admin
	g.TCPAddr, g.TCPURL = addrs.TCP, "tcp://"+addrs.TCP
	return g
}

// finish ends what is left when the test is over.
func (g *Gim) finish(tb testing.TB) {
	tb.Helper()
	if err := g.stop(); err != nil {
		tb.Errorf("gimtest: gim ended with an error: %v", err)
	}
	if tb.Failed() {
		tb.Logf("gim logged:\n%s", g.log)
	}
}

// Stop drains the gim and returns what its Run returned. Stopping again returns
// the same.
func (g *Gim) Stop() error { return g.stop() }

// Log returns what was logged up to now, as JSON lines.
func (g *Gim) Log() string { return g.log.String() }

// logBuffer keeps the log; it may be written to and read concurrently.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write appends p.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

// String returns everything written up to now.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

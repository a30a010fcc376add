package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
)

// Starting a gim takes longer than most tests of it, and a gim serves many
// apps: so the tests of REST share one for each backend, and each test has an
// app of its own. Tests that need other settings start a gim of their own.
var shared = struct {
	mu   sync.Mutex // guards what follows
	gims map[gimtest.Backend]*gimtest.Gim
	ends []func() // stop the gims, to be called in reverse order
	dirs []string
}{gims: make(map[gimtest.Backend]*gimtest.Gim)}

// backendNames are the names of the subtests.
var backendNames = map[gimtest.Backend]string{gimtest.SQLite: "sqlite", gimtest.MySQLRedis: "mysql+redis"}

// onBackends runs test on a shared gim of each kind.
func onBackends(t *testing.T, test func(t *testing.T, g *gimtest.Gim)) {
	t.Helper()
	t.Parallel()
	for backend, name := range backendNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, sharedGim(t, backend))
		})
	}
}

func sharedGim(t *testing.T, backend gimtest.Backend) *gimtest.Gim {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.gims[backend] == nil { // stays nil where the start skips or fails the test
		shared.gims[backend] = gimtest.Start(wholeRun{t}, gimtest.Options{Backend: backend, Configure: unlimited})
	}
	return shared.gims[backend]
}

// unlimited lets a test send as fast as it can.
func unlimited(c *config.Config) { c.RateLimitSends = 0 }

// wholeRun is the test that starts a shared gim, but what is to be cleaned up
// then is kept until all tests are over. shared.mu is held while it is used.
type wholeRun struct{ testing.TB }

func (w wholeRun) Cleanup(f func()) { shared.ends = append(shared.ends, f) }

func (w wholeRun) TempDir() string {
	dir, err := os.MkdirTemp("", "gim-e2e-")
	if err != nil {
		w.Fatal(err)
	}
	shared.dirs = append(shared.dirs, dir)
	return dir
}

// Failed is asked for when everything is over: the log of all tests together
// would help nobody, and each test shows the lines that concern it.
func (w wholeRun) Failed() bool { return false }

// Helper is called after the test is over.
func (w wholeRun) Helper() {}

// Errorf is called where a gim does not end well.
func (w wholeRun) Errorf(format string, args ...any) { complain(format, args...) }

// withShared runs the tests, ends the shared gims, and fails the run when one
// of them reported trouble: an expected failure is never logged as one.
type withShared struct{ m *testing.M }

var complaints int

func complain(format string, args ...any) {
	complaints++
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (w withShared) Run() int {
	code := w.m.Run()
	for _, end := range slices.Backward(shared.ends) {
		end()
	}
	for backend, g := range shared.gims {
		for line := range strings.SplitSeq(g.Log(), "\n") {
			if strings.Contains(line, `"level":"ERROR"`) {
				complain("gim on %s logged: %s", backendNames[backend], line)
			}
		}
	}
	for _, dir := range shared.dirs {
		_ = os.RemoveAll(dir)
	}
	if code == 0 && complaints > 0 {
		return 1
	}
	return code
}

package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// recorder is a test that notes how it was ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// requireAlone runs require in a goroutine of its own, which it may end.
func requireAlone(program string) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		require(r, program, "the-package")
	}()
	<-done
	return r
}

func TestRequire_MissingProgramSkipsAndNamesThePackage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves all servers out before it looks for them")
	}
	t.Setenv(EnvAll, "")
	got := requireAlone("no-such-program")
	if !strings.Contains(got.skipped, "the-package") || got.failed != "" {
		t.Errorf("skipped %q, failed %q; want a skip that names the-package", got.skipped, got.failed)
	}
}

func TestRequire_MissingProgramFailsAFullRun(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves all servers out before it looks for them")
	}
	t.Setenv(EnvAll, "1")
	got := requireAlone("no-such-program")
	if !strings.Contains(got.failed, "the-package") || got.skipped != "" {
		t.Errorf("skipped %q, failed %q; want a failure that names the-package", got.skipped, got.failed)
	}
}

func TestTempDir_RemovesWhatADeadProcessLeft(t *testing.T) {
	// Linux gives no process an id above 2^22.
	left := fmt.Sprintf("/tmp/gim-test-%d-left", 1<<22+os.Getpid())
	if err := os.MkdirAll(filepath.Join(left, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine, err := tempDir("sweep")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(mine)
	sweep()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", left, err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the directory of a living process was removed: %v", err)
	}
}

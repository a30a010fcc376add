package gimtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const readyTimeout = time.Minute

// ProcessOptions say how to start the program.
type ProcessOptions struct {
	DataDir string   // "" is a directory of the test's own
	Args    []string // after `gim serve`; they win over what this package sets
	Env     []string // GIM_… variables; nothing else of the kind is passed on
	// NoAdminKey lets gim make its admin key itself.
	NoAdminKey bool
}

// Process is gim as a process of its own, as an operator runs it.
type Process struct {
	URL      string
	WSURL    string
	TCPURL   string // as client.Dial takes it
	TCPAddr  string // host and port
	AdminURL string
	AdminKey string // "" with NoAdminKey
	DataDir  string

	tb      testing.TB
	options ProcessOptions
	rest    string // addresses, from the first start on
	tcp     string
	admin   string
	cmd     *exec.Cmd
	stderr  *logBuffer
	stdout  *logBuffer
	waited  chan struct{} // closed when the process has ended
}

// Caller returns what makes clients for p.
func (p *Process) Caller() Caller { return Caller{URL: p.URL, AdminKey: p.AdminKey} }

// NewApp creates an app.
func (p *Process) NewApp(tb testing.TB, id string) App { tb.Helper(); return p.Caller().NewApp(tb, id) }

// StartProcess builds the program, once per test binary, and starts it. It
// waits for the line that says gim is ready. The process is killed when the test
// ends. It is left out of `go test -short`.
func StartProcess(tb testing.TB, o ProcessOptions) *Process {
	tb.Helper()
	p := NewProcess(tb, o)
	p.Start()
	return p
}

// NewProcess is StartProcess without the start, for programs that are not
// meant to become ready.
func NewProcess(tb testing.TB, o ProcessOptions) *Process {
	tb.Helper()
	if testing.Short() {
		tb.Skip("starts a process, which -short leaves out")
	}
	p := &Process{tb: tb, options: o, DataDir: o.DataDir, rest: "127.0.0.1:0", tcp: "127.0.0.1:0", admin: "127.0.0.1:0"}
	if p.DataDir == "" {
		p.DataDir = filepath.Join(tb.TempDir(), "data")
	}
	if !o.NoAdminKey {
		p.AdminKey = adminKey
	}
	tb.Cleanup(p.finish)
	return p
}

// Start starts the program, on the same data and ports as the last time, and
// waits until it is ready.
func (p *Process) Start() {
	p.tb.Helper()
	p.Launch()
	ended := time.AfterFunc(readyTimeout, p.Kill) // then there is no line to wait for
	defer ended.Stop()
	line, err := p.stdout.firstLine(p.waited)
	if err != nil {
		p.tb.Fatalf("gimtest: gim did not become ready: %v\n%s", err, p.stderr)
	}
	var ready struct {
		Event string
		Addrs struct{ REST, TCP, Admin string }
	}
	if err := json.Unmarshal(line, &ready); err != nil || ready.Event != "ready" {
		p.tb.Fatalf("gimtest: the first line is not the ready line: %q, %v", line, err)
	}
	p.rest, p.tcp, p.admin = cmp.Or(ready.Addrs.REST, p.rest), cmp.Or(ready.Addrs.TCP, p.tcp), ready.Addrs.Admin
	p.URL, p.WSURL, p.TCPAddr, p.TCPURL, p.AdminURL = "http://"+p.rest, "ws://"+p.rest+"/v1/ws", ready.Addrs.TCP, "tcp://"+ready.Addrs.TCP, "http://"+p.admin
}

// Launch starts the program and does not wait for anything.
func (p *Process) Launch() {
	p.tb.Helper()
	args := append([]string{
		"serve", "--data-dir", p.DataDir, "--rest-addr", p.rest, "--tcp-addr", p.tcp, "--admin-addr", p.admin, "--log-level", "debug",
	}, p.options.Args...)
	cmd := exec.Command(Binary(p.tb), args...) //nolint:gosec // built from this module
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GIM_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	if p.AdminKey != "" {
		cmd.Env = append(cmd.Env, "GIM_ADMIN_KEY="+p.AdminKey)
	}
	cmd.Env = append(cmd.Env, p.options.Env...)
	p.stdout, p.stderr = &logBuffer{}, &logBuffer{}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.SysProcAttr = dieWithParent()
	p.cmd, p.waited = cmd, make(chan struct{})
	if err := p.run(); err != nil {
		p.cmd = nil
		p.tb.Fatalf("gimtest: start gim: %v", err)
	}
}

// run starts the process on a thread that stays until it has ended: the kernel
// takes the end of that thread for the death of the parent.
func (p *Process) run() error {
	cmd, done := p.cmd, p.waited
	started := make(chan error, 1)
	go func() { // ends with the process
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its exit code is asked for later
			close(done)
		}
	}()
	return <-started
}

// Wait waits for the process to end by itself and returns its exit code, -1
// when a signal ended it.
func (p *Process) Wait() (exitCode int) {
	p.tb.Helper()
	select {
	case <-p.waited:
	case <-time.After(stopTimeout):
		p.Kill()
		p.tb.Fatalf("gimtest: gim does not end\n%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatalf("gimtest: signal gim: %v", err)
	}
}

// Terminate asks the process to drain, as a service manager does, and returns
// its exit code.
func (p *Process) Terminate() (exitCode int) {
	p.tb.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait()
}

// Kill ends the process at once, as a crash does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.waited
}

// Stdout returns what the process printed since its last start.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the process logged since its last start.
func (p *Process) Stderr() string { return p.stderr.String() }

// StderrUntil is Stderr once it has the text, which may come behind the line on
// stdout that says ready.
func (p *Process) StderrUntil(text string) string {
	p.tb.Helper()
	for deadline := time.Now().Add(stopTimeout); ; time.Sleep(time.Millisecond) {
		switch all := p.stderr.String(); {
		case strings.Contains(all, text):
			return all
		case time.Now().After(deadline):
			p.tb.Fatalf("gimtest: gim does not write %q", text)
		}
	}
}

func (p *Process) finish() {
	if p.cmd == nil {
		return
	}
	p.Kill()
	if p.tb.Failed() {
		p.tb.Logf("gim wrote:\n%s%s", p.stdout, p.stderr)
	}
}

// firstLine waits for a whole line, or for the end of the writer.
func (b *logBuffer) firstLine(ended <-chan struct{}) ([]byte, error) {
	tick := time.NewTicker(5 * time.Millisecond) // a look costs nothing
	defer tick.Stop()
	for {
		text := b.String()
		if line, _, ok := bytes.Cut([]byte(text), []byte("\n")); ok {
			return line, nil
		}
		select {
		case <-tick.C:
		case <-ended:
			if b.String() == text {
				return nil, errors.New("it ended before")
			}
		}
	}
}

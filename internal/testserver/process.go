package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	readyTimeout = 60 * time.Second // a loaded machine, not a broken server
	stopTimeout  = 20 * time.Second // a clean shutdown flushes to disk first
	pollInterval = 10 * time.Millisecond
)

var errEnded = errors.New("the server ended by itself")

// process is one running server program.
type process struct {
	cmd  *exec.Cmd
	log  string        // file with what it printed
	done chan struct{} // closed when it has ended
}

// startProcess runs bin with its output appended to the file log. The process
// ends with this one at the latest, where the system can arrange that.
func startProcess(bin string, args []string, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child holds its own descriptor

	p := &process{cmd: exec.Command(bin, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out // never ours: `go test` waits until all holders have closed it
	p.cmd.SysProcAttr = dieWithParent()

	started := make(chan error, 1)
	go func() { // ends with the process
		// The death signal is sent when the thread that started the child ends,
		// so this thread starts it and stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ready asks probe until it succeeds, the process ends or time is up.
func (p *process) ready(probe func() error) error {
	deadline := time.Now().Add(readyTimeout)
	for {
		err := probe()
		if p.ended() { // whoever answered the probe, it was not this process
			return fmt.Errorf("%w:\n%s", errEnded, p.logTail())
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %v: %w:\n%s", readyTimeout, err, p.logTail())
		}
		select {
		case <-p.done:
		case <-time.After(pollInterval):
		}
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// pause stops the process without its noticing, and returns when it has stopped.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return p.ready(func() error {
		if !stopped(p.cmd.Process.Pid) {
			return errors.New("still running")
		}
		return nil
	})
}

// resume lets a paused process go on.
func (p *process) resume() error { return p.signal(syscall.SIGCONT) }

// kill ends the process as a power cut would, paused or not, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // the only error is that it has ended already
	<-p.done
}

// stop asks the process to end and insists when it does not.
func (p *process) stop() {
	_ = p.signal(syscall.SIGTERM)
	_ = p.resume() // a paused process would not hear the request
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// logTail returns the end of the log, which says why a server did not start.
func (p *process) logTail() string {
	const most = 4 << 10 // bytes
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-most):])
}

// tempDir creates a directory for a server. The path is kept short because that
// of a unix socket may not be longer than about 100 bytes, and it carries our
// process id so that a later run recognises what a killed one left behind.
func tempDir(kind string) (string, error) {
	sweep()
	return os.MkdirTemp("/tmp", fmt.Sprintf("gim-test-%d-%s-", os.Getpid(), kind))
}

// sweep removes directories of test binaries that are gone: one that is killed,
// by its own timeout for instance, cannot tidy up after itself.
func sweep() {
	dirs, _ := filepath.Glob("/tmp/gim-test-*") // the pattern is valid
	for _, dir := range dirs {
		var pid int
		if n, _ := fmt.Sscanf(filepath.Base(dir), "gim-test-%d-", &pid); n != 1 {
			continue
		}
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir) // somebody else's stays
		}
	}
}

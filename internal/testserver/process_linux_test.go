package testserver

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const envOrphan = "GIM_TEST_ORPHAN"

// TestProcess_DiesWithTheTestBinary runs this test binary a second time, as one
// that starts a server and is then killed.
func TestProcess_DiesWithTheTestBinary(t *testing.T) {
	if os.Getenv(envOrphan) != "" {
		s := NewRedis(t)
		_, _ = os.Stdout.WriteString("pid " + strconv.Itoa(s.proc.cmd.Process.Pid) + "\n")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	require(t, "redis-server", "redis-server")

	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), envOrphan+"=1")
	out, err := cmd.Output()
	if err == nil {
		t.Fatalf("the binary that was to be killed ended well: %s", out)
	}
	_, after, found := strings.Cut(string(out), "pid ")
	pid, err := strconv.Atoi(strings.TrimSpace(after))
	if !found || err != nil {
		t.Fatalf("no process id in %q", out)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !gone(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("the server %d outlived the test binary", pid)
		}
		time.Sleep(pollInterval)
	}
}

// gone reports whether the process has ended. One that nobody has waited for
// counts: in a container without an init process it stays a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err != nil || strings.Contains(string(status), "State:\tZ")
}

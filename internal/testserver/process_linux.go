package testserver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// dieWithParent lets the kernel kill the child when its parent dies, however
// that happens: a test binary that runs into its timeout cleans up nothing.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// stopped reports whether every thread of the process has stopped. The signal
// reaches them one after the other, and one that still runs can answer.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is valid
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // a thread that has ended
		}
		// "id (name) state ...", and the name may hold anything
		_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" "))
		if !bytes.HasPrefix(state, []byte("T")) {
			return false
		}
	}
	return true
}

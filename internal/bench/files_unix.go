//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// sparedFiles are those that a run needs besides its long connections.
const sparedFiles = 200

// checkFiles says before a run, and not in its middle, that this process may not
// hold as many connections. Go has raised the soft limit to the hard one.
func checkFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil //nolint:nilerr // then the run will show it
	}
	return enoughFiles(uint64(limit.Cur), connections) //nolint:unconvert // signed on some systems
}

func enoughFiles(limit uint64, connections int) error {
	if need := uint64(connections) + sparedFiles; limit < need { //nolint:gosec // not negative
		return fmt.Errorf("%d connections need %d open files and this process may have %d: "+
			"raise the limit (ulimit -n %d), of the server too", connections, need, limit, need)
	}
	return nil
}

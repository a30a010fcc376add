//go:build unix

package realtime

import "syscall"

func newBatch() *batch {
	b := new(batch)
	b.write = func(fd uintptr) (done bool) {
		b.written, _ = syscall.Write(int(fd), b.bytes) //nolint:gosec // a descriptor is small
		return true                                    // do not wait
	}
	return b
}

// tryWrite writes what the network takes without waiting, and returns how much that
// was. An error is met again by who writes the rest.
func (b *batch) tryWrite(raw syscall.RawConn) (n int) {
	if raw == nil || len(b.bytes) == 0 {
		return 0
	}
	b.written = 0
	if err := raw.Write(b.write); err != nil {
		return 0
	}
	return max(b.written, 0)
}

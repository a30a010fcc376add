//go:build unix

package realtime

import "syscall"

func newBatch() *batch {
	b := new(batch)
	b.write = func(fd uintptr) (done bool) {
		n, _ := syscall.Write(int(fd), b.bytes) //nolint:gosec // a descriptor is small
		b.written = max(n, 0)
		return true // do not wait
	}
	return b
}

// tryWrite writes what the network takes without waiting. An error is met again by who
// writes the rest.
func (b *batch) tryWrite(raw syscall.RawConn) {
	if raw != nil && len(b.bytes) > 0 {
		_ = raw.Write(b.write) // as above
	}
}

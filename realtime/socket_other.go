//go:build !unix

package realtime

import "syscall"

func newBatch() *batch { return new(batch) }

// tryWrite knows no way to write without waiting here.
func (b *batch) tryWrite(syscall.RawConn) {}

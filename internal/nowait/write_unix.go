//go:build unix

package nowait

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// Write writes as much of p as c takes without waiting, by one system call, and
// returns how much that was: 0 where c is no socket, as with TLS. An error says
// that the connection is of no more use. p is not kept.
func Write(c net.Conn, p []byte) (n int, err error) {
	socket, ok := c.(syscall.Conn)
	if !ok || len(p) == 0 {
		return 0, nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	a, ok := attempts.Get().(*attempt)
	if !ok {
		a = new(attempt)
		a.call = a.write
	}
	a.p = p
	if err = raw.Write(a.call); err == nil && !isTemporary(a.err) {
		err = a.err
	}
	n = max(0, a.n)
	a.p, a.n, a.err = nil, 0, nil
	attempts.Put(a)
	return n, err
}

// isTemporary reports whether a write that failed says nothing about the socket.
func isTemporary(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
}

// attempt is one write. It is lent, so that a write allocates next to nothing.
type attempt struct {
	p    []byte
	n    int
	err  error
	call func(fd uintptr) bool // write
}

func (a *attempt) write(fd uintptr) bool {
	a.n, a.err = syscall.Write(int(fd), a.p) //nolint:gosec // a descriptor is small
	return true                              // do not wait
}

// attempts holds no state.
var attempts sync.Pool

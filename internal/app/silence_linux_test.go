package app

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A connection that is accepted has the setting of its listener.
func TestListen_EndsSilentConnections(t *testing.T) {
	t.Parallel()
	l, err := listen(t.Context(), "rest-addr", "127.0.0.1:0", 75*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()                                   //nolint:errcheck // nothing is lost
	client, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // it is there
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // nothing is lost
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close() //nolint:errcheck // nothing is lost
	raw, err := accepted.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if failed := raw.Control(func(fd uintptr) {
		got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout)
	}); failed != nil || err != nil || got != 75_000 {
		t.Errorf("the connection gives up after %d ms, %v, %v", got, failed, err)
	}
}

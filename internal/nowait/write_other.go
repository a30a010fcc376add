//go:build !unix

package nowait

import "net"

// Write writes nothing: this system has no such call.
func Write(net.Conn, []byte) (n int, err error) { return 0, nil }

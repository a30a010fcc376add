package realtime

import (
	"bufio"
	"net"
	"net/http"
)

// Buffers of a connection, in bytes. net/http would leave it 4 KiB each way, of
// which an idle one has no use: what is larger passes them by.
const (
	readBuffer  = 512
	writeBuffer = 256 // holds control frames as a whole, see socket.Write
)

// lean is the response to a handshake. When the library takes the connection over
// it gets a small one.
type lean struct {
	http.ResponseWriter
	conn *socket // nil before
}

// Hijack implements http.Hijacker.
func (l *lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	l.conn = newSocket(conn)
	if n := brw.Reader.Buffered(); n > 0 { // the client did not wait for the answer
		early, _ := brw.Reader.Peek(n) // what is buffered can be peeked at
		l.conn.early = append(l.conn.early, early...)
	}
	return l.conn, bufio.NewReadWriter(bufio.NewReaderSize(l.conn, readBuffer), bufio.NewWriterSize(l.conn, writeBuffer)), nil
}

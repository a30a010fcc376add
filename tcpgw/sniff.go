package tcpgw

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// What speaks another protocol is recognised by its first bytes. No frame of gim
// begins like that: behind its length stands the tag of a field that a frame has.
var (
	// httpMethods are the beginnings of requests; PRI is HTTP/2's preface.
	httpMethods = []string{"GET ", "HEAD", "POST", "PUT ", "PATC", "DELE", "OPTI", "CONN", "TRAC", "PRI "}
	// tlsHello is a record of TLS with a handshake message.
	tlsHello = []byte{0x16, 0x03}
	// tlsAlert says handshake_failure (RFC 8446, 6).
	tlsAlert = []byte{0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28}
)

const httpBody = "This port speaks gim's protocol over TCP, not HTTP: REST and WebSocket have a port of their own.\n"

var (
	errHTTP = errors.New("an HTTP request")
	errTLS  = errors.New("TLS on a port without it")
)

// sniff looks at the first bytes of a connection and answers other protocols in
// their own way.
func (c *conn) sniff() error {
	first := c.decoder.Peek()
	switch {
	case c.sniffed:
		return nil
	case bytes.HasPrefix(first, tlsHello):
		return c.refuse(tlsAlert, errTLS)
	case len(first) < len(httpMethods[0]):
		return nil // more has to come, or this is a very small frame
	}
	c.sniffed = true
	for _, method := range httpMethods {
		if string(first[:len(method)]) == method {
			return c.refuse(fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
				"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(httpBody), httpBody), errHTTP)
		}
	}
	return nil
}

// refuse answers and ends the connection. The reader calls it.
func (c *conn) refuse(answer []byte, why error) error {
	if !c.leave() {
		return why
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.gone = true
	_ = c.SetWriteDeadline(time.Now().Add(goodbyeTimeout)) // nobody is owed more than an attempt
	_, _ = c.Conn.Write(answer)                            // likewise
	closeWrite(c.Conn)
	_, _ = io.Copy(io.Discard, c.Conn) // until the other side closes, or the deadline
	return why
}

package tcpgw

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Errors for who came to the wrong port. Nothing is to be done about them.
var (
	errHTTP  = errors.New("HTTP on the port of gim's TCP protocol")
	errTLS   = errors.New("TLS on a port without it")
	errPlain = errors.New("no TLS on a port with it")
)

const httpText = "This port speaks gim's own protocol over TCP. The REST API and WebSocket (/v1/ws) are on gim's REST port.\n"

// alert is TLS for "I cannot talk to you": a fatal alert, handshake_failure.
var alert = []byte{21, 3, 1, 0, 2, 2, 40}

// greet looks at the first bytes of a connection and answers who speaks another
// protocol in that one. None of it could begin a sign-in: read as a frame, it has
// a first field of a number or type that sign-ins do not have.
func (c *conn) greet(first []byte) error {
	switch {
	case isHTTP(first):
		c.turnAway(errHTTP, c.stream(), httpAnswer())
		return errHTTP
	case c.tls == nil && isTLS(first):
		c.turnAway(errTLS, c.socket, alert)
		return errTLS
	}
	return nil
}

// isHTTP goes by the first letters of a request.
func isHTTP(first []byte) bool {
	if len(first) < 4 {
		return false // a frame that is shorter begins with another byte than a letter
	}
	switch string(first[:4]) {
	case "GET ", "PUT ", "POST", "HEAD", "DELE", "PATC", "OPTI", "CONN", "TRAC", "PRI ":
		return true
	}
	return false
}

// isTLS knows a handshake of any version of TLS.
func isTLS(first []byte) bool { return bytes.HasPrefix(first, []byte{22, 3}) }

func httpAnswer() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(httpText), httpText)
}

// shake does the handshake of TLS. The gateway ends one that takes too long, as
// it ends any connection that does not sign in.
func (c *conn) shake() error {
	err := c.tls.Handshake()
	if err == nil {
		c.shaken.Store(true)
		return nil
	}
	var answer []byte // TLS has said what it has to say
	if broken, ok := errors.AsType[tls.RecordHeaderError](err); ok && broken.Conn != nil {
		err = errPlain
		if isHTTP(broken.RecordHeader[:]) {
			err, answer = errHTTP, httpAnswer()
		}
	}
	c.turnAway(err, c.socket, answer)
	return err
}

// turnAway answers in whatever is spoken there, and closes.
func (c *conn) turnAway(why error, to io.Writer, answer []byte) {
	c.server.Logger.Debug("TCP connection turned away", slog.Any("err", why), slog.Any("peer", c.socket.RemoteAddr()))
	deadline, first := c.startClosing()
	if !first {
		return
	}
	defer c.socket.Close() //nolint:errcheck // nothing to do about it
	if c.writeLast(func() error { _, err := to.Write(answer); return err }) {
		c.hangUp(deadline)
	}
}

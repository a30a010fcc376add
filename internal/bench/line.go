package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// line is a long connection that costs the load generator little: it shares the
// machine with what it measures. It speaks protobuf, reads into memory of its own,
// and writes frames as they are given. One goroutine may read while others write.
type line struct {
	conn   io.ReadWriteCloser
	reader frameReader // the reader's
	ws     bool        // else frames have their length in front

	mu      sync.Mutex // guards what follows; held while writing, so that frames stay whole
	out     []byte
	leaving bool // a goodbye was said

	over chan struct{} // closed when nothing is read any more
}

// frameReader cuts frames out of what comes. A frame is valid until the next call.
type frameReader interface{ next() ([]byte, error) }

// dialLine opens a line to an address as that of [client.Dial].
func dialLine(ctx context.Context, address string) (*line, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("dial %q: want an address like https://host or tcp://host:port", address)
	}
	l := &line{over: make(chan struct{})}
	switch u.Scheme {
	case "tcp":
		l.conn, err = new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	case "tls":
		l.conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", u.Host)
	default:
		l.ws = true
		l.conn, err = upgrade(ctx, address+"/v1/ws")
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	if l.ws {
		l.reader = &wsReader{line: l, buf: make([]byte, wsBuffer)}
	} else {
		l.reader = &lvReader{conn: l.conn, decoder: wire.NewDecoder(maxServerFrame)}
	}
	return l, nil
}

// upgrade does the handshake of a WebSocket. Nothing is buffered in what it returns.
func upgrade(ctx context.Context, address string) (io.ReadWriteCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(key[:]), "Sec-WebSocket-Protocol": wire.SubprotocolProto,
	} {
		req.Header.Set(name, value)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(true) // HTTP/2 has no such handshake
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Protocol") != wire.SubprotocolProto {
		_ = resp.Body.Close() // the error is told
		return nil, fmt.Errorf("the server answered a WebSocket handshake with status %d", resp.StatusCode)
	}
	return conn, nil
}

// signIn sends the first frame and returns the answer to it. Only what is new is
// pushed. When ctx ends the line is closed.
func (l *line) signIn(ctx context.Context, token string) (*wire.SignedIn, error) {
	defer context.AfterFunc(ctx, l.drop)()
	in, err := proto.Marshal(&wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{Token: token, Client: "gim bench"}}})
	if err != nil {
		return nil, err
	}
	if err := l.write(in); err != nil {
		return nil, err
	}
	for {
		payload, err := l.reader.next()
		if err != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		f := new(wire.ServerFrame)
		if err := proto.Unmarshal(payload, f); err != nil {
			return nil, fmt.Errorf("decode frame: %w", err)
		}
		switch {
		case f.GetSignedIn() != nil:
			return f.GetSignedIn(), nil
		case f.GetError() != nil:
			return nil, fmt.Errorf("%s: %s", f.GetError().GetCode(), f.GetError().GetMessage())
		case f.GetClosing() == nil: // else what is read next says why there is no answer
			return nil, errors.New("the server answered with another frame")
		}
	}
}

// write sends one frame.
func (l *line) write(payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ws {
		l.out = appendMasked(l.out[:0], opBinary, payload)
	} else {
		l.out = append(wire.AppendLength(l.out[:0], len(payload)), payload...)
	}
	_, err := l.conn.Write(l.out)
	return err
}

// control sends a control frame of a WebSocket.
func (l *line) control(op byte, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving {
		return nil
	}
	l.leaving = op == opClose
	l.out = appendMasked(l.out[:0], op, payload)
	_, err := l.conn.Write(l.out)
	return err
}

// goodbyeWithin is how long close waits for the other side's goodbye.
const goodbyeWithin = 5 * time.Second

// close says goodbye where the transport has a word for it, and closes. Somebody has
// to read until an error comes.
func (l *line) close() {
	if l.ws && l.control(opClose, []byte{0x03, 0xe8}) == nil { // 1000: the client leaves
		patience := time.NewTimer(goodbyeWithin)
		defer patience.Stop()
		select {
		case <-l.over:
		case <-patience.C:
		}
	}
	l.drop()
}

func (l *line) drop() { _ = l.conn.Close() } // nothing is expected of it any more

// lvReader reads frames that have their length in front.
type lvReader struct {
	conn    io.Reader
	decoder *wire.Decoder
}

func (r *lvReader) next() ([]byte, error) {
	for {
		frame, ok, err := r.decoder.Next()
		if ok || err != nil {
			return frame, err
		}
		if err := r.decoder.Fill(r.conn); err != nil {
			return nil, err
		}
	}
}

// closedBy is what a close frame says.
func closedBy(payload []byte) error {
	if len(payload) < 2 {
		return &client.ClosedError{Code: 1005}
	}
	return &client.ClosedError{Code: int(payload[0])<<8 | int(payload[1]), Reason: string(payload[2:])}
}

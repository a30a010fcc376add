package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/gim-im/gim/wire"
)

// Dial opens a long connection, speaking protobuf. The scheme of address chooses
// the transport:
//
//	http://127.0.0.1:8080, https://…   WebSocket, at the address of the REST API
//	tcp://127.0.0.1:7272               TCP
//	tls://chat.example.com:7272        TCP with TLS
//
// The first frame has to be a sign-in. Close the connection when done.
func Dial(ctx context.Context, address string) (*Conn, error) { return Dialer{}.Dial(ctx, address) }

// Dialer opens long connections with settings. The zero value is Dial.
type Dialer struct {
	// TLS is for https:// and tls:// addresses; nil is the default of crypto/tls.
	TLS *tls.Config
}

// handshakeTimeout bounds the opening of a WebSocket.
const handshakeTimeout = 30 * time.Second

// Dial is the function of that name with these settings.
func (d Dialer) Dial(ctx context.Context, address string) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("dial %q: want an address like https://host or tcp://host:port", address)
	}
	var conn *Conn
	switch u.Scheme {
	case "http", "https":
		conn, err = d.webSocket(ctx, strings.TrimSuffix(address, "/")+"/v1/ws")
	case "tcp", "tls":
		conn, err = d.tcp(ctx, u.Scheme, u.Host)
	default:
		return nil, fmt.Errorf("dial %q: the scheme is none of http, https, tcp, tls", address)
	}
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return conn, nil
}

func (d Dialer) webSocket(ctx context.Context, address string) (*Conn, error) {
	// A transport of its own that keeps nothing: a refused handshake leaves no idle
	// connection behind, and HTTP/2 has no such handshake.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: d.TLS, DisableKeepAlives: true, Protocols: new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)
	ws, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient:   &http.Client{Timeout: handshakeTimeout, Transport: transport},
		Subprotocols: []string{wire.SubprotocolProto},
	})
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // a handshake has no body worth an error
	}
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxServerFrame)
	return &Conn{link: &webSocket{ws: ws}}, nil
}

func (d Dialer) tcp(ctx context.Context, scheme, host string) (*Conn, error) {
	var dialer interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = &net.Dialer{}
	if scheme == "tls" {
		settings := d.TLS
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		dialer = &tls.Dialer{Config: settings}
	}
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return NewConn(conn), nil
}

// NewConn speaks gim's protocol, as over TCP, on a connection that stands already,
// such as one through a tunnel. The Conn closes it.
func NewConn(conn net.Conn) *Conn {
	return &Conn{link: &tcp{conn: conn, decoder: wire.NewDecoder(maxServerFrame)}}
}

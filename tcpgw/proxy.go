package tcpgw

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// Sizes of a header of the PROXY protocol, in bytes.
const (
	proxyFixed = 16      // signature, command, and the length of the rest
	proxyRest  = 4 << 10 // at most; addresses take 36, and proxies add certificates
)

var errNoProxyHeader = errors.New("no header of the PROXY protocol, version 2, from a network that has to send one")

// peerOf returns the address of who connected, as the proxy in between says it.
// Where the proxy speaks for itself, as in a health check, that is its own.
func (s *Server) peerOf(ctx context.Context, socket net.Conn) (netip.Addr, error) {
	addr := addrOf(socket.RemoteAddr())
	if !s.isProxy(addr) {
		return addr, nil
	}
	if err := socket.SetReadDeadline(time.Now().Add(s.FrameTimeout)); err != nil {
		return addr, err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) }) // the gateway does not know it yet
	defer stop()
	header, err := readProxyHeader(socket)
	if err != nil {
		return addr, err
	}
	stop()
	if source, _, ok := header.TCPAddrs(); ok && !header.Command.IsLocal() {
		addr = addrOf(source)
	}
	return addr, socket.SetReadDeadline(time.Time{})
}

func (s *Server) isProxy(addr netip.Addr) bool {
	for _, network := range s.ProxyFrom {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// addrOf is the zero value for what is no address of TCP.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// readProxyHeader reads the header and not a byte more.
func readProxyHeader(r io.Reader) (*proxyproto.Header, error) {
	raw := make([]byte, proxyFixed, proxyFixed+64)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("read the header of the PROXY protocol: %w", err)
	}
	if !bytes.HasPrefix(raw, proxyproto.SIGV2) {
		return nil, errNoProxyHeader
	}
	rest := int(binary.BigEndian.Uint16(raw[proxyFixed-2:]))
	if rest > proxyRest {
		return nil, fmt.Errorf("the header of the PROXY protocol has %d bytes after its first %d; %d are allowed", rest, proxyFixed, proxyRest)
	}
	raw = append(raw, make([]byte, rest)...)
	if _, err := io.ReadFull(r, raw[proxyFixed:]); err != nil {
		return nil, fmt.Errorf("read the header of the PROXY protocol: %w", err)
	}
	return proxyproto.Read(bufio.NewReader(bytes.NewReader(raw)))
}

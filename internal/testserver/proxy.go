package testserver

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a server and can be told to make the
// network between them bad. It starts out harmless. All methods are safe for
// concurrent use and act on open connections as well as on new ones.
type Proxy struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex // guards what follows
	links  map[*link]struct{}
	down   bool
	closed bool
	delay  time.Duration
	hole   chan struct{} // nil unless in a black hole; closed when it ends
	budget int64         // bytes to the client until the cut; negative: no cut
}

// link is one connection and its counterpart at the server.
type link struct {
	client, server net.Conn
	gone           chan struct{}
	once           sync.Once
}

// NewProxy starts a proxy on a loopback port in front of target, which is
// host:port or the path of a unix socket. It ends with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{target: target, listener: listener, links: make(map[*link]struct{}), budget: -1}
	p.wg.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr returns the host and port to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Delay holds back every piece of data, in each direction, for d. 0 ends it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Blackhole lets connections stand and new ones come, but passes nothing on, as
// when a cable is pulled. What was sent meanwhile arrives after [Proxy.Heal].
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hole == nil {
		p.hole = make(chan struct{})
	}
}

// Down resets all connections, and each new one at once: depending on timing,
// a client sees the dial fail or its first read or write.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	p.Reset()
}

// Heal ends Blackhole, Down and Delay and takes back a CutAfter.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heal()
}

func (p *Proxy) heal() {
	if p.hole != nil {
		close(p.hole)
	}
	p.hole, p.down, p.delay, p.budget = nil, false, 0, -1
}

// Reset breaks all open connections with a TCP reset; new ones are served.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// CutAfter passes n more bytes on to clients, counted over all connections, and
// then resets the connection that they came on: in the middle of a frame, if n
// is chosen so. It works once.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = n
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.heal()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Reset()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout(network(p.target), p.target, 5*time.Second)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, server: server, gone: make(chan struct{})}
	p.mu.Lock()
	if p.down || p.closed {
		p.mu.Unlock()
		l.reset()
		return
	}
	p.links[l] = struct{}{}
	p.mu.Unlock()

	p.wg.Go(func() { p.pass(l, server, client, false) })
	p.pass(l, client, server, true)
	<-l.gone
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pass copies one direction of l until either side ends, then ends l.
func (p *Proxy) pass(l *link, dst, src net.Conn, toClient bool) {
	defer l.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 && !p.forward(l, dst, buf[:n], toClient) {
			return
		}
		if err != nil {
			return
		}
	}
}

// forward writes data to dst under the faults of the moment and reports whether
// the link still stands.
func (p *Proxy) forward(l *link, dst net.Conn, data []byte, toClient bool) bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-l.gone:
			return false
		}
	}
	p.mu.Lock()
	hole := p.hole // looked at after the delay: data in flight is lost to view too
	p.mu.Unlock()
	if hole != nil {
		select {
		case <-hole:
		case <-l.gone:
			return false
		}
	}
	cut := toClient && p.spend(&data)
	_, err := dst.Write(data)
	if cut {
		l.reset()
	}
	return err == nil && !cut
}

// spend takes data from the budget of CutAfter. When that runs out it shortens
// data to what is left and reports true.
func (p *Proxy) spend(data *[]byte) (cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch size := int64(len(*data)); {
	case p.budget < 0:
		return false
	case size < p.budget:
		p.budget -= size
		return false
	default:
		*data = (*data)[:p.budget]
		p.budget = -1
		return true
	}
}

// close ends both sides in good order.
func (l *link) close() {
	l.once.Do(func() {
		_ = l.client.Close()
		_ = l.server.Close()
		close(l.gone)
	})
}

// reset ends both sides with a TCP reset.
func (l *link) reset() {
	l.once.Do(func() {
		reset(l.client)
		reset(l.server)
		close(l.gone)
	})
}

// reset closes conn so that the other side sees an error, not an end.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

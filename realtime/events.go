package realtime

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/wire"
)

// events is an event stream as the gateway sees it. The client cannot say anything
// on it: for the gateway it pings by itself, whose answer is the comment that keeps
// the stream from being idle. That the client is gone is told by its request's end.
type events struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	heartbeat *time.Ticker
	closed    chan struct{} // ends ReadFrame

	writing sync.Mutex // held while events are written, so that they stay whole
	begun   bool       // the answer's head is out; guarded by writing
	torn    bool       // an event was cut off; guarded by writing

	mu       sync.Mutex // guards what follows, and the deadlines against Close
	closing  bool
	ended    bool // closed is
	cut      bool // without a word
	finished bool // the answer is the server's again
}

var _ gateway.Conn = (*events)(nil)

func newEvents(w http.ResponseWriter, heartbeat time.Duration) *events {
	return &events{w: w, control: flusherOf(w), heartbeat: time.NewTicker(heartbeat), closed: make(chan struct{})}
}

// Encoding implements gateway.Conn.
func (c *events) Encoding() wire.Encoding { return wire.EventStream }

// LastPing implements gateway.Conn.
func (c *events) LastPing() time.Time { return time.Time{} }

var ping = []byte(`{"ping":{}}`)

// ReadFrame implements gateway.Conn.
func (c *events) ReadFrame() ([]byte, error) {
	select {
	case <-c.closed:
		return nil, net.ErrClosed
	case <-c.heartbeat.C:
		return ping, nil
	}
}

// WriteFrames implements gateway.Conn.
func (c *events) WriteFrames(frames [][]byte, deadline time.Time) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.setWriteDeadline(deadline) {
		return net.ErrClosed
	}
	return c.write(frames)
}

// write is called with writing held.
func (c *events) write(frames [][]byte) error {
	c.begin()
	for _, f := range frames {
		if _, err := c.w.Write(f); err != nil {
			c.torn = true
			return err
		}
	}
	err := c.control.Flush()
	c.torn = err != nil
	return err
}

func (c *events) setWriteDeadline(t time.Time) (ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	_ = c.control.SetWriteDeadline(t) // a socket that is gone says so when it is used
	return true
}

// Close implements gateway.Conn.
func (c *events) Close(code wire.CloseCode, reconnectAfter time.Duration) {
	if !c.startClosing(code) {
		return
	}
	if code != 0 {
		c.writing.Lock()
		if !c.torn {
			closing := wire.AppendClosing(nil, wire.EventStream, code, reconnectAfter)
			_ = c.write([][]byte{closing}) // the client may be gone already
		}
		c.writing.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
}

// startClosing bounds or ends a write that is under way. goOn is false when there is
// nothing left to do.
func (c *events) startClosing(code wire.CloseCode) (goOn bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.finished, code != 0 && c.closing:
		return false
	case code != 0:
		c.closing = true
		_ = c.control.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
		return true
	}
	c.closing, c.cut = true, c.cut || !c.ended
	_ = c.control.SetWriteDeadline(time.Unix(1, 0)) // long over
	c.end()
	return false
}

// end is called with mu held.
func (c *events) end() {
	if !c.ended {
		c.ended = true
		close(c.closed)
	}
}

// finish gives the answer back to the server: nothing here touches it any more, and
// what is written next has no deadline. It reports whether the stream was cut off.
// Nobody writes when it is called.
func (c *events) finish() (cut bool) {
	c.heartbeat.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
	_ = c.control.SetWriteDeadline(time.Time{})
	return c.cut || c.torn
}

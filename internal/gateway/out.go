package gateway

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/gim-im/gim/wire"
)

// Bounds of one push frame. A single message may exceed the first by itself.
const (
	maxPushBytes    = 128 << 10
	maxPushMessages = 200
)

// maxOutBytes is how much a pump gathers before it writes in the middle of a round.
const maxOutBytes = 256 << 10

// out is what a pump has gathered: it is written at the end of a round, with one
// call.
type out struct {
	items []wire.Item // of the push frame that is gathering
	size  int         // of items, estimated

	frames  [][]byte
	bytes   int               // of frames
	lent    []*[]byte         // buffers that some of the frames are in
	written []chan<- struct{} // closed when the frames are written
	answers int               // to own sends, among the frames

	traced []traced // messages in the frames, of those whose times are kept
}

// add puts a message into the push frame that is gathering.
func (p *pump) add(it wire.Item) {
	o, size := p.out, it.Body.Size()
	if len(o.items) > 0 && (o.size+size > maxPushBytes || len(o.items) >= maxPushMessages) {
		p.gather()
	}
	o.items = append(o.items, it)
	o.size += size
}

// gather makes a push frame of the messages that have come together.
func (p *pump) gather() {
	o := p.out
	if len(o.items) == 0 {
		return
	}
	buf := p.s.gw.buffers.get()
	*buf = wire.AppendPush((*buf)[:0], p.s.conn.Encoding(), o.items)
	o.lent = append(o.lent, buf)
	if p.s.traced != nil {
		p.trace(o.items)
	}
	p.s.gw.metrics.PushFrames.Inc()
	p.s.gw.metrics.PushMessages.Add(float64(len(o.items)))
	clear(o.items)
	o.items, o.size = o.items[:0], 0
	p.write(*buf)
}

// write puts a frame behind what is to be written.
func (p *pump) write(payload []byte) {
	o := p.out
	o.frames = append(o.frames, payload)
	if o.bytes += len(payload); o.bytes >= maxOutBytes {
		p.writeOut()
	}
}

// flush writes everything that has gathered.
func (p *pump) flush() {
	p.gather()
	p.writeOut()
}

func (p *pump) writeOut() {
	o := p.out
	if len(o.frames) > 0 && !p.broken {
		p.writeFrames(o.frames)
	}
	for _, buf := range o.lent {
		p.s.gw.buffers.put(buf)
	}
	for _, written := range o.written {
		close(written)
	}
	for range o.answers {
		<-p.s.slots
	}
	clear(o.frames)
	clear(o.lent)
	clear(o.written)
	p.noteWritten()
	o.frames, o.lent, o.written, o.bytes, o.answers = o.frames[:0], o.lent[:0], o.written[:0], 0, 0
}

func (p *pump) writeFrames(frames [][]byte) {
	var err error
	if p.here {
		eager, _ := p.s.conn.(EagerConn) // see pumpHere
		var whole bool
		whole, err = eager.WriteSome(frames)
		p.stuck = !whole
	} else {
		now := time.Now() // the deadline is one of the operating system's
		p.s.box.setWriting(now)
		err = p.s.conn.WriteFrames(frames, now.Add(p.s.gw.opts.WriteTimeout))
		p.s.box.setWriting(time.Time{})
	}
	if err == nil {
		return
	}
	p.broken = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.s.end(ending{code: wire.CloseSlowConsumer})
	} else {
		p.s.end(ending{})
	}
}

// outs lends outs to the pumps that run, so that those at rest hold none.
type outs struct{ pool sync.Pool }

func (l *outs) get() *out {
	if o, ok := l.pool.Get().(*out); ok {
		return o
	}
	return new(out)
}

// put takes back an out that holds nothing.
func (l *outs) put(o *out) { l.pool.Put(o) }

// buffers lends the memory in which frames are put together.
type buffers struct{ pool sync.Pool }

// maxPooled keeps one large page from being held for ever.
const maxPooled = 256 << 10

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

func (b *buffers) put(buf *[]byte) {
	if cap(*buf) <= maxPooled {
		b.pool.Put(buf)
	}
}

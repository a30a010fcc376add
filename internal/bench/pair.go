package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// pair is a sender and a receiver in one closed loop.
type pair struct {
	api      *api
	rest     bool
	from, to string
	out, in  *client.Conn

	arrived chan arrival // capacity 1
	count   int          // messages of this loop so far
	next    int          // number the receiver expects
	pushes  []time.Duration
	acks    []time.Duration

	lost, doubled, disorder int
	lastSeq                 int64 // of the receiver's log
}

type arrival struct {
	at  time.Time
	err error
}

// text pads the number of a message to 100 bytes.
func text(n int) string {
	s := fmt.Sprintf("%d ", n)
	return s + strings.Repeat("x", 100-len(s))
}

func connectPairs(ctx context.Context, o Options, n int) ([]*pair, error) {
	a, err := newAPI(o.URL, o.AppKey)
	if err != nil {
		return nil, err
	}
	var run [4]byte
	_, _ = rand.Read(run[:]) // never fails, see crypto/rand
	prefix := "bench-" + hex.EncodeToString(run[:])
	ids := make([]string, 2*n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	if err := a.createUsers(ctx, ids); err != nil {
		return nil, err
	}
	pairs := make([]*pair, n)
	connects, ctx := errgroup.WithContext(ctx)
	connects.SetLimit(16)
	for i := range pairs {
		p := &pair{api: a, rest: o.Transport == "rest", from: ids[2*i], to: ids[2*i+1], arrived: make(chan arrival, 1)}
		pairs[i] = p
		connects.Go(func() (err error) {
			if p.in, err = a.connect(ctx, p.to); err != nil || p.rest {
				return err
			}
			p.out, err = a.connect(ctx, p.from)
			return err
		})
	}
	return pairs, connects.Wait()
}

func (p *pair) close() {
	for _, c := range []*client.Conn{p.out, p.in} {
		if c != nil {
			_ = c.Close() // the run is over
		}
	}
}

// run sends until end and counts what was sent from begin on.
func (p *pair) run(ctx context.Context, begin, end time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	var receiver sync.WaitGroup
	receiver.Go(func() { p.receive(ctx) }) // ends with the connection, which cancel closes
	defer receiver.Wait()
	defer cancel()
	for {
		start := time.Now()
		if start.After(end) {
			return nil
		}
		if err := p.send(ctx, p.count); err != nil {
			return err
		}
		acked := time.Now()
		select {
		case a := <-p.arrived:
			if a.err != nil {
				return a.err
			}
			if start.After(begin) {
				p.pushes = append(p.pushes, a.at.Sub(start))
				p.acks = append(p.acks, acked.Sub(start))
			}
		case <-time.After(10 * time.Second):
			p.lost++
			return errors.New("a message did not arrive within 10 s of its acknowledgement")
		}
		p.count++
	}
}

func (p *pair) send(ctx context.Context, n int) error {
	content, err := json.Marshal(map[string]string{"text": text(n)})
	if err != nil {
		return err
	}
	if p.rest {
		return p.api.send(ctx, p.from, p.to, content)
	}
	f := &wire.ClientFrame{Id: uint64(n) + 2, Body: &wire.ClientFrame_Send{Send: &wire.Send{ //nolint:gosec // counts up from 0
		To: &wire.Target{UserId: p.to}, Type: "text", Content: content, ClientMsgId: fmt.Sprintf("%s-%d", p.from, n),
	}}}
	if err := p.out.Write(ctx, f); err != nil {
		return err
	}
	for {
		reply, err := p.out.Read(ctx)
		switch {
		case err != nil:
			return err
		case reply.GetError() != nil:
			return fmt.Errorf("send: %s: %s", reply.GetError().GetCode(), reply.GetError().GetMessage())
		case reply.GetSent() != nil && reply.GetId() == f.GetId():
			return nil
		}
	}
}

// receive judges what the receiver is pushed.
func (p *pair) receive(ctx context.Context) {
	for {
		f, err := p.in.Read(ctx)
		if err != nil {
			p.tell(ctx, arrival{err: err})
			return
		}
		for _, m := range f.GetPush().GetMessages() {
			p.judge(m)
			p.tell(ctx, arrival{at: time.Now()})
		}
	}
}

func (p *pair) tell(ctx context.Context, a arrival) {
	select {
	case p.arrived <- a:
	case <-ctx.Done():
	}
}

func (p *pair) judge(m *wire.Message) {
	var content struct {
		Text string `json:"text"`
	}
	var n int
	if err := json.Unmarshal(m.GetContent(), &content); err != nil {
		p.disorder++
		return
	}
	_, _ = fmt.Sscanf(content.Text, "%d ", &n) // a foreign message counts as disorder below
	switch {
	case n < p.next:
		p.doubled++
	case n > p.next:
		p.lost += n - p.next
	}
	if m.GetSeq() != p.lastSeq+1 && p.lastSeq != 0 {
		p.disorder++
	}
	p.lastSeq, p.next = m.GetSeq(), n+1
}

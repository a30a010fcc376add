package bench

import (
	"context"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// play is one round of closed loops.
type play struct {
	fleet        *fleet
	loops        []*loop
	begin, end   time.Time // of what counts; loops with nothing to show go on
	pushes, acks *recorder

	beside *play // loops that run at the same time and have figures of their own; nil for none
}

// newPlay is a round that begins after the warm-up.
func (r *run) newPlay(f *fleet, loops []*loop) *play {
	begin := time.Now().Add(r.o.WarmUp)
	return &play{
		fleet: f, loops: loops, begin: begin, end: begin.Add(r.o.Duration), pushes: newRecorder(), acks: newRecorder(),
	}
}

// playLoops lets all loops run for the time of a round, closes the fleet and
// judges. The result says what was measured, whatever the error; without any
// message it is nil.
func (r *run) playLoops(ctx context.Context, what string, f *fleet, loops []*loop) (*Result, error) {
	return r.play(ctx, what, r.newPlay(f, loops))
}

// play is playLoops with loops beside.
func (r *run) play(ctx context.Context, what string, p *play) (*Result, error) {
	f := p.fleet
	playing, over := context.WithCancel(ctx)
	defer over()
	meter := newCPUMeter(playing, r.o.PIDs, p.begin)
	own := newCPUMeter(playing, []int{os.Getpid()}, p.begin)
	shown := r.progress.watch(what, "deliveries")
	group, groupCtx := errgroup.WithContext(playing)
	for part := p; part != nil; part = part.beside {
		for _, l := range part.loops {
			group.Go(func() error { return l.play(groupCtx, part) })
		}
	}
	err := group.Wait()
	over()
	used, ownUsed, ended := meter.used(), own.used(), time.Now()
	shown()
	if err == nil {
		err = f.lastPing(ctx)
	}
	if ctx.Err() != nil {
		err = nil // an interruption is no fault of the server's
	}
	f.close()
	result := p.judge(used, ended, err == nil && ctx.Err() == nil)
	if result.Messages > 0 {
		result.OwnCPUPer1000 = ownUsed.Seconds() * 1000 / float64(result.Messages)
	}
	result.Interrupted = ctx.Err() != nil
	if result.Interrupted && result.Messages == 0 && result.clean() {
		return nil, nil
	}
	return result, err
}

// judge adds up what loops and witnesses saw. Nobody writes to them any more.
// complete says that nothing was under way when the connections ended.
func (p *play) judge(used time.Duration, ended time.Time, complete bool) *Result {
	r := &Result{Messages: p.pushes.count(), Seconds: max(0, ended.Sub(p.begin).Seconds())}
	r.Latency, r.Ack = p.pushes.latency(), p.acks.latency()
	r.Deliveries = r.Messages * int64(p.loops[0].receivers)
	r.rates(used)
	for part := p; part != nil; part = part.beside {
		for _, l := range part.loops {
			r.add(l.Verdict)
		}
	}
	for _, m := range p.fleet.members {
		if complete {
			m.allCame()
		}
		m.settle(func(sender int) int64 {
			if l := m.loops[sender-m.first]; l.conn != m {
				return l.settled
			}
			return 0 // what it sent itself it is not told
		})
		r.add(m.Verdict)
	}
	return r
}

package bench

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// IdleOptions are what Idle needs besides.
type IdleOptions struct {
	Connections []int         // how many are open at the same time, a round for each
	AdminURL    string        // of the server's admin listener, to collect garbage before memory is read; may be ""
	Settle      time.Duration // at most this long is waited for the server to come to rest; 0 is 10 seconds
}

// IdleResult is what many connections cost on which nothing happens.
type IdleResult struct {
	ConnectsPerSecond float64 `json:"connects_per_second"`               // with sign-in
	KiB               float64 `json:"kib_per_connection,omitempty"`      // of memory of the named processes
	LiveKiB           float64 `json:"live_kib_per_connection,omitempty"` // of Go's heap and stacks, after a collection
	CPUPercent        float64 `json:"cpu_percent"`                       // of one core, with the heartbeats of all
}

// Idle opens connections, each of its own user, which do nothing but their
// heartbeat. When the server has come to rest it measures for a duration, and at
// the end sends one message to each user, all of which must arrive. The rounds
// go up: each adds to the connections of the one before.
func Idle(ctx context.Context, o Options, idle IdleOptions) ([]Result, error) {
	levels := slices.Sorted(slices.Values(idle.Connections))
	if len(levels) == 0 || levels[0] < 1 {
		return nil, fmt.Errorf("%v is no number of connections to open", idle.Connections)
	}
	return rounds(ctx, o, [][]int{levels}, func(r *run, ctx context.Context, levels []int) ([]Result, error) {
		return r.idle(ctx, levels, idle)
	})
}

// standing is the connections of an idle run.
type standing struct {
	run    *run
	fleet  *fleet
	users  []string
	loop   *loop // of the business, which sends to each
	admin  string
	rest   time.Duration // at most, to come to rest
	before memory
	rounds int64
}

func (r *run) idle(ctx context.Context, levels []int, o IdleOptions) (results []Result, err error) {
	most := levels[len(levels)-1]
	if err := checkFiles(most); err != nil {
		return nil, err
	}
	s := &standing{run: r, fleet: r.newFleet(), loop: r.newLoop(0, "the business", most), admin: o.AdminURL, rest: cmp.Or(o.Settle, settleMost)}
	s.loop.apart = true
	defer s.fleet.close()
	if s.users, err = r.newUsers(ctx, most); err != nil {
		return nil, err
	}
	if s.before, err = readMemory(ctx, r.o.PIDs, s.admin); err != nil {
		return nil, err
	}
	for _, n := range levels {
		var result *Result
		result, err = s.round(ctx, n)
		if ctx.Err() != nil {
			err = nil // an interruption is no fault of the server's
			if result != nil {
				result.Interrupted = true
			}
		}
		results = append(results, r.finished("idle", result, func(res *Result) { res.Connections = n })...)
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil && ctx.Err() == nil {
		err = s.fleet.lastPing(ctx)
	}
	if len(results) > 0 {
		s.judge(&results[len(results)-1])
	}
	return results, err
}

// round opens connections up to n and measures.
func (s *standing) round(ctx context.Context, n int) (*Result, error) {
	r, have := s.run, s.fleet.size()
	members := make([]*member, n-have)
	for i := range members {
		members[i] = &member{
			witness: witness{user: s.users[have+i], stored: true, tracks: []track{{next: s.rounds}}}, loops: []*loop{s.loop},
		}
	}
	start := time.Now()
	if err := r.connect(ctx, s.fleet, members); err != nil {
		return nil, err
	}
	idle := &IdleResult{ConnectsPerSecond: float64(len(members)) / time.Since(start).Seconds()}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	shown := r.progress.watch(fmt.Sprintf("%s connections idle over %s", thousands(int64(n)), r.o.Receive), "messages")
	begin, before := time.Now(), cpuTotal(r.o.PIDs)
	pause(ctx, r.o.Duration)
	used := cpuTotal(r.o.PIDs) - before
	shown()
	result := &Result{Seconds: time.Since(begin).Seconds(), Idle: idle}
	idle.CPUPercent = 100 * used.Seconds() / result.Seconds
	after, err := readMemory(context.WithoutCancel(ctx), r.o.PIDs, s.admin)
	if err != nil {
		return nil, err
	}
	if after.resident > 0 {
		idle.KiB = float64(after.resident-s.before.resident) / 1024 / float64(n)
	}
	if after.heap > 0 {
		idle.LiveKiB = float64(after.heap-s.before.heap) / 1024 / float64(n)
	}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	return result, s.reachAll(ctx, n, result)
}

const (
	settleEvery = 500 * time.Millisecond
	settleMost  = 10 * time.Second
)

// settle waits until the server's memory does not change any more by a hundredth
// in a second.
func (s *standing) settle(ctx context.Context) error {
	shown := s.run.progress.watch("waiting for the server to come to rest", "messages")
	defer shown()
	last, quiet := int64(0), 0
	for end := time.Now().Add(s.rest); quiet < 2 && time.Now().Before(end) && ctx.Err() == nil; {
		now, err := readMemory(ctx, s.run.o.PIDs, s.admin)
		if err != nil {
			return err
		}
		if quiet++; max(now.resident-last, last-now.resident) > last/100 {
			quiet = 0
		}
		last = now.resident
		if quiet < 2 {
			pause(ctx, settleEvery)
		}
	}
	return ctx.Err()
}

// parallelSends is how many messages of the business are under way at once.
const parallelSends = 32

// reachAll sends one message to each of n users and waits until all have it.
func (s *standing) reachAll(ctx context.Context, n int, result *Result) error {
	l := s.loop
	l.receivers = int32(n) //nolint:gosec // thousands
	l.begin(s.rounds)
	s.rounds++
	shown := s.run.progress.watch("one message to each", "deliveries")
	defer shown()
	content := stamp{0, s.rounds - 1}.content()
	sends, sendCtx := errgroup.WithContext(ctx)
	sends.SetLimit(parallelSends)
	for _, user := range s.users[:n] {
		sends.Go(func() error {
			if err := sendCtx.Err(); err != nil {
				return err
			}
			_, err := s.run.api.send(sendCtx, "", outgoing{user: user, content: content})
			return err
		})
	}
	if err := sends.Wait(); err != nil {
		return err
	}
	l.settled = s.rounds
	l.acknowledged(s.rounds-1, 0) // each of them was
	patience := time.NewTimer(s.run.o.Patience)
	defer patience.Stop()
	select {
	case <-l.all:
		result.Messages, result.Deliveries = int64(n), int64(n)
		return nil
	case <-patience.C:
		result.Messages = int64(n) - int64(l.left.Load())
		return fmt.Errorf("%w: %d of %d connections did not get their message within %s", errHang, l.left.Load(), n, s.run.o.Patience)
	case <-s.fleet.broken.Done():
		return context.Cause(s.fleet.broken)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge ends the connections and adds up what their witnesses saw.
func (s *standing) judge(result *Result) {
	s.fleet.close()
	for _, m := range s.fleet.members {
		m.settle(func(int) int64 { return s.loop.settled })
		result.add(m.Verdict)
	}
}

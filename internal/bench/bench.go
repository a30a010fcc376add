package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options describe a run.
type Options struct {
	URL       string        // of the REST API
	AppKey    string        // of an app that may get many users
	InFlight  []int         // messages under way at once, a round for each
	Duration  time.Duration // of each round
	Transport string        // ws: sent over the connection; rest: by POST /v1/messages
	PIDs      []int         // processes whose CPU time is counted; may be empty
	Progress  io.Writer     // a line while it runs; nil is silent
}

// Result is what one round showed.
type Result struct {
	Transport string  `json:"transport"`
	InFlight  int     `json:"in_flight"`
	Seconds   float64 `json:"seconds"`
	Messages  int     `json:"messages"`             // sent, acknowledged and received
	PerSecond float64 `json:"per_second"`           // messages, end to end
	P50       float64 `json:"p50_ms"`               // from send to push at the receiver
	P99       float64 `json:"p99_ms"`               //
	P999      float64 `json:"p99_9_ms"`             //
	AckP50    float64 `json:"ack_p50_ms"`           // from send to acknowledgement
	AckP99    float64 `json:"ack_p99_ms"`           //
	CPU       float64 `json:"cpu_seconds_per_1000"` // of the processes that were named
	Lost      int     `json:"lost"`
	Doubled   int     `json:"doubled"`
	Disorder  int     `json:"out_of_order"`
}

// OK reports whether every message arrived once and in order.
func (r Result) OK() bool { return r.Lost+r.Doubled+r.Disorder == 0 && r.Messages > 0 }

// warmUp is left out of the figures.
const warmUp = time.Second

// Single runs single chats in a closed loop: as many pairs of users as messages
// are to be in flight, each user on a connection of its own. A sender sends the
// next message when the last one has been acknowledged and has reached its
// receiver. 100 bytes of text each.
func Single(ctx context.Context, o Options) ([]Result, error) {
	var results []Result
	for _, n := range o.InFlight {
		r, err := single(ctx, o, n)
		if err != nil {
			return results, fmt.Errorf("%d in flight: %w", n, err)
		}
		results = append(results, r)
	}
	return results, nil
}

func single(ctx context.Context, o Options, inFlight int) (Result, error) {
	pairs, err := connectPairs(ctx, o, inFlight)
	defer func() {
		for _, p := range pairs {
			p.close()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, warmUp+o.Duration+30*time.Second) // a hang is a result too
	defer cancel()
	begin := time.Now().Add(warmUp)
	end := begin.Add(o.Duration)
	cpu := newCPUMeter(o.PIDs, begin, end)
	var loops errgroup.Group
	for _, p := range pairs {
		loops.Go(func() error { return p.run(ctx, begin, end) })
	}
	if o.Progress != nil {
		_, _ = fmt.Fprintf(o.Progress, "%s, %d in flight, %s …\n", o.Transport, inFlight, o.Duration)
	}
	err = loops.Wait()
	used := cpu.stop()
	r := summarise(pairs, o.Duration)
	r.Transport, r.InFlight = o.Transport, inFlight
	if r.Messages > 0 {
		r.CPU = used.Seconds() * 1000 / float64(r.Messages)
	}
	return r, err
}

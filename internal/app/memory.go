package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	memoryEvery = 5 * time.Second // between two looks
	// memoryRest is how long it has to be quiet before memory is given back, and
	// memoryPause how long it then is not, for each MiB that is held: a collection
	// takes about a millisecond for one.
	memoryRest  = 10 * time.Second
	memoryPause = 500 * time.Millisecond
	// memoryMin is how much there has to be to give back, in bytes.
	memoryMin = 1 << 20
)

// releaseMemory gives memory back to the operating system when there is little to
// do. By itself Go keeps about as much as the heap may grow to before the next
// collection, which for a process full of idle connections is a third of what it
// holds. shrink is called first: it gives back what is not Go's.
func releaseMemory(ctx context.Context, shrink func(context.Context)) error {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	var r releaser
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(samples)
		if r.due(time.Now(), heap{
			allocated: samples[0].Value.Uint64(), live: samples[1].Value.Uint64(),
			spare: samples[2].Value.Uint64() + samples[3].Value.Uint64() - samples[1].Value.Uint64(),
		}) {
			shrink(ctx)
			debug.FreeOSMemory()
		}
	}
}

// heap is what the runtime says of it, in bytes.
type heap struct {
	allocated uint64 // since the start
	live      uint64 // objects that the last collection found
	spare     uint64 // held besides: newer objects, and room for some to come
}

// releaser decides when memory is given back.
type releaser struct {
	last  heap      // at the last look
	quiet time.Time // since when little was allocated; zero when it was not
	freed time.Time
}

// due takes a look at now. Little is a sixteenth of the heap between two looks.
func (r *releaser) due(now time.Time, h heap) bool {
	allocated := h.allocated - r.last.allocated
	r.last = h
	if allocated > h.live/16+memoryMin {
		r.quiet = time.Time{}
		return false
	}
	if r.quiet.IsZero() {
		r.quiet = now
	}
	pause := time.Duration(h.live>>20) * memoryPause //nolint:gosec // a heap is small
	if now.Sub(r.quiet) < memoryRest || now.Sub(r.freed) < pause || h.spare < max(memoryMin, h.live/16) {
		return false
	}
	r.freed = now
	return true
}

package bench

import (
	"context"
	"fmt"
)

// StormSize is one round of Storm.
type StormSize struct {
	InFlight int // single chats in a closed loop, whose times are taken
	Members  int // of the group
	Senders  int // members that send to the group at the same time
	Online   int // members that are connected, those that send and others; 0 for those that send
}

// StormResult is what single chats had before a storm, and what the storm was.
type StormResult struct {
	Alone      *Latency `json:"alone,omitempty"` // the single chats' latency without it
	Ratio      float64  `json:"p99_ratio"`       // their p99 during the storm to that without it
	Online     int      `json:"online"`          // members that were connected
	Messages   int64    `json:"messages"`        // to the group, that reached all who were connected
	EntriesPer float64  `json:"log_entries_per_second"`
}

// Storm runs single chats twice in each round: alone, and beside members of a
// group who all send to it in closed loops. A result has the latency of the
// single chats during the storm, and in Result.Storm the one without it.
func Storm(ctx context.Context, o Options, sizes []StormSize) ([]Result, error) {
	for i := range sizes {
		s := &sizes[i]
		if s.Online == 0 {
			s.Online = max(s.Senders, 2) // one sends, another gets it
		}
		if s.InFlight < 1 || s.Senders < 1 || s.Online < max(s.Senders, 2) || s.Online > s.Members {
			return nil, fmt.Errorf("a group of %d cannot have %d senders and %d online, beside %d single chats", s.Members, s.Senders, s.Online, s.InFlight)
		}
	}
	return rounds(ctx, o, sizes, (*run).storm)
}

func (r *run) storm(ctx context.Context, size StormSize) ([]Result, error) {
	if err := checkFiles(3*size.InFlight + size.Online + size.Senders); err != nil {
		return nil, err
	}
	alone, err := r.single(ctx, size.InFlight)
	if err != nil || ctx.Err() != nil || len(alone) == 0 {
		return nil, err
	}
	loops, members, err := r.pairs(ctx, size.InFlight)
	if err != nil {
		return nil, err
	}
	storming, crowd, err := r.crowd(ctx, crowd{members: size.Members, online: size.Online, senders: size.Senders})
	if err != nil {
		return nil, err
	}
	f := r.newFleet()
	defer f.close()
	if err := r.connect(ctx, f, append(members, crowd...)); err != nil {
		return nil, err
	}
	p := r.newPlay(f, loops)
	p.beside = r.newPlay(f, storming)
	what := fmt.Sprintf("storm over %s, %d in flight beside %d senders in a group of %d", r.o.by(), size.InFlight, size.Senders, size.Members)
	result, err := r.play(ctx, what, p)
	return r.finished("storm", result, func(res *Result) {
		res.InFlight, res.Members, res.Senders = size.InFlight, size.Members, size.Senders
		res.Storm = stormResult(size, res, p.beside.pushes.count(), alone[0].Latency)
		res.add(alone[0].Verdict)
	}), err
}

func stormResult(size StormSize, during *Result, messages int64, alone *Latency) *StormResult {
	s := &StormResult{Alone: alone, Online: size.Online, Messages: messages}
	if during.Latency != nil && alone != nil && alone.P99 > 0 {
		s.Ratio = during.Latency.P99 / alone.P99
	}
	if during.Seconds > 0 {
		s.EntriesPer = float64(messages*int64(size.Members)) / during.Seconds
	}
	return s
}

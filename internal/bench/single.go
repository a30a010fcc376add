package bench

import (
	"context"
	"fmt"
)

// Single runs single chats: as many pairs of users as messages are to be in
// flight, a round for each number. A sender sends the next message when the last
// one has been acknowledged and has reached its receiver. 100 bytes of text each.
func Single(ctx context.Context, o Options, inFlight []int) ([]Result, error) {
	return rounds(ctx, o, inFlight, (*run).single)
}

func (r *run) single(ctx context.Context, pairs int) ([]Result, error) {
	if err := checkFiles(3 * pairs); err != nil {
		return nil, err
	}
	loops, members, err := r.pairs(ctx, pairs)
	if err != nil {
		return nil, err
	}
	f := r.newFleet()
	defer f.close()
	if err := r.connect(ctx, f, members); err != nil {
		return nil, err
	}
	result, err := r.playLoops(ctx, fmt.Sprintf("single over %s, %d in flight", r.o.by(), pairs), f, loops)
	return r.finished("single", result, func(res *Result) { res.InFlight = pairs }), err
}

// pairs makes pairs of users, of whom one sends to the other.
func (r *run) pairs(ctx context.Context, pairs int) (loops []*loop, members []*member, err error) {
	users, err := r.newUsers(ctx, 2*pairs)
	if err != nil {
		return nil, nil, err
	}
	loops = make([]*loop, pairs)
	for i := range loops {
		from, to := users[2*i], users[2*i+1]
		l := r.newLoop(i, from, 1)
		l.toUser = to
		loops[i] = l
		members = append(members, &member{witness: witness{user: to, stored: true, first: i, tracks: make([]track, 1)}, loops: loops[i : i+1]})
		if r.o.Via != REST {
			l.conn = &member{
				witness: witness{user: from, stored: true, first: i, tracks: make([]track, 1)}, loops: loops[i : i+1], sends: l,
			}
			members = append(members, l.conn)
		}
	}
	return loops, members, nil
}

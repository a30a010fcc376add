package bench

import (
	"context"
	"fmt"
	"strings"
)

// GroupSize is one round of Group.
type GroupSize struct {
	Members int // all of them connected
	Senders int // members that send
}

// Group runs one group per round. Each sender sends the next message when the
// last one has been acknowledged and has reached all other members, and itself
// too where it is sent by REST. With persist false nothing is stored: a room.
func Group(ctx context.Context, o Options, sizes []GroupSize, persist bool) ([]Result, error) {
	for _, s := range sizes {
		if s.Members < 2 || s.Senders < 1 || s.Senders > s.Members {
			return nil, fmt.Errorf("a group of %d cannot have %d senders", s.Members, s.Senders)
		}
	}
	return rounds(ctx, o, sizes, func(r *run, ctx context.Context, s GroupSize) ([]Result, error) { return r.group(ctx, s, persist) })
}

func (r *run) group(ctx context.Context, size GroupSize, persist bool) ([]Result, error) {
	if err := checkFiles(size.Members + size.Senders); err != nil {
		return nil, err
	}
	loops, members, err := r.crowd(ctx, crowd{members: size.Members, online: size.Members, senders: size.Senders, passing: !persist})
	if err != nil {
		return nil, err
	}
	f := r.newFleet()
	defer f.close()
	if err := r.connect(ctx, f, members); err != nil {
		return nil, err
	}
	workload := "group"
	if !persist {
		workload = "room"
	}
	what := fmt.Sprintf("%s over %s, %d members, %d sending", workload, r.o.by(), size.Members, size.Senders)
	result, err := r.playLoops(ctx, what, f, loops)
	return r.finished(workload, result, func(res *Result) { res.Members, res.Senders = size.Members, size.Senders }), err
}

// crowd is a group and who does what in it.
type crowd struct {
	members int
	online  int // members that are connected
	senders int // of those, the ones that send
	passing bool
}

// crowd makes a group of new users, with a loop for each that sends and a member
// for each that is online.
func (r *run) crowd(ctx context.Context, c crowd) ([]*loop, []*member, error) {
	users, err := r.newUsers(ctx, c.members)
	if err != nil {
		return nil, nil, err
	}
	group := users[0] + "-group"
	if err := r.createGroup(ctx, group, users); err != nil {
		return nil, nil, err
	}
	loops := make([]*loop, c.senders)
	members := make([]*member, c.online)
	for i := range members {
		members[i] = &member{witness: witness{user: users[i], stored: !c.passing, tracks: make([]track, c.senders)}, loops: loops}
	}
	for i := range loops {
		l := r.newLoop(i, users[i], c.online)
		l.toGroup, l.passing = group, c.passing
		if r.o.Via != REST {
			members[i].replies = newReplies()
			l.conn, l.receivers = members[i], l.receivers-1
		}
		loops[i] = l
	}
	return loops, members, nil
}

// createGroup tells what to do where the app allows fewer members.
func (r *run) createGroup(ctx context.Context, id string, members []string) error {
	err := r.api.createGroup(ctx, id, members)
	if err != nil && strings.Contains(err.Error(), "members that it may have") {
		err = fmt.Errorf("%w\nThe admin key can raise that, up to 5000:\n  curl -X PATCH %s/v1/apps/%s -H \"Authorization: Bearer $GIM_ADMIN_KEY\" "+
			"-H 'Content-Type: application/json' -d '{\"settings\":{\"max_group_members\":%d}}'", err, r.o.URL, r.tokens.app, len(members))
	}
	return err
}

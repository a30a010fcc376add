package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gim-im/gim/client"
)

// GroupSize is one round of Group.
type GroupSize struct {
	Members int  // all of them connected
	Senders int  // members that send
	Large   bool // the messages are in the log of the group, and in no member's
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
	loops, members, err := r.crowd(ctx, crowd{
		members: size.Members, online: size.Members, senders: size.Senders, passing: !persist, large: size.Large,
	})
	if err != nil {
		return nil, err
	}
	workload := "group"
	if !persist {
		workload = "room"
	}
	return r.playGroup(ctx, workload, size, loops, members)
}

// playGroup runs the loops of a group whose members are not connected yet.
func (r *run) playGroup(ctx context.Context, workload string, size GroupSize, loops []*loop, members []*member) ([]Result, error) {
	f := r.newFleet()
	defer f.close()
	if err := r.connect(ctx, f, members); err != nil {
		return nil, err
	}
	kind := kindOf(size.Large)
	what := fmt.Sprintf("%s (%s) over %s, %d members, %d sending", workload, kind, r.o.by(), size.Members, size.Senders)
	result, err := r.playLoops(ctx, what, f, loops)
	return r.finished(workload, result, func(res *Result) {
		res.Members, res.Senders, res.Type = size.Members, size.Senders, string(kind)
	}), err
}

// crowd is a group and who does what in it.
type crowd struct {
	members int
	online  int // members that are connected
	senders int // of those, the ones that send
	passing bool
	large   bool
}

// crowd makes a group of new users, with a loop for each that sends and a member
// for each that is online.
func (r *run) crowd(ctx context.Context, c crowd) ([]*loop, []*member, error) {
	users, err := r.newUsers(ctx, c.members)
	if err != nil {
		return nil, nil, err
	}
	group := users[0] + "-group"
	if err := r.createGroup(ctx, group, users, c.large); err != nil {
		return nil, nil, err
	}
	loops, members := r.cast(c, group, users)
	return loops, members, nil
}

// cast gives the first of a group's users their parts.
func (r *run) cast(c crowd, group string, users []string) ([]*loop, []*member) {
	loops := make([]*loop, c.senders)
	members := make([]*member, c.online)
	for i := range members {
		w := witness{user: users[i], stored: !c.passing, tracks: make([]track, c.senders)}
		if c.large {
			w.large = newLargeLog(group)
		}
		members[i] = &member{witness: w, loops: loops}
	}
	for i := range loops {
		l := r.newLoop(i, users[i], c.online)
		l.toGroup, l.passing = group, c.passing
		if r.o.Via != REST {
			members[i].sends = l
			l.conn, l.receivers = members[i], l.receivers-1
		}
		loops[i] = l
	}
	return loops, members
}

func kindOf(large bool) client.GroupType {
	if large {
		return client.GroupTypeLarge
	}
	return client.GroupTypeNormal
}

// addedAtOnce is how many members one call may add to a group.
const addedAtOnce = 500

// createGroup makes a group, a large one step by step. It tells what to do where
// the app allows fewer members.
func (r *run) createGroup(ctx context.Context, id string, members []string, large bool) error {
	first := members
	if large {
		first = members[:min(len(members), addedAtOnce)]
	}
	err := r.api.createGroup(ctx, id, first, kindOf(large))
	r.progress.done.Add(int64(len(first)))
	for part := range slices.Chunk(members[len(first):], addedAtOnce) {
		if err != nil {
			break
		}
		err = r.api.addMembers(ctx, id, part)
		r.progress.done.Add(int64(len(part)))
	}
	if err != nil && strings.Contains(err.Error(), "members that it may have") {
		err = fmt.Errorf("%w\n%s", err, r.allowMembers(len(members), large))
	}
	return err
}

// allowMembers says how an app is made to allow groups of so many members.
func (r *run) allowMembers(n int, large bool) string {
	setting, most := "max_group_members", 5000
	if large {
		setting, most = "max_large_group_members", 1_000_000
	}
	return fmt.Sprintf("The admin key can raise that, up to %d:\n  curl -X PATCH %s/v1/apps/%s -H \"Authorization: Bearer $GIM_ADMIN_KEY\" "+
		"-H 'Content-Type: application/json' -d '{\"settings\":{\"%s\":%d}}'", most, r.o.URL, r.tokens.app, setting, n)
}

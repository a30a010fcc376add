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

// kind is the type of the group.
func (s GroupSize) kind() client.GroupType {
	if s.Large {
		return client.GroupTypeLarge
	}
	return client.GroupTypeNormal
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
	users, err := r.newUsers(ctx, size.Members)
	if err != nil {
		return nil, err
	}
	group := users[0] + "-group"
	if err := r.createGroup(ctx, group, users, size.kind()); err != nil {
		return nil, err
	}
	workload := "group"
	if !persist {
		workload = "room"
	}
	result, err := r.playGroup(ctx, workload, group, users, size, persist)
	return r.finishedGroup(workload, result, size), err
}

// playGroup connects members of a group, the first of whom send.
func (r *run) playGroup(ctx context.Context, workload, group string, users []string, size GroupSize, persist bool) (*Result, error) {
	loops := make([]*loop, size.Senders)
	members := make([]*member, len(users))
	for i, user := range users {
		w := witness{user: user, stored: persist, tracks: make([]track, size.Senders)}
		if size.Large {
			w.large = newLargeLog(group)
		}
		members[i] = &member{witness: w, loops: loops}
	}
	for i := range loops {
		l := r.newLoop(i, users[i], len(users))
		l.toGroup, l.passing = group, !persist
		if r.o.Via != REST {
			members[i].replies = newReplies()
			l.conn, l.receivers = members[i], l.receivers-1
		}
		loops[i] = l
	}
	f := r.newFleet()
	defer f.close()
	if err := r.connect(ctx, f, members); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s (%s) over %s, %d members, %d sending", workload, size.kind(), r.o.by(), size.Members, size.Senders)
	return r.playLoops(ctx, what, f, loops)
}

func (r *run) finishedGroup(workload string, result *Result, size GroupSize) []Result {
	return r.finished(workload, result, func(res *Result) {
		res.Members, res.Senders, res.Type = size.Members, size.Senders, string(size.kind())
	})
}

// addedAtOnce is how many members one call may add to a group.
const addedAtOnce = 500

// createGroup makes a group, a large one step by step. It tells what to do where
// the app allows fewer members.
func (r *run) createGroup(ctx context.Context, id string, members []string, kind client.GroupType) error {
	first := members
	if kind == client.GroupTypeLarge {
		first = members[:min(len(members), addedAtOnce)]
	}
	err := r.api.createGroup(ctx, id, first, kind)
	r.progress.done.Add(int64(len(first)))
	for part := range slices.Chunk(members[len(first):], addedAtOnce) {
		if err != nil {
			break
		}
		err = r.api.addMembers(ctx, id, part)
		r.progress.done.Add(int64(len(part)))
	}
	if err != nil && strings.Contains(err.Error(), "members that it may have") {
		err = fmt.Errorf("%w\n%s", err, r.allowMembers(len(members), kind))
	}
	return err
}

// allowMembers says how an app is made to allow groups of so many members.
func (r *run) allowMembers(n int, kind client.GroupType) string {
	setting, most := "max_group_members", 5000
	if kind == client.GroupTypeLarge {
		setting, most = "max_large_group_members", 1_000_000
	}
	return fmt.Sprintf("The admin key can raise that, up to %d:\n  curl -X PATCH %s/v1/apps/%s -H \"Authorization: Bearer $GIM_ADMIN_KEY\" "+
		"-H 'Content-Type: application/json' -d '{\"settings\":{\"%s\":%d}}'", most, r.o.URL, r.tokens.app, setting, n)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CrowdOptions are what Crowd needs besides.
type CrowdOptions struct {
	Members  []int  // of a group, one after the other
	Senders  []int  // members that send, a round for each
	Large    bool   // type of the groups
	AdminURL string // of the server's admin listener, to collect garbage before memory is read; may be ""
}

// CrowdResult is what a group costs most of whose members are not connected.
type CrowdResult struct {
	UsersSeconds   float64      `json:"users_seconds"`           // to create the users
	MembersSeconds float64      `json:"members_seconds"`         // to create the group and to add the members
	MiB            MemoryGrowth `json:"mib"`                     // of memory of the named processes
	LiveMiB        MemoryGrowth `json:"live_mib"`                // of Go's heap and stacks, after a collection
	AckRatio       float64      `json:"ack_p50_ratio,omitempty"` // the middle acknowledgement, to that of the first group
}

// MemoryGrowth is memory before the users were created, and when all were members.
type MemoryGrowth struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

func grown(before, after int64) MemoryGrowth {
	return MemoryGrowth{Before: float64(before) / (1 << 20), After: float64(after) / (1 << 20)}
}

// crowdWatchers is how many members are connected besides those who send: they
// judge what arrives.
const crowdWatchers = 10

// Crowd makes groups and lets some of the members send, while all but a few are
// not connected. Senders send the next message when the last one has been
// acknowledged and has reached those who are.
func Crowd(ctx context.Context, o Options, c CrowdOptions) ([]Result, error) {
	if len(c.Members) == 0 || len(c.Senders) == 0 {
		return nil, errors.New("a crowd needs members and senders")
	}
	connected := 0
	for _, senders := range c.Senders {
		if senders < 1 {
			return nil, fmt.Errorf("%d senders are none", senders)
		}
		connected += senders + crowdWatchers
	}
	for _, members := range c.Members {
		if members < connected {
			return nil, fmt.Errorf("a crowd of %d is too small: %d members are connected in its rounds", members, connected)
		}
	}
	results, err := rounds(ctx, o, c.Members, func(r *run, ctx context.Context, members int) ([]Result, error) {
		return r.crowdRounds(ctx, members, c)
	})
	compareAcks(results)
	return results, err
}

// compareAcks shows whether sending costs more in a larger group.
func compareAcks(results []Result) {
	first := make(map[int]float64) // by senders
	for _, r := range results {
		if r.Ack == nil {
			continue
		}
		if _, known := first[r.Senders]; !known {
			first[r.Senders] = r.Ack.P50
		}
		r.Crowd.AckRatio = r.Ack.P50 / first[r.Senders]
	}
}

func (r *run) crowdRounds(ctx context.Context, members int, c CrowdOptions) (results []Result, err error) {
	most := slices.Max(c.Senders) + crowdWatchers
	if err := checkFiles(2 * most); err != nil {
		return nil, err
	}
	size := GroupSize{Members: members, Large: c.Large}
	users, made, err := r.makeCrowd(ctx, size, c.AdminURL)
	if err != nil {
		return nil, err
	}
	group := users[0] + "-group"
	for _, senders := range c.Senders {
		size.Senders = senders
		here := users[:senders+crowdWatchers] // others in each round, as the messages of a user are numbered
		users = users[len(here):]
		loops, connected := r.cast(crowd{online: len(here), senders: senders, large: c.Large}, group, here)
		var got []Result
		got, err = r.playGroup(ctx, "crowd", size, loops, connected)
		for i := range got {
			of := made
			got[i].Crowd = &of
		}
		results = append(results, got...)
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	return results, err
}

// usersAtOnce is how many users one call may create.
const usersAtOnce = 1000

// makeCrowd creates a group with its members. It is named after the first.
func (r *run) makeCrowd(ctx context.Context, size GroupSize, adminURL string) (users []string, made CrowdResult, err error) {
	before, err := readMemory(ctx, r.o.PIDs, adminURL)
	if err != nil {
		return nil, made, err
	}
	shown := r.progress.watch(fmt.Sprintf("creating %s users", thousands(int64(size.Members))), "users")
	start := time.Now()
	for len(users) < size.Members && err == nil {
		var some []string
		some, err = r.newUsers(ctx, min(usersAtOnce, size.Members-len(users)))
		users = append(users, some...)
		r.progress.done.Add(int64(len(some)))
	}
	made.UsersSeconds = time.Since(start).Seconds()
	shown()
	if err != nil {
		return nil, made, err
	}
	shown = r.progress.watch(fmt.Sprintf("making them members of a %s group", kindOf(size.Large)), "members")
	start = time.Now()
	err = r.createGroup(ctx, users[0]+"-group", users, size.Large)
	made.MembersSeconds = time.Since(start).Seconds()
	shown()
	if err != nil {
		return nil, made, err
	}
	after, err := readMemory(ctx, r.o.PIDs, adminURL)
	made.MiB, made.LiveMiB = grown(before.resident, after.resident), grown(before.heap, after.heap)
	return users, made, err
}

// crowdColumns are the table of a crowd.
func crowdColumns() []column {
	columns := []column{
		by, kind, members, senders,
		{"users s", figure("%.2f", func(r *Result) float64 { return r.Crowd.UsersSeconds })},
		{"members s", figure("%.2f", func(r *Result) float64 { return r.Crowd.MembersSeconds })},
		{"MiB", func(r *Result) string { return r.Crowd.MiB.String() }},
		{"live MiB", func(r *Result) string { return r.Crowd.LiveMiB.String() }},
		perSecond,
	}
	columns = append(columns, times("ack ", ackOf)[:2]...)
	return append(columns, column{"ack ratio", figure("%.2f", func(r *Result) float64 { return r.Crowd.AckRatio })}, cpu)
}

// String is a dash where nothing was measured.
func (g MemoryGrowth) String() string {
	if g.After == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f→%.1f", g.Before, g.After)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/population"
)

// operation is what clients do whose cost may depend on how much is stored.
type operation struct {
	name    string
	receive string // how the server is asked, where it is not REST
	// prepare finds what is needed and returns what is measured.
	prepare func(context.Context, *doing) (once, error)
}

// pageSize is how many messages a page asks for: no more than the smallest chat has,
// so that the work is the same for each size of the store.
const pageSize = population.Burst

// listSize is how many groups, or members, a page asks for.
const listSize = 100

// readers is how many users there are to choose from whose positions in their logs
// are found out beforehand.
const readers = 1_000

// operations are all, in the order in which they are measured: reading first.
var operations = []operation{
	{name: "sync page", prepare: syncPages},
	{name: "sync page of the longest log", prepare: longestLog},
	{name: "history page", prepare: histories},
	{name: "history page of the large group", prepare: largeHistory},
	{name: "group list of a user in 2,000 groups", prepare: groupList},
	{name: "sign-in of a user in 2,000 groups", receive: WebSocket, prepare: signIns},
	{name: "member page of the large group", prepare: memberPages},
	{name: "send to a user", prepare: sendSingle},
	{name: "send to a group of 100", prepare: sendTeam},
	{name: "send to the large group", prepare: sendLarge},
}

// Operations are the names of what Growth can measure.
func Operations() (names []string) {
	for _, op := range operations {
		names = append(names, op.name)
	}
	return names
}

func operationNamed(name string) (operation, error) {
	for _, op := range operations {
		if op.name == name {
			return op, nil
		}
	}
	return operation{}, fmt.Errorf("there is no operation %q, only %s", name, strings.Join(Operations(), ", "))
}

// position is a place in a log behind which there is a page.
type position struct {
	user  string
	after int64
}

// syncPages are those that users ask for who come back: the last of their logs.
func syncPages(ctx context.Context, d *doing) (once, error) {
	places := make([]position, min(readers, 2*d.chats))
	for i := range places {
		user, _ := d.chat()
		page, err := d.run.api.sync(ctx, user, 0, 1)
		if err != nil {
			return nil, err
		}
		places[i] = position{user, max(0, page.HeadSeq-pageSize)}
	}
	return func(ctx context.Context) (string, error) {
		return d.syncPage(ctx, places[d.random.IntN(len(places))])
	}, nil
}

// longestLog is that of a user in many groups, at any place.
func longestLog(ctx context.Context, d *doing) (once, error) {
	page, err := d.run.api.sync(ctx, population.Hub, 0, 1)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		return d.syncPage(ctx, position{population.Hub, d.random.Int64N(max(1, page.HeadSeq-pageSize))})
	}, nil
}

func (d *doing) syncPage(ctx context.Context, at position) (string, error) {
	page, err := d.run.api.sync(ctx, at.user, at.after, pageSize)
	if err != nil {
		return "", err
	}
	if want := min(pageSize, page.HeadSeq-at.after); int64(len(page.Items)) != want {
		return fmt.Sprintf("a page of %s has %d entries, want %d", at.user, len(page.Items), want), nil
	}
	for i := range page.Items {
		if seq := at.after + int64(i) + 1; page.Items[i].Seq != seq {
			return fmt.Sprintf("the log of %s has entry %d instead of %d", at.user, page.Items[i].Seq, seq), nil
		}
	}
	return "", nil
}

func histories(_ context.Context, d *doing) (once, error) {
	return func(ctx context.Context) (string, error) {
		a, b := d.chat()
		_, complaint, err := d.history(ctx, a, "user:"+b, 0)
		return complaint, err
	}, nil
}

func largeHistory(ctx context.Context, d *doing) (once, error) {
	const name = "group:" + population.Large
	newest, complaint, err := d.history(ctx, population.Hub, name, 0)
	if err != nil || complaint != "" {
		return nil, errors.Join(err, errors.New("the large group has less than a page"))
	}
	least, most := int64(pageSize+1), newest.Items[pageSize-1].ConversationSeq+1
	return func(ctx context.Context) (string, error) {
		_, complaint, err := d.history(ctx, d.member(), name, least+d.random.Int64N(most-least+1))
		return complaint, err
	}, nil
}

// member chooses a member of the large group by chance.
func (d *doing) member() string { return population.User(d.random.IntN(d.plan.LargeSize())) }

// groupList walks through the groups of a user, page by page.
func groupList(_ context.Context, d *doing) (once, error) {
	var cursor *string
	user, limit, seen := population.Hub, listSize, 0
	return func(ctx context.Context) (string, error) {
		got, err := d.run.api.rest.ListGroupsWithResponse(ctx, &client.ListGroupsParams{GimUser: &user, Limit: &limit, Cursor: cursor})
		if err := refused("list groups", got, err); err != nil {
			return "", err
		}
		return walk(&cursor, got.JSON200.NextCursor, &seen, len(got.JSON200.Items), d.plan.HubSize()+2, "the list of groups") // with the two that all are in
	}, nil
}

func memberPages(_ context.Context, d *doing) (once, error) {
	var cursor *string
	user, limit, seen := population.Hub, listSize, 0
	return func(ctx context.Context) (string, error) {
		got, err := d.run.api.rest.ListMembersWithResponse(ctx, population.Large, &client.ListMembersParams{GimUser: &user, Limit: &limit, Cursor: cursor})
		if err := refused("list members", got, err); err != nil {
			return "", err
		}
		return walk(&cursor, got.JSON200.NextCursor, &seen, len(got.JSON200.Items), d.plan.LargeSize(), "the list of members")
	}, nil
}

// walk goes to the next page of a list, and after the last one to the first.
func walk(cursor **string, next *string, seen *int, items, all int, what string) (complaint string, err error) {
	*cursor = next
	if *seen += items; next != nil {
		return "", nil
	}
	if *seen != all {
		complaint = fmt.Sprintf("%s has %d entries, want %d", what, *seen, all)
	}
	*seen = 0
	return complaint, nil
}

// signIns are a connection each, from its beginning to its end.
func signIns(_ context.Context, d *doing) (once, error) {
	return func(ctx context.Context) (string, error) {
		conn, in, err := d.run.dial(ctx, population.Hub, WebSocket, nil)
		if err != nil {
			return "", err
		}
		_ = conn.Close() // it has seen what it should
		if in.GetUserId() != population.Hub {
			return fmt.Sprintf("%s is signed in as %s", population.Hub, in.GetUserId()), nil
		}
		return "", nil
	}, nil
}

func sendSingle(_ context.Context, d *doing) (once, error) {
	return func(ctx context.Context) (string, error) {
		a, b := d.chat()
		return d.send(ctx, a, outgoing{user: b})
	}, nil
}

func sendTeam(_ context.Context, d *doing) (once, error) {
	return func(ctx context.Context) (string, error) {
		return d.send(ctx, population.User(d.random.IntN(population.TeamMembers)), outgoing{group: population.Team})
	}, nil
}

func sendLarge(_ context.Context, d *doing) (once, error) {
	return func(ctx context.Context) (string, error) {
		return d.send(ctx, d.member(), outgoing{group: population.Large})
	}, nil
}

// sizeOf adds up the files below a directory.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // a temporary one
		} else if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// growthColumns are the table of growth.
func growthColumns() []column {
	columns := []column{
		{"label", func(r *Result) string { return r.Growth.Label }},
		{"stored", whole(func(r *Result) int64 { return r.Growth.Stored })},
		{"users", whole(func(r *Result) int64 { return int64(r.Growth.Users) })},
		{"operation", func(r *Result) string { return r.Growth.Operation }},
		{"times", whole(func(r *Result) int64 { return r.Messages })},
	}
	columns = append(columns, times("", latencyOf)[:2]...)
	return slices.Concat(columns, []column{
		{"CPU ms", figure("%.3f", func(r *Result) float64 { return r.CPUPer1000 })}, // s for 1,000 is ms for one
		{"bytes/message", figure("%.0f", func(r *Result) float64 { return float64(r.Growth.StoreBytes) / float64(r.Growth.Stored) })},
	})
}

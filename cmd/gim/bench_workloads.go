package main

import (
	"context"
	"errors"
	"time"

	"github.com/gim-im/gim/internal/bench"
)

type benchSingleCmd struct {
	benchFlags `embed:""`
	InFlight   []int         `name:"in-flight" default:"1,10,50,200" placeholder:"N" help:"Messages under way at once, a round for each."`
	Duration   time.Duration `name:"duration" default:"5s" placeholder:"TIME" help:"Length of a round."`
}

// Help is shown below the flags.
func (benchSingleCmd) Help() string {
	return `As many pairs of users as messages are to be in flight. Each sender sends the next
message when the last one was acknowledged and has reached its receiver.

Examples:

    GIM_APP_KEY=gim_... gim bench --in-flight 1,50 --pids $(pgrep -d, -x gim)
    GIM_APP_KEY=gim_... gim bench single --via rest --receive tcp --tcp-addr 127.0.0.1:7272`
}

// Run carries out the command.
func (c *benchSingleCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(c.Duration, io)
	if err := errors.Join(err, between("--in-flight", c.InFlight, 1, 10_000)); err != nil {
		return err
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) { return bench.Single(ctx, o, c.InFlight) })
}

// benchGroupFlags are those of groups and rooms.
type benchGroupFlags struct {
	benchFlags `embed:""`
	Members    []int         `name:"members" default:"100,500" placeholder:"N" help:"Members of the group, all of them connected; rounds for each."`
	Senders    []int         `name:"senders" default:"1,10" placeholder:"N" help:"Members that send at the same time; a round for each."`
	Type       string        `name:"type" enum:"normal,large" default:"normal" help:"Type of the group: normal or large."`
	Duration   time.Duration `name:"duration" default:"5s" placeholder:"TIME" help:"Length of a round."`
}

const largeType = "large"

// What an app can allow at most.
const (
	mostMembers      = 5000
	mostLargeMembers = 1_000_000
)

// mostMembersOf is for a group of a type.
func mostMembersOf(kind string) int {
	if kind == largeType {
		return mostLargeMembers
	}
	return mostMembers
}

func (f *benchGroupFlags) group(ctx context.Context, io streams, persist bool) error {
	o, err := f.options(f.Duration, io)
	err = errors.Join(err, between("--members", f.Members, 2, mostMembersOf(f.Type)), between("--senders", f.Senders, 1, mostMembers))
	if err != nil {
		return err
	}
	var sizes []bench.GroupSize
	for _, members := range f.Members {
		for _, senders := range f.Senders {
			sizes = append(sizes, bench.GroupSize{Members: members, Senders: senders, Large: f.Type == largeType})
		}
	}
	return f.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) { return bench.Group(ctx, o, sizes, persist) })
}

type benchGroupCmd struct {
	benchGroupFlags `embed:""`
}

// Help is shown below the flags.
func (benchGroupCmd) Help() string {
	return `One group a round. Each sender sends the next message when the last one was
acknowledged and has reached all members; the times are those of the last one.
A normal group of more than 500 members needs an app that allows it.

Examples:

    GIM_APP_KEY=gim_... gim bench group --members 100,500 --senders 1,10 --pids $(pgrep -d, -x gim)
    GIM_APP_KEY=gim_... gim bench group --type large --members 2000`
}

// Run carries out the command.
func (c *benchGroupCmd) Run(ctx context.Context, io streams) error { return c.group(ctx, io, true) }

type benchRoomCmd struct {
	benchGroupFlags `embed:""`
}

// Help is shown below the flags.
func (benchRoomCmd) Help() string {
	return `As gim bench group, with messages that are pushed to those online and not stored
(persist is false).

Example:

    GIM_APP_KEY=gim_... gim bench room --members 500 --via tcp --tcp-addr 127.0.0.1:7272`
}

// Run carries out the command.
func (c *benchRoomCmd) Run(ctx context.Context, io streams) error { return c.group(ctx, io, false) }

type benchStormCmd struct {
	benchFlags `embed:""`
	InFlight   []int         `name:"in-flight" default:"10" placeholder:"N" help:"Messages of single chats under way at once, rounds for each."`
	Members    []int         `name:"members" default:"500" placeholder:"N" help:"Members of the group, rounds for each."`
	Senders    []int         `name:"senders" default:"50" placeholder:"N" help:"Members that send to the group at the same time, a round for each."`
	Online     int           `name:"online" default:"0" placeholder:"N" help:"Members that are connected; 0 is those that send."`
	Duration   time.Duration `name:"duration" default:"10s" placeholder:"TIME" help:"Length of each half of a round."`
}

// Help is shown below the flags.
func (benchStormCmd) Help() string {
	return `Each round runs single chats twice in closed loops, as gim bench single does: alone,
and while members of a group send to it as fast as they can. The times are those
of the single chats, the ratio is that of their p99 in the storm to that alone.

Example:

    GIM_APP_KEY=gim_... gim bench storm --members 500 --senders 50 --in-flight 10`
}

// Run carries out the command.
func (c *benchStormCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(c.Duration, io)
	err = errors.Join(err, between("--in-flight", c.InFlight, 1, 10_000), between("--members", c.Members, 2, mostMembers),
		between("--senders", c.Senders, 1, mostMembers), between("--online", []int{c.Online}, 0, mostMembers))
	if err != nil {
		return err
	}
	var sizes []bench.StormSize
	for _, inFlight := range c.InFlight {
		for _, members := range c.Members {
			for _, senders := range c.Senders {
				sizes = append(sizes, bench.StormSize{InFlight: inFlight, Members: members, Senders: senders, Online: c.Online})
			}
		}
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) { return bench.Storm(ctx, o, sizes) })
}

type benchIdleCmd struct {
	benchFlags  `embed:""`
	Connections []int         `name:"connections" default:"5000,10000" placeholder:"N" help:"Connections open at the same time, a round for each, going up."`
	Duration    time.Duration `name:"duration" default:"30s" placeholder:"TIME" help:"How long the CPU time is taken for, once the server has come to rest."`
	AdminURL    string        `name:"admin-url" placeholder:"URL" help:"The server's admin listener, which is asked to collect garbage before memory is read."`
}

// Help is shown below the flags.
func (benchIdleCmd) Help() string {
	return `Opens connections of as many users, which send nothing but their heartbeat, and
reads memory and CPU time of the server; name gim alone in --pids, freshly started.
At the end each user is sent one message, and has to get it.

Both sides need an open file for each connection (ulimit -n).

Example:

    GIM_APP_KEY=gim_... gim bench idle --connections 5000 --pids $(pgrep -d, -x gim) --admin-url http://127.0.0.1:8081`
}

// Run carries out the command.
func (c *benchIdleCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(c.Duration, io)
	if err := errors.Join(err, between("--connections", c.Connections, 1, 1_000_000)); err != nil {
		return err
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) {
		return bench.Idle(ctx, o, bench.IdleOptions{Connections: c.Connections, AdminURL: c.AdminURL})
	})
}

type benchSyncCmd struct {
	benchFlags `embed:""`
	Messages   int   `name:"messages" default:"10000" placeholder:"N" help:"Messages in the log of each client."`
	Clients    []int `name:"clients" default:"1" placeholder:"N" help:"Clients that read at the same time, each its own log; rounds for each."`
}

// Help is shown below the flags.
func (benchSyncCmd) Help() string {
	return `Fills logs, then reads them from their beginning: by pages of 200 over REST, by sync
frames, and by the replay after a sign-in. Frames and replay go over the transport
of --via or --receive.

Example:

    GIM_APP_KEY=gim_... gim bench sync --messages 10000 --clients 1,10`
}

// Run carries out the command.
func (c *benchSyncCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(time.Second, io) // what there is to read bounds the time
	err = errors.Join(err, between("--messages", []int{c.Messages}, 1, 10_000_000), between("--clients", c.Clients, 1, 500))
	if err != nil {
		return err
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) {
		return bench.Sync(ctx, o, bench.SyncOptions{Messages: c.Messages, Clients: c.Clients})
	})
}

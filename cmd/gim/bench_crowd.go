package main

import (
	"context"
	"errors"
	"time"

	"github.com/gim-im/gim/internal/bench"
)

type benchCrowdCmd struct {
	benchFlags `embed:""`
	Members    []int         `name:"members" default:"100,100000" placeholder:"N" help:"Members of the group, most of them not connected; rounds for each."`
	Senders    []int         `name:"senders" default:"1,10" placeholder:"N" help:"Members that send at the same time; a round for each."`
	Type       string        `name:"type" enum:"normal,large" default:"large" help:"Type of the group: normal or large."`
	Duration   time.Duration `name:"duration" default:"5s" placeholder:"TIME" help:"Length of a round."`
	AdminURL   string        `name:"admin-url" placeholder:"URL" help:"The server's admin listener, which is asked to collect garbage before memory is read."`
}

// Help is shown below the flags.
func (benchCrowdCmd) Help() string {
	return `Creates users, makes them members of a group, and shows how long that takes and what
memory it needs. Then some of them send, while ten others are connected and judge what
arrives. The ack ratio is the time of an acknowledgement to that in the first group.

A large group has up to 100,000 members unless the app says otherwise.

Example:

    GIM_APP_KEY=gim_... gim bench crowd --members 100,100000 --pids $(pgrep -d, -x gim) --admin-url http://127.0.0.1:8081`
}

// Run carries out the command.
func (c *benchCrowdCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(c.Duration, io)
	err = errors.Join(err, between("--members", c.Members, 2, mostMembersOf(c.Type)), between("--senders", c.Senders, 1, mostMembers))
	if err != nil {
		return err
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) {
		return bench.Crowd(ctx, o, bench.CrowdOptions{Members: c.Members, Senders: c.Senders, Large: c.Type == largeType, AdminURL: c.AdminURL})
	})
}

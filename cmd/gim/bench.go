package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/config"
)

// benchCmd is `gim bench`.
type benchCmd struct {
	remote   `embed:""`
	AppKey   config.Secret `name:"app-key" required:"" placeholder:"KEY" help:"Key of an app for the users of the run; better in the environment (GIM_APP_KEY)."`
	Via      string        `name:"via" enum:"ws,rest" default:"ws" help:"How messages are sent: ws or rest. They are received over WebSocket."`
	InFlight []int         `name:"in-flight" default:"1,10,50,200" help:"Messages under way at once, a round for each."`
	Duration time.Duration `name:"duration" default:"5s" help:"Length of a round."`
	PIDs     []int         `name:"pids" help:"Processes of the server, whose CPU time is counted (Linux)."`
}

// Help is shown by --help.
func (benchCmd) Help() string {
	return "Puts single chats on a running gim and judges the result. Exit code 1 when anything was lost, doubled or out of order. " +
		"Start the server with --rate-limit-sends=0.\n\nExample:\n  GIM_APP_KEY=gim_… gim bench --in-flight 1,50 --pids $(pgrep -x gim)"
}

// Run carries out the command.
func (c *benchCmd) Run(ctx context.Context, io streams) error {
	if c.Duration < time.Second || c.Duration > 10*time.Minute {
		return errors.New("--duration must be between 1s and 10m")
	}
	for _, n := range c.InFlight {
		if n < 1 || n > 10_000 {
			return fmt.Errorf("--in-flight must be between 1 and 10000, not %d", n)
		}
	}
	results, err := bench.Single(ctx, bench.Options{
		URL: c.URL, AppKey: c.AppKey.Reveal(), InFlight: c.InFlight, Duration: c.Duration, Transport: c.Via, PIDs: c.PIDs, Progress: io.err,
	})
	if c.JSON {
		err = errors.Join(err, printJSON(io.out, results))
	} else {
		err = errors.Join(err, bench.Print(io.out, results))
	}
	for _, r := range results {
		if !r.OK() {
			err = errors.Join(err, fmt.Errorf("%d in flight: %d lost, %d doubled, %d out of order", r.InFlight, r.Lost, r.Doubled, r.Disorder))
		}
	}
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/fill"
	"github.com/gim-im/gim/internal/population"
)

type benchFillCmd struct {
	config.Storage `embed:"" group:"Storage:"`
	config.Logging `embed:"" group:"Logging:"`

	App      string `name:"app" default:"growth" placeholder:"ID" help:"App that gets all of it; it has to exist."`
	Users    int    `name:"users" default:"100000" placeholder:"N" help:"Users. The large group has all of them, or 100,000."`
	Groups   int    `name:"groups" default:"12000" placeholder:"N" help:"Groups of 10 members. One user is in all of them, or 2,000."`
	Messages int64  `name:"messages" default:"10000" placeholder:"N" help:"Messages that are to be stored in the end."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Help is shown below the flags.
func (benchFillCmd) Help() string {
	return `Writes users, groups and messages right into a store, through the code with which a
server does, for gim bench growth to measure. Where the store has some of it already,
what is missing is added; users and groups cannot change. Ctrl-C ends it early, and
the next time it goes on.

No gim may be running on an embedded database meanwhile. Delete the app when done.

Example:

    gim bench fill --data-dir gim-data --messages 1000000`
}

// Run carries out the command.
func (c *benchFillCmd) Run(ctx context.Context, io streams) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal does what it does by default
	got, err := fill.Run(ctx, fill.Options{
		DataDir: c.DataDir, MySQLDSN: c.MySQLDSN.Reveal(), App: c.App,
		Plan:     population.Plan{Users: c.Users, Groups: c.Groups, Messages: c.Messages},
		Progress: io.err, Logger: app.NewLogger(io.err, c.Logging),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, got)
	}
	fmt.Fprintf(io.out, "%d messages of %d users and %d groups are stored; %d of them were added, %.0f/s\n",
		got.Plan.Messages, got.Plan.Users, got.Plan.Groups, got.Added, float64(got.Added)/got.Seconds)
	return nil
}

type benchGrowthCmd struct {
	benchFlags `embed:""`
	Label      string        `name:"label" placeholder:"TEXT" help:"What the results are called, such as the name of the store."`
	StoreFiles string        `name:"store-files" placeholder:"DIR" help:"Where the files of the store are, for the bytes of each message."`
	Operations []string      `name:"operations" sep:";" placeholder:"NAME;..." help:"What is measured; all unless given."`
	Duration   time.Duration `name:"duration" default:"5s" placeholder:"TIME" help:"Length of each operation's round."`
}

// Help is shown below the flags.
func (benchGrowthCmd) Help() string {
	return `What clients do, one at a time and one kind after the other, on a store that gim bench
fill has filled: users, conversations and positions are chosen by chance. Do it for
several sizes, each with a server that was freshly started, and compare.

Example:

    GIM_APP_KEY=gim_... gim bench growth --label SQLite --store-files gim-data --pids $(pgrep -d, -x gim) --json > growth.json`
}

// Run carries out the command.
func (c *benchGrowthCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(c.Duration, io)
	if err != nil {
		return err
	}
	return c.run(ctx, io, func(ctx context.Context) ([]bench.Result, error) {
		return bench.Growth(ctx, o, bench.GrowthOptions{Label: c.Label, StoreFiles: c.StoreFiles, Operations: c.Operations})
	})
}

type benchDrawCmd struct {
	Files []string `arg:"" name:"file" type:"existingfile" help:"Results of gim bench growth as JSON, a file for each store, with those of several sizes one after the other."`
	Table bool     `name:"table" help:"Print tables in Markdown rather than a picture."`
}

// Help is shown below the flags.
func (benchDrawCmd) Help() string {
	return `Compares the costs of operations at the sizes in each file. In the table each has its
p50, p99 and CPU time in milliseconds.

Example:

    gim bench draw sqlite.json mariadb.json > docs/growth.svg`
}

// Run carries out the command.
func (c *benchDrawCmd) Run(s streams) error {
	lists := make([][]bench.Result, len(c.Files))
	for i, file := range c.Files {
		var err error
		if lists[i], err = readResults(file); err != nil {
			return err
		}
		if !c.Table {
			continue
		}
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if err := bench.PrintGrowth(s.out, lists[i]); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if c.Table {
		return nil
	}
	return bench.DrawGrowth(s.out, lists...)
}

// readResults reads what several runs have printed into one file.
func readResults(name string) (all []bench.Result, err error) {
	file, err := os.Open(name) //nolint:gosec // named by who runs this
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was read
	for decoder := json.NewDecoder(file); ; {
		var some []bench.Result
		switch err := decoder.Decode(&some); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, some...)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/config"
)

type serveCmd struct {
	config.Config `embed:""`
}

// Help is shown below the flags.
func (serveCmd) Help() string {
	return `One line on stdout says that gim accepts work, and where; the log is on stderr.
SIGTERM or SIGINT drains: clients are told to connect elsewhere, and gim exits
with 0. A second signal ends it at once.

Examples:

    gim serve
    gim serve --demo
    GIM_MYSQL_DSN='gim:secret@tcp(db:3306)/gim' GIM_REDIS_URL=redis://cache:6379/0 gim serve --rest-addr :8080`
}

// Run serves until a signal, or until ctx ends.
func (c *serveCmd) Run(ctx context.Context, io streams) error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	ctx, cancel := untilSignal(ctx)
	defer cancel()
	log := app.NewLogger(io.err, c.Logging)
	app.SetLibraryLogger(log)
	a, err := app.New(app.Options{
		Config:   c.Config,
		Logger:   log,
		Ready:    func(addrs app.Addrs) { printReady(io.out, addrs) },
		AdminKey: func(key string) { printAdminKey(io.err, key) },
		Demo:     func(demo app.Demo) { printDemo(io.err, demo) },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// untilSignal returns a context that ends with the first SIGTERM or SIGINT. When it
// ends, a signal does again what it does by default.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { // ends with ctx
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

// printReady writes the one line that scripts wait for.
func printReady(w io.Writer, addrs app.Addrs) {
	line, err := json.Marshal(struct {
		Event string    `json:"event"`
		Addrs app.Addrs `json:"addrs"`
	}{"ready", addrs})
	if err != nil {
		return // two strings always marshal
	}
	fmt.Fprintf(w, "%s\n", line)
}

func printAdminKey(w io.Writer, key string) {
	fmt.Fprintf(w, `
The admin key, made now and shown only this once:

    %s

Keep it; gim holds only its hash. Commands take it from GIM_ADMIN_KEY.

`, key)
}

func printDemo(w io.Writer, demo app.Demo) {
	fmt.Fprintf(w, `
The demo is ready. Only this machine can reach it.

    page   %s/            (open it twice: as alice and as bob)
    docs   %s/docs

Send bob a message, as alice:

    curl -sS %s/v1/messages -H 'Authorization: Bearer %s' -H 'Gim-User: %s' -H 'Content-Type: application/json' -d '{"to":{"user_id":"%s"},"type":"text","content":{"text":"hello from curl"}}'

`, demo.URL, demo.URL, demo.URL, demo.AppKey, demo.Sender, demo.Receiver)
}

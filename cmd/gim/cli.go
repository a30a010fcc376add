package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/config"
)

// Exit codes.
const (
	exitDone    = 0
	exitConfig  = 1
	exitStorage = 2
)

const description = "gim is an instant-messaging back end. Without a command it is `gim serve`, which needs no settings."

// cli is the command line.
type cli struct {
	Config string `name:"config" placeholder:"FILE" help:"YAML file of settings, such as gim config prints. Flags and environment variables override it."`

	Serve    serveCmd   `cmd:"" default:"withargs" help:"Run the server."`
	Settings configCmd  `cmd:"" name:"config" help:"Print every setting, with its description and its value here."`
	Migrate  migrateCmd `cmd:"" help:"Bring the database's schema up to date, or show what it lacks."`
	App      appCmd     `cmd:"" help:"Create, list, show and delete apps of a running gim."`
	Key      keyCmd     `cmd:"" help:"Create, list and revoke the keys of an app."`
	Token    tokenCmd   `cmd:"" help:"Make a user token, or look into one."`
	Chat     chatCmd    `cmd:"" help:"Chat from a terminal, or from a script."`
	Bench    benchCmd   `cmd:"" help:"Put load on a running gim and judge what comes out."`
	Version  versionCmd `cmd:"" help:"Print the version."`
}

// exited is how kong's --help leaves the parser.
type exited int

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, io streams) (code int) {
	defer func() {
		if r := recover(); r != nil {
			early, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(early)
		}
	}()
	source, err := config.NewSource(io.environ, "url", "app-key", "token", "address")
	if err != nil {
		return fail(io, err)
	}
	var c cli
	parser, err := newParser(&c, source, io)
	if err != nil {
		return fail(io, err)
	}
	parsed, err := parser.Parse(args)
	for _, warning := range source.Warnings() {
		fmt.Fprintln(io.err, "gim: "+warning)
	}
	if err != nil {
		return failParse(io, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(io)
	return fail(io, parsed.Run())
}

func newParser(c *cli, source *config.Source, io streams) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("gim"),
		kong.Description(description),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Resolvers(source),
		kong.ValueFormatter(source.Help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	)
}

// fail tells what went wrong and returns the exit code for it.
func fail(io streams, err error) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(io.err, "gim: %v\n", err)
	if errors.Is(err, app.ErrStorage) {
		return exitStorage
	}
	return exitConfig
}

// failParse adds where to find what is allowed.
func failParse(io streams, err error) int {
	code := fail(io, err)
	command := "gim"
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			command = node.FullPath()
		}
	}
	fmt.Fprintf(io.err, "Run `%s --help` for what is allowed.\n", command)
	return code
}

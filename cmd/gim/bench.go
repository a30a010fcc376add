package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/config"
)

// benchCmd is `gim bench`.
type benchCmd struct {
	Single benchSingleCmd `cmd:"" default:"withargs" help:"Single chats in a closed loop (the default)."`
	Group  benchGroupCmd  `cmd:"" help:"One group in which all members are connected."`
	Room   benchRoomCmd   `cmd:"" help:"A group whose messages are not stored."`
	Crowd  benchCrowdCmd  `cmd:"" help:"A group most of whose members are not connected."`
	Storm  benchStormCmd  `cmd:"" help:"Single chats, alone and beside a group in which many send."`
	Idle   benchIdleCmd   `cmd:"" help:"Connections on which nothing happens: memory and CPU of the server."`
	Sync   benchSyncCmd   `cmd:"" help:"Reading a long log in three ways."`
	Growth benchGrowthCmd `cmd:"" help:"What clients do, on a store that was filled."`
	Draw   benchDrawCmd   `cmd:"" help:"A picture, or a table, of what gim bench growth has measured."`
	Fill   benchFillCmd   `cmd:"" help:"Fill a store for gim bench growth."`
}

// Help is shown below the commands.
func (benchCmd) Help() string {
	return `Puts load on a running gim and judges what comes out: figures, and whether anything
was lost, doubled or out of order. The exit code is 1 when anything was, and when
nothing happened. Ctrl-C ends a run early; what was measured is shown.

Give it an app of its own, to be deleted afterwards, and start the server with
--rate-limit-sends=0. docs/bench.md says what the figures mean.

Example:

    GIM_APP_KEY=gim_... gim bench single --in-flight 1,50 --pids $(pgrep -d, -x gim)`
}

// benchFlags are what all workloads take.
type benchFlags struct {
	remote  `embed:""`
	AppKey  config.Secret `name:"app-key" required:"" placeholder:"KEY" help:"Key of an app for the users of the run; better in the environment (GIM_APP_KEY)."`
	Via     string        `name:"via" enum:"ws,tcp,rest" default:"ws" help:"How messages are sent: ws, tcp or rest."`
	Receive string        `name:"receive" enum:",ws,tcp" default:"" placeholder:"ws|tcp" help:"How the others are connected: ws or tcp. As --via unless given, ws for rest."`
	TCPAddr string        `name:"tcp-addr" default:"127.0.0.1:7272" placeholder:"HOST:PORT" help:"Address for tcp; tls://HOST:PORT for TLS. Several nodes are given with commas, as they are in --url."`
	PIDs    []int         `name:"pids" placeholder:"PID" help:"Processes of the server, whose CPU time and memory are read (Linux)."`

	CPUProfile string `name:"cpuprofile" type:"path" placeholder:"FILE" help:"Write a CPU profile of the load generator itself to this file."`
}

// benchWarmUp is how long a round runs before it counts.
const benchWarmUp = time.Second

// options checks what the flags of all workloads say.
func (f *benchFlags) options(duration time.Duration, io streams) (bench.Options, error) {
	if duration < time.Second || duration > 10*time.Minute {
		return bench.Options{}, errors.New("--duration must be between 1s and 10m")
	}
	o := bench.Options{
		URL: f.URL, TCPAddr: f.TCPAddr, AppKey: f.AppKey.Reveal(), Via: f.Via, Receive: f.Receive,
		Duration: duration, WarmUp: benchWarmUp, PIDs: f.PIDs, Progress: io.err,
	}
	if file, ok := io.err.(*os.File); ok {
		o.Terminal = isatty.IsTerminal(file.Fd())
	}
	return o, nil
}

// run runs a workload until it is over or Ctrl-C, and shows what it measured.
func (f *benchFlags) run(ctx context.Context, io streams, workload func(context.Context) ([]bench.Result, error)) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal does what it does by default
	profiled, err := profileCPU(f.CPUProfile)
	if err != nil {
		return err
	}
	results, err := workload(ctx)
	err = errors.Join(err, profiled())
	if ctx.Err() != nil && len(results) > 0 {
		fmt.Fprintln(io.err, "gim: interrupted; the figures are those of the time until then")
	}
	if f.JSON {
		err = errors.Join(err, printJSON(io.out, append([]bench.Result{}, results...)))
	} else {
		err = errors.Join(err, bench.Print(io.out, results))
	}
	for i := range results {
		if !results[i].OK() {
			err = errors.Join(err, errors.New(results[i].Complaint()))
		}
	}
	return err
}

// profileCPU profiles this process into a file until finish is called; a name of ""
// profiles nothing.
func profileCPU(name string) (finish func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("--cpuprofile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// between holds the values of a list to bounds.
func between(flag string, values []int, least, most int) error {
	if len(values) == 0 {
		return fmt.Errorf("%s names no value", flag)
	}
	for _, n := range values {
		if n < least || n > most {
			return fmt.Errorf("%s must be between %d and %d, not %d", flag, least, most, n)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/internal/chat/screen"
	"github.com/gim-im/gim/internal/chat/script"
	"github.com/gim-im/gim/internal/config"
)

// defaultTCPPort is the port of --tcp-addr.
const defaultTCPPort = "7272"

type chatCmd struct {
	remote  `embed:""`
	Address string `name:"address" placeholder:"ADDRESS" help:"Where to connect: tcp://host:port, tls://host:port, or http(s)://host for WebSocket. Unless given, TCP to the host of --url, port 7272."`

	Token    config.Secret `name:"token" placeholder:"TOKEN" help:"Chat with this user token; better in the environment, where other users cannot see it."`
	DemoUser string        `name:"demo-user" placeholder:"NAME" help:"Chat as alice or bob of gim serve --demo."`
	User     string        `name:"user" placeholder:"ID" help:"Chat as any user of the app whose key is given."`
	AppKey   config.Secret `name:"app-key" placeholder:"KEY" help:"Key of the app, for --user; better in the environment."`

	To     string `name:"to" placeholder:"WHOM" help:"Conversation to open, or to send lines to: user:ID, group:ID, or a user's ID alone."`
	State  string `name:"state" default:"default" placeholder:"FILE" help:"Where to keep what is read and what is under way between two runs. Unless given, a file for each user and server in the home directory; empty keeps nothing."`
	Follow bool   `name:"follow" help:"Without a screen: go on after the end of the input."`
	All    bool   `name:"all" help:"Without a screen: print also what was in the log before the first run."`
}

// Help is shown below the flags.
func (chatCmd) Help() string {
	return `On a terminal this is a screen with conversations; /help shows its keys. Where input or output
is no terminal, and with --json, lines of the input are sent to --to and what
happens is printed. With --json, each event is a JSON object in a line, and a line of the input
may be one too: {"send":{...}}, {"signal":{...}} or {"watch":["bob"]}.

Exit code 1 when something was refused, or is not known to be sent.

Examples:

    gim chat --demo-user alice
    GIM_TOKEN=... gim chat --url https://chat.example.com --address tls://chat.example.com:7272
    echo "the build is green" | GIM_APP_KEY=gim_... gim chat --user ci --to group:team
    gim chat --demo-user bob --json --follow </dev/null`
}

// Run chats until the user leaves, the input ends, or a signal comes.
func (c *chatCmd) Run(ctx context.Context, io streams) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	onScreen := !c.JSON && isTerminal(io.in) && isTerminal(io.out) && os.Getenv("TERM") != "dumb"
	session, to, err := c.open(ctx, onScreen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended, gone := make(chan error, 1), make(chan struct{})
	go func() { // ends with ctx
		defer close(gone)
		ended <- session.Run(ctx)
	}()
	if onScreen {
		err = c.onScreen(ctx, session, ended, to)
	} else {
		err = script.Run(ctx, script.Options{
			Session: session, Ended: ended, In: io.in, Out: io.out, Err: io.err, JSON: c.JSON, To: to,
			Follow: c.Follow, All: c.All, Address: c.address(), Location: time.Local,
		})
	}
	cancel()
	<-gone
	err = errors.Join(err, session.Close())
	if n := session.Model().Pending(); n > 0 {
		err = errors.Join(err, unsettled(n, session.Keeps()))
	}
	return err
}

// open makes the session, and returns the id of the conversation in --to.
func (c *chatCmd) open(ctx context.Context, onScreen bool) (session *chat.Session, to string, err error) {
	if c.To != "" {
		if to, err = chat.ParseConversation(c.To); err != nil {
			return nil, "", err
		}
	}
	account, err := c.account()
	if err != nil {
		return nil, "", err
	}
	session, err = chat.Open(ctx, chat.Options{
		URL: strings.TrimSuffix(c.URL, "/"), Address: c.address(), Account: account, State: c.State,
		OnlyNew: !onScreen && c.State == "" && !c.All, OnScreen: onScreen, Client: "gim-chat", Now: domain.SystemClock{}.Now,
	})
	return session, to, err
}

// account is whom the flags name.
func (c *chatCmd) account() (chat.Account, error) {
	switch {
	case c.DemoUser != "":
		return chat.DemoUser(c.URL, c.DemoUser), nil
	case c.User != "" && c.AppKey == "":
		return chat.Account{}, errors.New("--user needs the app's key: set GIM_APP_KEY")
	case c.User != "":
		return chat.AppKey(c.URL, c.AppKey.Reveal(), c.User)
	case c.Token != "":
		return chat.FixedToken(strings.TrimSpace(c.Token.Reveal())), nil
	}
	return chat.Account{}, errors.New("this needs somebody to chat as: --demo-user, a token (set GIM_TOKEN), or --user with the app's key (set GIM_APP_KEY)")
}

// address is where the long connection goes.
func (c *chatCmd) address() string {
	if c.Address != "" {
		return c.Address
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return c.URL // it fails when it is used
	}
	scheme := "tcp"
	if u.Scheme == "https" {
		scheme = "tls"
	}
	return scheme + "://" + net.JoinHostPort(u.Hostname(), defaultTCPPort)
}

func (c *chatCmd) onScreen(ctx context.Context, session *chat.Session, ended <-chan error, to string) error {
	terminal, err := screen.Open()
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	defer terminal.Fini()
	return screen.Run(ctx, screen.Options{
		Session: session, Screen: terminal, Ended: ended, Address: c.address(), Open: to, Now: domain.SystemClock{}.Now, Location: time.Local,
	})
}

// unsettled says what becomes of messages that nobody has acknowledged.
func unsettled(n int, kept bool) error {
	if kept {
		return fmt.Errorf("%d messages were not acknowledged; they are sent again at the next start", n)
	}
	return fmt.Errorf("%d messages were not acknowledged, and may not have been sent", n)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

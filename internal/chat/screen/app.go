package screen

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gdamore/tcell/v3"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

const (
	// tick is how often what depends on the time is drawn anew.
	tick = 500 * time.Millisecond
	// typingEvery is how often the others are told that the user is typing.
	typingEvery = 3 * time.Second
	// noticeFor is how long a notice stays.
	noticeFor = 8 * time.Second
	// quitWait is how long the end waits for messages to be acknowledged.
	quitWait = 3 * time.Second
	// burst is how many events are taken before the screen is drawn.
	burst = 256
)

// Session is what the screen needs of a *chat.Session.
type Session interface {
	Model() *chat.Model
	Connection() (client.State, time.Time)
	Progress() (have, head int64)
	Events() <-chan chat.Event
	Take(event chat.Event) error
	Send(send *wire.Send)
	Typing(conversation string)
	Older(conversation string) bool
	Reading(conversation string) bool
	Look(conversation string)
	Members(group string) []string
	MarkRead(conversation string) bool
	Recall(messageID string)
	Edit(messageID string, content json.RawMessage)
	React(messageID, reaction string, on bool)
	Search(query string)
	Notes() []string
	Save() error
}

// Options say what to show. All but Open are required.
type Options struct {
	Session  Session
	Screen   tcell.Screen // initialised; the caller ends it
	Ended    <-chan error // what Session.Run returned, once
	Address  string       // of the long connection
	Open     string       // the conversation to begin with, by id; "" is the one of the last time
	Now      func() time.Time
	Location *time.Location
}

// app is the screen and what the user does on it. It is one goroutine's.
type app struct {
	o       Options
	drafts  map[string]*editor // by conversation
	scrolls map[string]*scroll
	typed   map[string]time.Time // when the others were last told of typing
	stuck   map[string]bool      // conversations whose history could not be read

	notice      string
	noticeUntil time.Time
	overlay     func() []string // what covers the messages; nil for nothing
	overlayTop  int             // its first line on the screen
	away        bool            // the terminal has said that it is not in focus
	pasting     bool

	wasConnected bool
	behind       bool      // what comes now was sent while there was no connection
	over         error     // why Run has returned, see Options.Ended
	ended        bool      // whether it has
	quitAt       time.Time // when to leave at the latest; zero while nobody wants to
	paneRows     []row     // as last drawn
	paneBottom   int       // index in paneRows
	paneHeight   int
}

func newApp(o Options) *app {
	return &app{
		o: o, drafts: make(map[string]*editor), scrolls: make(map[string]*scroll), typed: make(map[string]time.Time),
		stuck: make(map[string]bool),
	}
}

// Run shows the session until the user quits or ctx ends. The error is why the
// connection is over for good, where it is, or why nothing can be kept.
func Run(ctx context.Context, o Options) error {
	a := newApp(o)
	o.Screen.EnablePaste()
	o.Screen.EnableFocus()
	a.begin()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for !a.done() {
		a.settle()
		a.draw()
		o.Screen.Show()
		if err := a.wait(ctx, clock.C); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return a.over
}

// Open takes the terminal. The caller gives it back with Fini.
func Open() (tcell.Screen, error) {
	s, err := tcell.NewScreen(tcell.OptSanitizeContent(true))
	if err != nil {
		return nil, err
	}
	if err := s.Init(); err != nil {
		return nil, err
	}
	// For terminals that do not speak UTF-8.
	for sign, stead := range map[rune]string{
		'›': ">", '✓': "+", '✗': "x", '●': "*", '○': "o", '·': "-", '…': ".", '↓': "v", '×': "x",
	} {
		s.RegisterRuneFallback(sign, stead)
	}
	return s, nil
}

// begin opens the first conversation.
func (a *app) begin() {
	m := a.o.Session.Model()
	for _, note := range a.o.Session.Notes() {
		a.say(note)
	}
	switch {
	case a.o.Open != "":
		a.open(a.o.Open)
	case m.Current() != nil:
		a.open(m.Current().ID)
	}
}

// wait takes what happens next, and what else has happened by then.
func (a *app) wait(ctx context.Context, clock <-chan time.Time) error {
	select {
	case event, ok := <-a.o.Screen.EventQ():
		if !ok {
			return errors.New("the terminal is gone")
		}
		a.handle(event)
	case event := <-a.o.Session.Events():
		if err := a.take(event); err != nil {
			return err
		}
	case a.over = <-a.o.Ended:
		a.ended, a.o.Ended = true, nil
	case <-clock:
	case <-ctx.Done():
	}
	for range burst {
		select {
		case event := <-a.o.Session.Events():
			if err := a.take(event); err != nil {
				return err
			}
		case event, ok := <-a.o.Screen.EventQ():
			if ok {
				a.handle(event)
			}
		default:
			return nil
		}
	}
	return nil
}

// take hands an event to the session, and notes what only the screen cares for.
func (a *app) take(event chat.Event) error {
	if err := a.o.Session.Take(event); err != nil {
		return err
	}
	switch e := event.(type) {
	case chat.Changed:
		if e.State.Phase == client.Connected {
			a.wasConnected, a.behind = true, true
			clear(a.stuck)
			if c := a.o.Session.Model().Current(); c != nil {
				a.o.Session.Look(c.ID)
			}
		}
	case chat.Read:
		if e.Err != nil {
			a.stuck[e.Conversation] = true
			a.say("Cannot read from " + e.Conversation + ": " + sentence(e.Err))
		}
	case chat.Found:
		a.found(e)
	case chat.Refused:
		a.say("Cannot " + e.What + ": " + sentence(e.Err))
	case chat.Arrived:
		if !a.behind {
			a.tellReactions(e.Page)
		}
		if c := a.o.Session.Model().Current(); a.behind && c != nil {
			a.o.Session.Model().MarkNew(c.ID)
		}
		a.behind = a.behind && !a.caughtUp()
		if m := a.o.Session.Model(); m.Current() == nil && a.caughtUp() && len(m.List()) > 0 {
			a.open(m.List()[0].ID)
		}
	}
	return nil
}

// caughtUp reports whether nothing of the log is missing.
func (a *app) caughtUp() bool {
	have, head := a.o.Session.Progress()
	return have >= head
}

// sentence is an error as the user is told it.
func sentence(err error) string {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return refused.Message
	}
	return err.Error()
}

// open makes a conversation the one on the screen.
func (a *app) open(id string) {
	a.o.Session.Model().Open(id)
	a.o.Session.Look(id)
	a.scrolls[id] = &scroll{}
	a.overlay = nil
}

// cover shows lines in the place of the messages.
func (a *app) cover(lines func() []string) { a.overlay, a.overlayTop = lines, 0 }

// uncover shows the messages again.
func (a *app) uncover() {
	a.overlay = nil
	if c := a.o.Session.Model().Current(); c != nil {
		a.o.Session.Model().MarkNew(c.ID)
	}
}

// settle does what follows from how things are: what is seen is read, and what is
// missing above is asked for.
func (a *app) settle() {
	m := a.o.Session.Model()
	c := m.Current()
	if c == nil {
		return
	}
	if !a.away && !a.scroll(c.ID).held && a.overlay == nil && a.caughtUp() && a.o.Session.MarkRead(c.ID) {
		if err := a.o.Session.Save(); err != nil {
			a.say(err.Error())
		}
	}
	short := a.paneRows != nil && a.paneBottom < 2*a.paneHeight
	if short && !c.Complete && !a.stuck[c.ID] && a.caughtUp() {
		a.o.Session.Older(c.ID)
	}
}

func (a *app) scroll(id string) *scroll {
	s := a.scrolls[id]
	if s == nil {
		s = &scroll{}
		a.scrolls[id] = s
	}
	return s
}

// draft is what is being typed in the open conversation.
func (a *app) draft() *editor {
	id := ""
	if c := a.o.Session.Model().Current(); c != nil {
		id = c.ID
	}
	e := a.drafts[id]
	if e == nil {
		e = &editor{}
		a.drafts[id] = e
	}
	return e
}

// say shows a notice for a while.
func (a *app) say(notice string) { a.notice, a.noticeUntil = notice, a.o.Now().Add(noticeFor) }

// quit leaves as soon as what was sent is acknowledged. The second time it leaves
// at once.
func (a *app) quit() {
	if !a.quitAt.IsZero() {
		a.quitAt = a.o.Now()
		return
	}
	a.quitAt = a.o.Now().Add(quitWait)
	a.say("Waiting for messages to be acknowledged; Ctrl-C leaves at once.")
}

func (a *app) done() bool {
	if a.quitAt.IsZero() {
		return false
	}
	state, _ := a.o.Session.Connection()
	return a.o.Session.Model().Pending() == 0 || state.Phase != client.Connected || a.ended || !a.o.Now().Before(a.quitAt)
}

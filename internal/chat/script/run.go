package script

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// ErrRefused says that something of what was given was not done.
var ErrRefused = errors.New("not everything was done")

// maxLine bounds a line of input, in bytes: what a frame may have.
const maxLine = wire.MaxFrameBytes

// Session is what a script needs of a *chat.Session.
type Session interface {
	Connection() (client.State, time.Time)
	Progress() (have, head int64)
	Events() <-chan chat.Event
	Take(event chat.Event) error
	Send(send *wire.Send)
	UnderWay() int
	Go(work func(ctx context.Context) chat.Event)
	Stream() *client.Stream
	REST(ctx context.Context, call func(rest *client.ClientWithResponses) error) error
	Fresh() bool
	Notes() []string
}

// Options say what to read and where to print. All but To are required.
type Options struct {
	Session  Session
	Ended    <-chan error // what Session.Run returned, once
	In       io.Reader
	Out, Err io.Writer
	JSON     bool   // else plain text
	To       string // the conversation that lines of text go to, by id; "" is none
	Follow   bool   // go on after the end of In
	All      bool   // print also what was in the log before the first run
	Address  string // of the long connection
	Location *time.Location
}

// script is one run. It is one goroutine's.
type script struct {
	o       Options
	print   printer
	lines   <-chan line
	busy    *line // what is being done; one at a time
	read    bool  // whether the input is at its end
	refused int
	// quietTo is the last entry of the log that is not printed, and quietIn, by id, the
	// last message of large groups.
	quietTo int64
	quietIn map[string]int64
	met     bool // whether there has been a connection
}

// line is a line of input.
type line struct {
	number int
	text   string
	err    error // why there is no text

	id          uint64 // that the line gave itself, or 0
	clientMsgID string // of a send
}

// Run does what In says and prints what happens until ctx ends, the session
// ends, or In is at its end, what it said is settled and the log is read. The
// error is ErrRefused, wrapped, where something was refused or is not settled.
func Run(ctx context.Context, o Options) error {
	s := &script{o: o, print: newPrinter(o), lines: readLines(o.In)}
	for _, note := range o.Session.Notes() {
		s.print.note(note)
	}
	for !s.done() {
		var lines <-chan line
		if s.met && s.busy == nil && !s.read {
			lines = s.lines
		}
		select {
		case l, ok := <-lines:
			if s.read = !ok; ok {
				s.do(l)
			}
		case event := <-o.Session.Events():
			if err := s.take(event); err != nil {
				return err
			}
		case err := <-o.Ended:
			return errors.Join(err, s.drain(), s.outcome())
		case <-ctx.Done():
			return s.outcome()
		}
	}
	return s.outcome()
}

// drain prints what happened before the end.
func (s *script) drain() error {
	for {
		select {
		case event := <-s.o.Session.Events():
			if err := s.take(event); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// done reports whether there is nothing left to wait for.
func (s *script) done() bool {
	if !s.read || s.o.Follow || s.busy != nil || s.o.Session.UnderWay() > 0 {
		return false
	}
	have, head := s.o.Session.Progress()
	return s.met && have >= head
}

func (s *script) outcome() error {
	switch {
	case s.refused > 0:
		return fmt.Errorf("%w: %d of the lines were refused", ErrRefused, s.refused)
	case s.busy != nil:
		return fmt.Errorf("%w: line %d was not settled", ErrRefused, s.busy.number)
	}
	return nil
}

// readLines reads lines until the end. Its goroutine ends with the reader: one
// that waits for a terminal ends with the process.
func readLines(in io.Reader) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		number := 0
		for scanner.Scan() {
			number++
			lines <- line{number: number, text: scanner.Text()}
		}
		if err := scanner.Err(); err != nil {
			lines <- line{number: number + 1, err: err}
		}
	}()
	return lines
}

// take hands an event to the session and prints it.
func (s *script) take(event chat.Event) error {
	if err := s.o.Session.Take(event); err != nil {
		return err
	}
	switch e := event.(type) {
	case chat.Arrived:
		for _, m := range e.Page {
			if !s.isQuiet(m) {
				s.print.message(m)
			}
		}
	case chat.Changed:
		if e.State.Phase == client.Connected && !s.met {
			s.met = true
			if s.o.Session.Fresh() && !s.o.All {
				s.beQuiet(e.State.SignedIn)
			}
		}
		s.print.state(e.State)
	case chat.Signalled:
		s.print.signal(e.Signal)
	case chat.Looked:
		s.print.presence(e.Users)
	case chat.Restarted:
		s.quietTo, s.quietIn = 0, nil
		s.print.restarted(e.Epoch)
	case chat.Outcome:
		s.settled(e)
	case chat.Done:
		s.finish(e.Result)
	}
	return nil
}

// beQuiet leaves out what there is at a sign-in.
func (s *script) beQuiet(in *wire.SignedIn) {
	s.quietTo, s.quietIn = in.GetHeadSeq(), make(map[string]int64)
	for _, g := range in.GetGroups() {
		s.quietIn[g.GetGroupId()] = g.GetHead()
	}
}

func (s *script) isQuiet(m *wire.Message) bool {
	if m.GetSeq() > 0 {
		return m.GetSeq() <= s.quietTo
	}
	n := m.GetConversationSeq()
	return n > 0 && n <= s.quietIn[m.GetTo().GetGroupId()]
}

// settled prints what became of a send, which a line of this run has asked for or
// an earlier run.
func (s *script) settled(e chat.Outcome) {
	l := line{clientMsgID: e.Send.GetClientMsgId()}
	if s.busy != nil && s.busy.clientMsgID == l.clientMsgID {
		if e.Unsettled() {
			return // busy stays: it says so in the end
		}
		l, s.busy = *s.busy, nil
	}
	if e.Err != nil {
		s.refuse(l, e.Err)
		return
	}
	s.print.sent(l, e.Sent)
}

// finish prints the result of what Go has done for the line at hand.
func (s *script) finish(result any) {
	l := *s.busy
	s.busy = nil
	switch r := result.(type) {
	case error:
		s.refuse(l, r)
	case []*wire.UserPresence:
		s.print.watched(l, r)
	case *client.FoundMessages:
		s.print.found(l, r)
	case acted:
		s.print.acted(l, string(r))
	default:
		s.print.acted(l, "signaled")
	}
}

func (s *script) refuse(l line, err error) {
	s.refused++
	s.print.refused(l, err)
}

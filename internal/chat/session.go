package chat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// Options say who chats and where. URL, Address, Account and Now are required.
type Options struct {
	URL     string // of the REST API
	Address string // of the long connection, as client.Dial takes it
	Account Account
	// State is the file to keep things in: "" keeps nothing, StateDefault is a file
	// for each user and server.
	State string
	// OnlyNew leaves out what is in the log already when nothing was kept; else all
	// of it is read.
	OnlyNew bool
	// OnScreen is for who looks at the conversations: the presence of the others is
	// watched, and what is read where is kept in step with the server.
	OnScreen bool
	Client   string // name and version of the program, for the server's logs
	Now      func() time.Time
	// MinBackoff and MaxBackoff are those of client.StreamOptions.
	MinBackoff, MaxBackoff time.Duration
}

// StateDefault is the value of Options.State for the usual place.
const StateDefault = "default"

// maxWatched is how many users a connection may watch.
const maxWatched = 500

// Session is a chat: a model, the connection that feeds it, and the file that
// outlives it. One goroutine reads Events, hands them to Take and uses the other
// methods; Run is another's.
type Session struct {
	o           Options
	model       *Model
	stream      *client.Stream
	api         *client.ClientWithResponses
	credentials *credentials
	store       *store
	state       *State
	fresh       bool
	notes       []string
	events      chan Event
	outbox      *outbox
	underWay    int // sends whose Outcome was not taken yet

	connection client.State // as the last Changed event said
	since      time.Time    // of connection
	watched    map[string]bool
	reading    map[string]bool     // conversations whose history is under way
	members    map[string][]string // of groups that were looked at
	changes    map[string]int      // events of groups that have come
	listed     string              // what the list of conversations was last asked with
	telling    bool                // the server is being told what was read

	work sync.WaitGroup  // of Go
	ctx  context.Context //nolint:containedctx // ends with Run; what Go starts ends with it
	stop context.CancelFunc
}

// Open finds out who the user is, reads what was kept, and settles as which device
// to connect. It connects nothing yet: Run does.
func Open(ctx context.Context, o Options) (*Session, error) {
	s := &Session{
		o: o, credentials: &credentials{source: o.Account.token}, events: make(chan Event, 64), outbox: newOutbox(),
		watched: make(map[string]bool), reading: make(map[string]bool), members: make(map[string][]string),
		changes: make(map[string]int),
	}
	who, err := o.Account.who(ctx)
	if err != nil {
		return nil, signInError(err)
	}
	if err := s.openStore(who); err != nil {
		return nil, err
	}
	s.credentials.setDevice(s.state.DeviceID)
	if err := s.prepare(ctx); err != nil {
		s.store.close()
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// openStore reads what was kept. While another client uses the file, nothing is.
func (s *Session) openStore(who claims) error {
	path := s.o.State
	if path == StateDefault {
		var err error
		if path, err = defaultStatePath(s.o.URL, who); err != nil {
			return err
		}
	}
	var err error
	s.store, err = openStore(path)
	if errors.Is(err, errInUse) {
		s.notes = append(s.notes, "Another gim chat of this user is running; this one keeps nothing.")
		s.store, err = &store{}, nil
	}
	if err != nil {
		return err
	}
	var odd string
	s.state, odd = s.store.load(s.o.URL, who)
	if odd != "" {
		s.notes = append(s.notes, odd)
	}
	s.fresh = !s.state.Began
	s.model = NewModel(who.User)
	for _, send := range s.model.restore(s.state, s.o.Now()) {
		s.hand(send)
	}
	return nil
}

// prepare signs in and makes the stream.
func (s *Session) prepare(ctx context.Context) error {
	token, err := s.credentials.fresh(ctx)
	if err != nil {
		return signInError(err)
	}
	who, err := claimsOf(token)
	if err != nil {
		return err
	}
	if s.api, err = newAPI(s.o.URL, s.credentials.current); err != nil {
		return err
	}
	device, err := s.settleDevice(ctx, who.Device)
	if err != nil {
		return err
	}
	s.credentials.setDevice(s.state.DeviceID)
	cursor := s.state.Cursor.cursor()
	options := client.StreamOptions{
		Address: s.o.Address, Token: s.credentials.fresh, DeviceID: device, Cursor: &cursor, Handler: s.handler(), Client: s.o.Client,
		MinBackoff: s.o.MinBackoff, MaxBackoff: s.o.MaxBackoff,
	}
	if s.fresh && s.o.OnlyNew {
		options.Cursor = nil
	}
	s.stream, err = client.NewStream(options)
	return err
}

// Run connects and lasts until ctx ends, which is no error, or the server closes
// the connection for good. When it returns, nothing of the session is running any
// more; what was not acknowledged is still pending in the model.
func (s *Session) Run(ctx context.Context) error {
	defer s.work.Wait()
	defer s.stop()
	stopped := context.AfterFunc(ctx, s.stop)
	defer stopped()
	s.work.Go(s.deliver)
	return s.stream.Run(s.ctx)
}

// Events returns what happens, in order.
func (s *Session) Events() <-chan Event { return s.events }

// Model returns what is known.
func (s *Session) Model() *Model { return s.model }

// Stream returns the connection, for what the session has no method for.
func (s *Session) Stream() *client.Stream { return s.stream }

// Fresh reports whether the user was never connected with what is kept.
func (s *Session) Fresh() bool { return s.fresh }

// DeviceID returns the device that is connected; "" for a passing one.
func (s *Session) DeviceID() string { return s.state.DeviceID }

// Notes returns sentences about what the user should know of the start.
func (s *Session) Notes() []string { return s.notes }

// Connection returns how the connection is, and since when.
func (s *Session) Connection() (client.State, time.Time) { return s.connection, s.since }

// Members returns the members of a group that Look has read; of a large group the
// first ones.
func (s *Session) Members(group string) []string { return s.members[group] }

// Send sends a message, after those that were given before, and gives it a
// client_msg_id where it has none. What becomes of it is an Outcome.
func (s *Session) Send(send *wire.Send) {
	if send.GetClientMsgId() == "" {
		send.ClientMsgId = uuid.Must(uuid.NewV7()).String()
	}
	s.model.Begin(send, s.o.Now())
	s.hand(send)
}

func (s *Session) hand(send *wire.Send) {
	s.underWay++
	s.outbox.put(send)
}

// UnderWay returns how many sends have had no Outcome yet, those of an earlier run
// included.
func (s *Session) UnderWay() int { return s.underWay }

// Typing tells the others of a conversation that the user is typing, if there is
// a connection.
func (s *Session) Typing(conversation string) {
	to := TargetOf(conversation)
	if to == nil || s.connection.Phase != client.Connected {
		return
	}
	s.work.Go(func() {
		// Nobody misses one that is lost.
		_ = s.stream.Signal(s.ctx, &wire.Signal{To: to, Kind: client.KindTyping})
	})
}

// Go runs work besides the reading of events and makes an event of what it
// returns. Its context ends with Run.
func (s *Session) Go(work func(ctx context.Context) Event) {
	s.work.Go(func() {
		if event := work(s.ctx); event != nil {
			s.post(s.ctx, event)
		}
	})
}

// post waits until there is room for an event.
func (s *Session) post(ctx context.Context, event Event) {
	select {
	case s.events <- event:
	case <-ctx.Done():
	}
}

// Close keeps what is known and gives the file back. Run has returned, or was
// never called.
func (s *Session) Close() error {
	defer s.store.close()
	s.stop()
	for len(s.events) > 0 { // of what had happened already
		if err := s.Take(<-s.events); err != nil {
			return err
		}
	}
	return s.Save()
}

// Save keeps what is known.
func (s *Session) Save() error {
	s.model.save(s.state)
	return s.store.save(s.state)
}

// Keeps reports whether anything is kept for the next run.
func (s *Session) Keeps() bool { return s.store.path != "" }

// signInError says what to do about the commonest trouble.
func signInError(err error) error {
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("cannot reach gim: %w", wrong)
	}
	return fmt.Errorf("sign in: %w", err)
}

// Progress returns how far the log and those of the large groups were read, and
// how far they went at the sign-in, as one number each; the same while there is no
// connection.
func (s *Session) Progress() (have, head int64) {
	taken, now, in := s.state.Cursor, s.stream.Cursor(), s.connection.SignedIn
	have = max(taken.Seq, now.Seq)
	head = max(have, in.GetHeadSeq())
	for _, g := range in.GetGroups() {
		if at, member := now.Groups[g.GetGroupId()]; member {
			at = max(at, taken.Groups[g.GetGroupId()])
			have, head = have+at, head+max(at, g.GetHead())
		}
	}
	return have, head
}

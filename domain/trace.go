package domain

import (
	"context"
	"encoding/binary"
	"slices"
	"time"
)

// Reasons why a message is not known to have reached somebody; several may hold.
const (
	ReasonOffline      = "offline"       // there is no connection
	ReasonSlowConsumer = "slow_consumer" // a connection was closed because it did not take what it was sent
	ReasonPending      = "pending"       // there is a connection, and nothing was written to it yet
	ReasonUnknown      = "unknown"       // it cannot be told who is online, or what was written
	ReasonBlocked      = "blocked"       // the receiver has blocked the sender
	ReasonMuted        = "muted"         // the receiver is muted in the group
)

// How far a message came on its way to a receiver; each includes those before it.
const (
	ReachedLog     = "stored"  // it is in the log that the receiver reads
	ReachedDevice  = "written" // it was written to a connection
	ReachedClient  = "acked"   // a device has confirmed it
	ReachedReader  = "read"    // it is below the receiver's read position
	ReachedByOwner = "sent"    // the receiver is who sent it
)

// What is known about the times at which a message was written to connections.
const (
	PushTimesComplete   = "complete"    // all, of the nodes that run now
	PushTimesPartial    = "partial"     // some are no longer, or not yet, known
	PushTimesNotSampled = "not_sampled" // the message is not among those that are kept
	PushTimesOff        = "off"         // none are kept
)

// PlacedMessage says where a stored message is and when it was accepted.
type PlacedMessage struct {
	Conversation ConversationNum
	Seq          int64
	SentAt       time.Time
}

// placed takes the id apart. A message that is not stored is at number 0.
func (id MessageID) placed(pointer string) (PlacedMessage, error) {
	if err := id.validate(pointer); err != nil {
		return PlacedMessage{}, err
	}
	raw, _ := id.decode()
	long := func(at int) int64 {
		return int64(binary.BigEndian.Uint16(raw[at:]))<<32 | int64(binary.BigEndian.Uint32(raw[at+2:]))
	}
	return PlacedMessage{Conversation: id.Conversation(), Seq: long(14), SentAt: time.UnixMilli(long(0)).UTC()}, nil
}

// Push is a message that was written to a connection, or a connection that was
// closed instead.
type Push struct {
	User      UserNum
	Device    DeviceID
	Transport string // websocket, tcp or sse
	At        time.Time
	Slow      bool // nothing was written: the connection was closed as too slow
}

// PushTimes are what was kept of a message on its way to connections.
type PushTimes struct {
	Known     string    // one of the PushTimes constants
	Published time.Time // handed to the bus; zero when not known
	Pushes    []Push    // of the users asked for, in no order
	Written   int       // how many connections it was written to, of all users
}

// PushSource knows the push times of messages.
type PushSource interface {
	// PushTimes returns what is kept of a message, with the pushes to users. It takes
	// about a second at most; what cannot be found out by then is not known.
	PushTimes(ctx context.Context, app AppNum, m PlacedMessage, users []UserNum) PushTimes
}

// TracedMessage is a stored message as its trace begins.
type TracedMessage struct {
	Message *Message
	Sender  UserNum // 0 for the business and the system
	// InGroupLog tells that the message is in the log of a large group only.
	InGroupLog bool
	// Receivers is how many may read it; in a large group, how many members that has.
	Receivers int
}

// TracedReceiver is what the store knows about a message and one who may read it.
type TracedReceiver struct {
	User     UserRef
	Seq      int64 // of the entry in the receiver's log; 0 when it is in the group's only
	Read     bool
	Blocked  bool // the receiver has blocked the sender
	Muted    bool // the receiver is muted in the group
	LastSeen time.Time
	Devices  []TracedDevice // by id
}

// TracedDevice is what is known about a message and a device.
type TracedDevice struct {
	ID     DeviceID
	Type   DeviceType // other where the device is not registered
	Acked  bool
	Pushes []Push // in the order in which they were written
}

// TraceStore reads what the store knows about the way of a message.
type TraceStore interface {
	// TracedMessage returns the message that is at p, unless reader, who may be 0 for the
	// business, has deleted it for itself. ErrMessageNotFound.
	TracedMessage(ctx context.Context, app AppNum, reader UserNum, p PlacedMessage) (TracedMessage, error)
	// TracedReceivers lists who may read m and is still in its conversation. The
	// number of statements does not depend on how many there are.
	TracedReceivers(ctx context.Context, app AppNum, m TracedMessage, p Page) (List[TracedReceiver], error)
}

// MessageTrace is the way of a message.
type MessageTrace struct {
	TracedMessage
	PushTimes
	Steps List[TraceStep]
}

// TraceStep is the way of a message to one receiver.
type TraceStep struct {
	TracedReceiver
	Reached string   // one of the Reached constants
	Reasons []string // for ReachedLog: why it came no further
	// OfflineSince is when the receiver was last seen; set with ReasonOffline, and zero
	// for one who never was.
	OfflineSince time.Time
}

// Traces is the use case of following a message.
type Traces struct {
	store  TraceStore
	online OnlineSource
	pushes PushSource
}

// NewTraces returns the use case; all arguments are needed.
func NewTraces(store TraceStore, online OnlineSource, pushes PushSource) *Traces {
	return &Traces{store: store, online: online, pushes: pushes}
}

// Of returns the way of a message to a page of its receivers, to its sender and to
// the back end. To everybody else there is no such message. bad_request, forbidden,
// message_not_found, unavailable.
func (t *Traces) Of(ctx context.Context, by Principal, id MessageID, p Page) (MessageTrace, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return MessageTrace{}, err
	}
	place, err := id.placed("message_id")
	if err != nil {
		return MessageTrace{}, err
	}
	app := by.App.Num
	m, err := t.store.TracedMessage(ctx, app, by.User.Num, place)
	if err == nil && by.ActsForUser() && m.Sender != by.User.Num {
		err = ErrMessageNotFound
	}
	if err != nil {
		return MessageTrace{}, err
	}
	receivers, err := t.store.TracedReceivers(ctx, app, m, p)
	if err != nil {
		return MessageTrace{}, err
	}
	users := make([]UserNum, len(receivers.Items))
	for i, r := range receivers.Items {
		users[i] = r.User.Num
	}
	trace := MessageTrace{TracedMessage: m, PushTimes: t.pushes.PushTimes(ctx, app, place, users)}
	trace.Steps = List[TraceStep]{Items: make([]TraceStep, len(users)), NextCursor: receivers.NextCursor}
	online := t.online.Online(ctx, app, users)
	for i, r := range receivers.Items {
		trace.Steps.Items[i] = trace.step(r, online[i])
	}
	return trace, nil
}

// step puts together what is known about a receiver.
func (t *MessageTrace) step(r TracedReceiver, online Online) TraceStep {
	step := TraceStep{TracedReceiver: r, Reached: ReachedLog}
	slow := false
	for _, push := range t.Pushes {
		switch {
		case push.User != r.User.Num:
		case push.Slow:
			slow = slow || !push.At.Before(t.Message.SentAt)
		default:
			step.add(push)
		}
	}
	for _, d := range step.Devices {
		slices.SortFunc(d.Pushes, func(a, b Push) int { return a.At.Compare(b.At) })
		switch {
		case d.Acked:
			step.Reached = ReachedClient
		case len(d.Pushes) > 0 && step.Reached == ReachedLog:
			step.Reached = ReachedDevice
		}
	}
	switch {
	case t.Sender != 0 && r.User.Num == t.Sender:
		step.Reached = ReachedByOwner
	case r.Read:
		step.Reached = ReachedReader
	case step.Reached == ReachedLog:
		step.explain(t, online, slow)
	}
	return step
}

func (s *TraceStep) add(push Push) {
	i := slices.IndexFunc(s.Devices, func(d TracedDevice) bool { return d.ID == push.Device })
	if i < 0 {
		i = len(s.Devices)
		s.Devices = append(s.Devices, TracedDevice{ID: push.Device, Type: "other"})
	}
	s.Devices[i].Pushes = append(s.Devices[i].Pushes, push)
}

// explain says why the message came no further than the log.
func (s *TraceStep) explain(t *MessageTrace, online Online, slow bool) {
	if slow {
		s.Reasons = append(s.Reasons, ReasonSlowConsumer)
	}
	switch {
	case len(online.Sessions) == 0 && online.Known:
		s.Reasons = append(s.Reasons, ReasonOffline)
		if s.OfflineSince = s.LastSeen; online.LastSeenAt.After(s.OfflineSince) {
			s.OfflineSince = online.LastSeenAt
		}
	case len(online.Sessions) > 0 && t.Known == PushTimesComplete:
		s.Reasons = append(s.Reasons, ReasonPending)
	default:
		s.Reasons = append(s.Reasons, ReasonUnknown)
	}
	if s.Blocked {
		s.Reasons = append(s.Reasons, ReasonBlocked)
	}
	if s.Muted {
		s.Reasons = append(s.Reasons, ReasonMuted)
	}
}

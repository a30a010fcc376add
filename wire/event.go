package wire

import "github.com/gim-im/gim/domain"

// Topic is what a node listens to on the bus: one user of one app, in one
// respect, or one large group. Its nodes are those where somebody wants to know.
type Topic struct {
	App  domain.AppNum
	User domain.UserNum // 0 for a group
	Kind TopicKind

	Group domain.ConversationNum // of TopicGroup
}

// GroupTopic is the topic of a large group.
func GroupTopic(app domain.AppNum, group domain.ConversationNum) Topic {
	return Topic{App: app, Group: group, Kind: TopicGroup}
}

// Num is the number of what the topic is about, among those of its kind in its app.
func (t Topic) Num() int64 {
	if t.Kind == TopicGroup {
		return int64(t.Group)
	}
	return int64(t.User)
}

// TopicKind says in what respect.
type TopicKind uint8

// The kinds of topics.
const (
	// TopicUser is what concerns the user itself: for nodes that hold a connection,
	// or a waiting request, of that user.
	TopicUser TopicKind = iota
	// TopicPresence tells others that the user may have come or gone.
	TopicPresence
	// TopicGroup is what is sent to a large group: for nodes that hold a connection
	// which follows it.
	TopicGroup
)

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	EventMessage EventKind = iota + 1 // a message for the topic's user or group
	EventSession                      // a device of the user opened a session
	// EventGap is made by the bus itself: events of the topic may have been
	// lost, so whoever depends on them reads the store. The zero Topic means all.
	EventGap
	EventSignal   // something for those online, never stored
	EventPresence // the user's presence may have changed: look it up
	// EventHead tells how far the log of a large group goes, as the store has it. It
	// stays on the node that made it.
	EventHead
)

// Event is what the bus carries from a node to those that listen to a topic.
// It is shared between receivers: treat it as immutable.
type Event struct {
	Kind  EventKind
	Topic Topic

	// Of EventMessage; Seq also of EventHead.
	Seq      int64 // entry in the user's log; 0 when it has none
	IsSender bool  // the topic's user sent the message
	Body     *Body
	Origin   string // session that sent it, or ""
	Request  domain.RequestInfo

	// Of EventSession: sessions of Device with a lower number are replaced.
	Device  domain.DeviceID
	Session int64

	// Of EventSignal, as its receiver sees it.
	Signal *SignalBody
}

package domain

// Delivery is a message on its way to the devices of its receivers. It is
// shared between goroutines: treat it as immutable.
type Delivery struct {
	App     AppNum
	Message *Message
	To      []Recipient
	// Group is the large group whose followers get the message, besides To; 0 for
	// every other message.
	Group ConversationNum

	// Origin is the connection that sent the message, or "". It is not pushed
	// what it sent itself.
	Origin  string
	Request RequestInfo // of the send
}

// Recipient is one receiver of a message.
type Recipient struct {
	User     UserNum
	Seq      int64 // number of the entry in the user's log; 0 when not persisted
	IsSender bool
}

// Receivers are those whom a message reaches now.
type Receivers struct {
	Each  []Recipient
	Group ConversationNum // of a large group: whoever follows it, and Each is empty
}

// Publisher tells the nodes that hold connections about messages. What it is
// told may be lost on the way: receivers find everything in their logs.
type Publisher interface {
	// Publish hands over deliveries in the order of their commit. It returns
	// within 200 ms whatever the state of the bus, and reports nothing.
	Publish(deliveries []Delivery)
}

// Notifier tells when a user's log may have grown.
type Notifier interface {
	// Watch returns a channel that gets a value after entries were added to the
	// user's log or to those of groups, which are large, on any node; a value may
	// come without cause, and several entries may share one. It is ready when Watch
	// returns: what is added later is told. stop must be called.
	Watch(app AppNum, user UserNum, groups ...ConversationNum) (changed <-chan struct{}, stop func())
}

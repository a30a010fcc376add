package domain

// Delivery is a message on its way to the devices of its receivers. It is
// shared between goroutines: treat it as immutable.
type Delivery struct {
	App     AppNum
	Message *Message
	To      []Recipient

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
	// user's log, on any node; a value may come without cause, and several
	// entries may share one. It is ready when Watch returns: what is added later
	// is told. stop must be called.
	Watch(app AppNum, user UserNum) (changed <-chan struct{}, stop func())
}

package domain

import "time"

// MaxPresenceUsers bounds the users of one presence query, and those that a
// connection may watch.
const MaxPresenceUsers = 500

// OnlineSession is a connection that has signed in, as presence knows it.
type OnlineSession struct {
	App  AppNum
	User UserNum
	// ID names the connection, on all nodes and for all time: what ends a session
	// late can never end a newer one.
	ID     string
	Device DeviceID
	// Type is that of the device; "other" where it is not registered.
	Type      DeviceType
	Transport string // websocket or tcp
	// Number is that of the device's session: of two sessions of one device the
	// one with the lower number is over. 0 where the device is not registered.
	Number int64
	Since  time.Time
}

// UserPresence is how it stands with a user.
type UserPresence struct {
	User UserID
	// Known is false when nobody can tell right now; Online and Sessions then say
	// nothing.
	Known    bool
	Online   bool
	Sessions []OnlineSession // one per device, oldest first
	// LastSeenAt is the last sign of life that was kept; zero when there is none.
	LastSeenAt time.Time
}

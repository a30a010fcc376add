package client

import "github.com/gim-im/gim/wire"

// track is the reading side's place in a log, the user's or that of a large group:
// it ends where the inbox ends, while Stream.cursor ends where the program has
// stored. It is guarded by Stream.mu and changed only by the goroutine that
// connects and reads.
type track struct {
	known    bool  // received means something
	received int64 // the last entry that was handed to the inbox
	// target is what was seen and could not be handed on, on this connection. The
	// stream asks for what follows received until it has reached it.
	target int64
	// passing is true where what is missing cannot be asked for: it is passed over.
	passing bool
}

// isBehind reports whether entries have to be asked for.
func (t *track) isBehind() bool { return t.known && t.target > t.received }

// place is where a message stands in a log, as seen from received.
type place int

const (
	repeated  place = iota // it was handed on before
	following              // it is the next one
	ahead                  // something is missing before it
)

func (t *track) placeOf(n int64) place {
	switch {
	case !t.known:
		return ahead
	case n <= t.received:
		return repeated
	case n == t.received+1 || t.passing:
		return following
	}
	return ahead
}

// miss notes that an entry was seen and not handed on.
func (t *track) miss(n int64) { t.target = max(t.target, n) }

// skip jumps over entries that the server does not keep any more, or does not show.
func (t *track) skip(first int64) { t.received = max(t.received, first-1) }

// feed is the track of the user's log.
type feed struct {
	track
	epoch  string // of the log; "" where it is not known
	resync bool   // the log has started anew; the program has yet to be told

	// Of the connection.
	ponged  int64 // head of the log as the last pong told it
	pongGot int64 // received at that time
}

// signIn takes the server's answer to a sign-in. It reports false when the log
// is not the one that is being read.
func (f *feed) signIn(in *wire.SignedIn) (same bool) {
	if f.epoch != "" && in.GetEpoch() != f.epoch {
		return false
	}
	if !f.known {
		f.known, f.received = true, in.GetHeadSeq()
	}
	f.epoch = in.GetEpoch()
	f.skip(in.GetFirstSeq())
	f.target, f.ponged, f.pongGot = 0, 0, 0
	return true
}

// startAnew forgets the log that was read so far.
func (f *feed) startAnew() { *f = feed{track: track{known: true}, resync: true} }

// pong compares with the head of the log, and reports a hole that no push has
// shown: since the last pong nothing came, though there was more even then.
func (f *feed) pong(head int64) (hole bool) {
	hole = f.ponged > f.received && f.pongGot == f.received && !f.isBehind()
	f.ponged, f.pongGot = head, f.received
	if hole {
		f.miss(head)
	}
	return hole
}

package client

import "github.com/gim-im/gim/wire"

// feed is the reading side's place in the log: it ends where the inbox ends, while
// Stream.cursor ends where the program has stored. It is guarded by Stream.mu and
// changed only by the goroutine that connects and reads.
type feed struct {
	known    bool   // received means something
	received int64  // the last entry that was handed to the inbox
	epoch    string // of the log; "" where it is not known
	resync   bool   // the log has started anew; the program has yet to be told

	// Of the connection: what was seen and could not be handed on. The stream asks
	// for what follows received until it has reached target.
	target  int64
	asking  bool  // a sync is under way
	ponged  int64 // head of the log as the last pong told it
	pongGot int64 // received at that time
}

// isBehind reports whether entries have to be asked for.
func (f *feed) isBehind() bool { return f.target > f.received }

// place is where a message stands in the log, as seen from received.
type place int

const (
	repeated  place = iota // it was handed on before
	following              // it is the next one
	ahead                  // something is missing before it
)

func (f *feed) placeOf(seq int64) place {
	switch {
	case seq <= f.received:
		return repeated
	case seq == f.received+1:
		return following
	}
	return ahead
}

// miss notes that an entry was seen and not handed on.
func (f *feed) miss(seq int64) { f.target = max(f.target, seq) }

// skip jumps over entries that the server does not keep any more.
func (f *feed) skip(first int64) { f.received = max(f.received, first-1) }

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
	f.target, f.asking, f.ponged, f.pongGot = 0, false, 0, 0
	return true
}

// startAnew forgets the log that was read so far.
func (f *feed) startAnew() { *f = feed{known: true, resync: true} }

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

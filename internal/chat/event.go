package chat

import (
	"errors"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// Event is something that has happened to a [Session]. Whoever reads events hands
// each to [Session.Take], in order.
type Event interface{ isEvent() }

// Arrived is a page of what is new in the log; see client.Handler.
type Arrived struct {
	Page []*wire.Message
	done chan<- error // has room for the answer
}

// Signalled is a signal of somebody else.
type Signalled struct{ Signal *wire.PushedSignal }

// Looked is how it stands with users.
type Looked struct{ Users []*wire.UserPresence }

// Changed is how the connection is now.
type Changed struct{ State client.State }

// Restarted says that the log began anew, and with it the model.
type Restarted struct {
	Epoch string
	done  chan<- error // has room for the answer
}

// Outcome is what became of a send.
type Outcome struct {
	Send *wire.Send
	Sent *wire.Sent // nil with an error
	Err  error
}

// Unsettled reports whether the message is to be sent again at the next start: Run
// has ended, or is about to, before the server has answered.
func (o *Outcome) Unsettled() bool {
	return errors.Is(o.Err, client.ErrUnsettled) && !isOnce(o.Send)
}

// Read is what was asked of the REST API.
type Read struct {
	Conversation string
	Err          error // a sentence says enough; nothing has changed then
	apply        func(*Model)
}

// Done is the end of what was begun with [Session.Go].
type Done struct{ Result any }

func (Arrived) isEvent()   {}
func (Signalled) isEvent() {}
func (Looked) isEvent()    {}
func (Changed) isEvent()   {}
func (Restarted) isEvent() {}
func (Outcome) isEvent()   {}
func (Read) isEvent()      {}
func (Done) isEvent()      {}

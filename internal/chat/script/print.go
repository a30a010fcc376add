package script

import (
	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// printer prints what happens. What cannot be printed is lost: who reads it is
// gone then, and the process with it.
type printer interface {
	note(text string)
	message(m *wire.Message)
	state(s client.State)
	signal(s *wire.PushedSignal)
	presence(users []*wire.UserPresence)
	restarted(epoch string)
	sent(l line, sent *wire.Sent)
	acted(l line, event string)
	found(l line, page *client.FoundMessages)
	watched(l line, users []*wire.UserPresence)
	refused(l line, err error)
}

func newPrinter(o Options) printer {
	if o.JSON {
		return &jsonPrinter{o: o}
	}
	return &plainPrinter{o: o}
}

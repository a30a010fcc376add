package handlers

import (
	"net/http"
	"strconv"

	"github.com/gim-im/gim/domain"
)

// The positions that a write made are told in headers: half of the answers have no body,
// and the others are the state of a thing, which whoever reads it gets as well.
const (
	headerSeq             = "Gim-Seq"
	headerConversationSeq = "Gim-Conversation-Seq"
)

// writeAnswer is the answer to a write: its header gets the positions when it begins.
type writeAnswer struct {
	http.ResponseWriter
	made   domain.Positions
	status int
	values [2]string
}

// WriteHeader implements http.ResponseWriter.
func (a *writeAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		a.tellPositions(a.Header())
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *writeAnswer) tellPositions(h http.Header) {
	for i, name := range [...]string{headerSeq, headerConversationSeq} {
		position := a.made.Seq()
		if name == headerConversationSeq {
			position = a.made.ConversationSeq()
		}
		if position != 0 {
			a.values[i] = strconv.FormatInt(position, 10)
			h[name] = a.values[i : i+1 : i+1]
		}
	}
}

// Write implements http.ResponseWriter.
func (a *writeAnswer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// Status returns what was answered, 0 while there is nothing.
func (a *writeAnswer) Status() int { return a.status }

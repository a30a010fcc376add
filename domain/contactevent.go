package domain

import (
	"encoding/json"
	"time"
)

// ContactEventCode says what happened between two users. It is the code of a
// command, below FirstBusinessCommand.
type ContactEventCode int64

// The codes of contact events. They never change their meaning.
const (
	EventContactRequested ContactEventCode = 200 // or another message of the same request
	EventContactAdded     ContactEventCode = 201 // the two are contacts
	EventContactRejected  ContactEventCode = 202 // by who was asked
	EventContactWithdrawn ContactEventCode = 203 // by who had asked
	EventContactRemoved   ContactEventCode = 204
	EventContactRemarked  ContactEventCode = 205 // told to the author of the remark only
)

// ContactEvent is a change between two users as one of them learns of it: an entry
// in its log, in its conversation with the business.
type ContactEvent struct {
	Code   ContactEventCode
	To     UserID // whose log it is in
	User   UserID // the other one
	By     UserID // who did it; "" for the business
	Text   string // of a request
	Remark *string
}

// contactContent is a contact event as the content of a command.
type contactContent struct {
	Code ContactEventCode `json:"code"`
	Data struct {
		User    UserID  `json:"user_id"`
		By      UserID  `json:"by,omitempty"`
		Message string  `json:"message,omitempty"`
		Remark  *string `json:"remark,omitempty"`
	} `json:"data"`
}

// Message returns the event as a message to the one who is told.
func (e ContactEvent) Message(at time.Time) (Message, error) {
	c := contactContent{Code: e.Code}
	c.Data.User, c.Data.By, c.Data.Message, c.Data.Remark = e.User, e.By, e.Text, e.Remark
	content, err := json.Marshal(c)
	if err != nil {
		return Message{}, Trace(err)
	}
	return Message{
		Sender: Sender{Type: SenderSystem}, To: Target{User: e.To}, Type: ContentCommand, Content: content, SentAt: at, Status: StatusNormal,
	}, nil
}

// tell adds an event to those of a change, for the user or for both.
func (p *ContactPair) tell(e ContactEvent, both bool) {
	e.To, e.User = p.User, p.Other
	p.Events = append(p.Events, e)
	if both {
		e.To, e.User = p.Other, p.User
		p.Events = append(p.Events, e)
	}
}

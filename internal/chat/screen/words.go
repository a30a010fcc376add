package screen

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v3"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// transportOf names the transport of an address.
func transportOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		return "websocket"
	}
	return u.Scheme
}

// link tells how the connection is.
func (a *app) link(now time.Time) (string, tcell.Style) {
	state, since := a.o.Session.Connection()
	switch state.Phase {
	case client.Connected:
		have, head := a.o.Session.Progress()
		if have < head {
			return fmt.Sprintf("catching up, %d of %d", have, head), warning
		}
		return "● connected via " + transportOf(a.o.Address), good
	case client.Waiting:
		left := since.Add(state.Delay).Sub(now)
		if left > 0 {
			return fmt.Sprintf("○ reconnecting in %d s", int((left+time.Second-1)/time.Second)), warning
		}
		return "○ reconnecting…", warning
	case client.Closed:
		return "✗ disconnected", bad
	}
	if a.wasConnected {
		return "○ reconnecting…", warning
	}
	return "○ connecting…", warning
}

// because says in few words why there is no connection; "" when there is one.
func because(state client.State) string {
	if state.Err == nil || state.Phase == client.Connected {
		return ""
	}
	if closed, ok := errors.AsType[*client.ClosedError](state.Err); ok {
		if closed.Refusal != nil {
			return closed.Refusal.Message
		}
		switch wire.CloseCode(closed.Code) { //nolint:exhaustive // the others say it themselves
		case wire.CloseShutdown:
			return "the server is going down"
		case wire.CloseReplaced:
			return "this device has connected again elsewhere"
		case wire.CloseRevoked:
			return "this device was signed out"
		case wire.CloseTokenExpired:
			return "the token has run out"
		}
		return strings.ReplaceAll(closed.Reason, "_", " ")
	}
	switch {
	case errors.Is(state.Err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(state.Err, syscall.ECONNRESET):
		return "the connection broke"
	}
	return state.Err.Error()
}

// clock is a time of day.
func (a *app) clock(t time.Time) string { return t.In(a.o.Location).Format("15:04") }

// moment is a time as one tells it at now: as short as is clear.
func (a *app) moment(t, now time.Time) string {
	t, now = t.In(a.o.Location), now.In(a.o.Location)
	switch {
	case sameDay(t, now):
		return t.Format("15:04")
	case sameDay(t, now.AddDate(0, 0, -1)):
		return "yesterday " + t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// presence tells how it stands with a user, at length.
func (a *app) presence(user string, now time.Time) (string, tcell.Style) {
	p := a.o.Session.Model().PresenceOf(user)
	switch {
	case !p.Known:
		return "", dim
	case p.Online && len(p.Transports) > 0:
		return "● online via " + chat.CleanLine(strings.Join(p.Transports, ", ")), good
	case p.Online:
		return "● online", good
	case p.LastSeen.IsZero():
		return "○ offline", dim
	}
	return "○ last seen " + a.moment(p.LastSeen, now), dim
}

// about tells what there is to know of a conversation.
func (a *app) about(id string, now time.Time) (string, tcell.Style) {
	if user := chat.Peer(id); user != "" {
		if user == a.o.Session.Model().Me() {
			return "notes to yourself", dim
		}
		return a.presence(user, now)
	}
	members := a.o.Session.Members(chat.Group(id))
	if len(members) == 0 {
		return "", dim
	}
	online := 0
	for _, user := range members {
		if p := a.o.Session.Model().PresenceOf(user); p.Known && p.Online || user == a.o.Session.Model().Me() {
			online++
		}
	}
	return fmt.Sprintf("%d members, %d online", len(members), online), dim
}

// dot is the presence of whom a conversation is with, in one cell.
func (a *app) dot(id string) (string, tcell.Style) {
	user := chat.Peer(id)
	if user == "" {
		if chat.Group(id) != "" {
			return "#", dim
		}
		return "*", dim
	}
	switch p := a.o.Session.Model().PresenceOf(user); {
	case user == a.o.Session.Model().Me():
		return "~", dim
	case !p.Known:
		return "·", dim
	case p.Online:
		return "●", good
	}
	return "○", dim
}

// typing says who types; "" when nobody does.
func typing(users []string) string {
	switch len(users) {
	case 0:
		return ""
	case 1:
		return users[0] + " is typing…"
	case 2:
		return users[0] + " and " + users[1] + " are typing…"
	}
	return fmt.Sprintf("%s and %d others are typing…", users[0], len(users)-1)
}

// eventLine is what a group event says at now; "" when it says nothing.
func (a *app) eventLine(m *chat.Message, now time.Time) string {
	return m.EventLine(func(t time.Time) string { return a.moment(t, now) })
}

// isOwn reports whether the user has sent a message.
func (a *app) isOwn(m *chat.Message) bool {
	return m.SenderType == "user" && m.Sender == a.o.Session.Model().Me()
}

// senderName is how the pane names who sent a message.
func (a *app) senderName(m *chat.Message) string {
	switch {
	case m.SenderType != "user":
		return m.SenderType
	case m.Sender == a.o.Session.Model().Me():
		return "you"
	}
	return m.Sender
}

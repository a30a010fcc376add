package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// firstBusinessCommand is the first code of commands that mean what the business
// wants. Those below are the server's.
const firstBusinessCommand = 1000

// The codes of message events, which have the sender of the message, begin with the
// first and end before the other.
const (
	firstMessageEvent  = 300
	endOfMessageEvents = 400
)

// The codes of what becomes of a contact of the user.
const (
	contactAsked     = 200
	contactMade      = 201
	contactRefused   = 202
	contactWithdrawn = 203
	contactEnded     = 204
	contactRemarked  = 205
)

// The codes of group events: how a group changed.
const (
	groupCreated   = 100
	groupChanged   = 101
	membersJoined  = 102
	memberLeft     = 103
	memberRemoved  = 104
	roleChanged    = 105
	memberMuted    = 106
	groupDismissed = 107
	groupConverted = 108
	memberChanged  = 109
)

// namedUsers is how many users of one event are named.
const namedUsers = 5

// groupEvent is the content of a group event, with the fields of all codes.
type groupEvent struct {
	Code int64 `json:"code"`
	Data struct {
		By      string   `json:"by"` // "" is the business
		User    string   `json:"user_id"`
		Users   []string `json:"user_ids"`
		Members []struct {
			User string `json:"user_id"`
			Role string `json:"role"`
		} `json:"members"`
		Name      *string   `json:"name"`
		Message   string    `json:"message"`
		Label     *string   `json:"label"`
		MuteUntil time.Time `json:"mute_until"`
		Settings  struct {
			History      *string `json:"history"`
			LiveAudience *bool   `json:"live_audience"`
		} `json:"settings"`
	} `json:"data"`
}

// IsEvent reports whether m is the server's news of a group or of a message. Nobody
// has written it, and it is never unread.
func (m *Message) IsEvent() bool {
	if m.Type != "command" {
		return false
	}
	var e struct {
		Code int64 `json:"code"`
	}
	if json.Unmarshal(m.Content, &e) != nil {
		return false
	}
	return m.SenderType == "system" && e.Code < firstBusinessCommand || e.Code >= firstMessageEvent && e.Code < endOfMessageEvents
}

// event returns the content of a group event; nil for other messages and for an
// event whose form is not known here.
func (m *Message) event() *groupEvent {
	var e groupEvent
	if !m.IsEvent() || json.Unmarshal(m.Content, &e) != nil {
		return nil
	}
	return &e
}

// hidden reports whether there is nothing to show of m: it is an event that is
// not known here.
func (m *Message) hidden() bool { return m.IsEvent() && m.EventLine(clock) == "" }

// clock writes a time for those who need not know the zone.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// EventLine returns what a group event says, in one clean line; "" for other
// messages and for events that are not known here. moment writes a time.
func (m *Message) EventLine(moment func(time.Time) string) string {
	e := m.event()
	if e == nil {
		return ""
	}
	d, who := &e.Data, CleanLine(e.Data.User)
	switch e.Code {
	case groupCreated:
		return e.done("made the group", "the group was made")
	case groupChanged:
		return e.changed()
	case groupConverted:
		return e.done("made the group a large one", "the group was made a large one")
	case membersJoined:
		return e.joined()
	case roleChanged:
		return e.roles()
	case groupDismissed:
		return e.done("dismissed the group", "the group was dismissed")
	}
	if line := e.contact(who); line != "" {
		return line
	}
	switch { // the others are about a member
	case who == "":
		return ""
	case e.Code == memberLeft:
		return who + " left"
	case e.Code == memberRemoved:
		return e.done("removed "+who, who+" was removed")
	case e.Code == memberMuted && d.MuteUntil.After(m.SentAt):
		until := " until " + moment(d.MuteUntil)
		return e.done("muted "+who+until, who+" was muted"+until)
	case e.Code == memberMuted:
		return e.done("lifted the mute of "+who, "the mute of "+who+" was lifted")
	case e.Code == memberChanged && d.Label != nil:
		return e.done("changed the label of "+who, "the label of "+who+" was changed")
	}
	return ""
}

// done says what was done: by whom, or in the passive form where the business did.
func (e *groupEvent) done(active, passive string) string {
	if e.Data.By == "" {
		return passive
	}
	return CleanLine(e.Data.By) + " " + active
}

// contact says what became of the user's contact with who.
func (e *groupEvent) contact(who string) string {
	theirs := e.Data.By == e.Data.User
	switch {
	case who == "":
	case e.Code == contactAsked:
		says := ""
		if text := short(e.Data.Message); text != "" {
			says = ": " + text
		}
		return either(theirs, who+" asks to be your contact", "you asked "+who+" to be your contact") + says
	case e.Code == contactMade:
		return "you and " + who + " are contacts"
	case e.Code == contactRefused:
		return either(theirs, who+" turned your request down", "you turned the request of "+who+" down")
	case e.Code == contactWithdrawn:
		return either(theirs, who+" took the request back", "you took your request to "+who+" back")
	case e.Code == contactEnded:
		return "you and " + who + " are contacts no more"
	case e.Code == contactRemarked:
		return "you changed your remark on " + who
	}
	return ""
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// changed says the one change that matters most to who reads it.
func (e *groupEvent) changed() string {
	set := &e.Data.Settings
	switch {
	case e.Data.Name != nil && *e.Data.Name != "":
		name := `"` + short(*e.Data.Name) + `"`
		return e.done("named the group "+name, "the group was named "+name)
	case set.LiveAudience != nil && *set.LiveAudience:
		return e.done("opened the group to a live audience", "the group was opened to a live audience")
	case set.LiveAudience != nil:
		return e.done("closed the group to its live audience", "the group was closed to its live audience")
	case set.History != nil && *set.History == "all":
		return e.done("let new members read what was written before", "new members may read what was written before")
	case set.History != nil:
		return e.done("let new members read only what comes after they join", "new members may read only what comes after they join")
	}
	return e.done("changed the group", "the group was changed")
}

func (e *groupEvent) joined() string {
	users := e.Data.Users
	who := names(users)
	switch {
	case len(users) == 0:
		return ""
	case len(users) > 1:
		return e.done("added "+who, who+" were added")
	case users[0] == e.Data.By:
		return who + " joined"
	}
	return e.done("added "+who, who+" was added")
}

func (e *groupEvent) roles() string {
	var made, passive []string
	for i, m := range e.Data.Members {
		role := "a " + m.Role
		switch m.Role {
		case "owner":
			role = "the owner"
		case "admin":
			role = "an admin"
		}
		made, passive = append(made, m.User+" "+role), append(passive, m.User+" "+role)
		if i == 0 {
			passive[0] = m.User + " was made " + role
		}
	}
	if len(made) == 0 {
		return ""
	}
	return e.done("made "+names(made), names(passive))
}

// names lists users, of many the first ones.
func names(users []string) string {
	rest := len(users) - namedUsers
	if rest > 1 {
		users = users[:namedUsers]
	}
	list := CleanLine(strings.Join(users, ", "))
	if rest > 1 {
		list += fmt.Sprintf(" and %d others", rest)
	}
	return list
}

// rename gives a conversation the name that an event tells.
func (c *Conversation) rename(e *groupEvent) {
	if e != nil && e.Data.Name != nil && (e.Code == groupCreated || e.Code == groupChanged) {
		c.Name = *e.Data.Name
	}
}

// membersAfter returns the members of a group after an event, of a large group
// the first ones.
func membersAfter(members []string, e *groupEvent) []string {
	switch e.Code {
	case membersJoined:
		for _, user := range e.Data.Users {
			if len(members) < membersShown && !slices.Contains(members, user) {
				members = append(members, user)
			}
		}
	case memberLeft, memberRemoved:
		members = slices.DeleteFunc(members, func(user string) bool { return user == e.Data.User })
	case groupDismissed:
		members = nil
	}
	return members
}

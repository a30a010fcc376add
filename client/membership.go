package client

import (
	"encoding/json"
	"slices"

	"github.com/gim-im/gim/wire"
)

// The codes of the events in a user's log that begin or end following a large
// group, see docs/groups.md.
const (
	groupCreated   = 100
	membersJoined  = 102
	memberLeft     = 103
	memberRemoved  = 104
	groupConverted = 108
)

// membership is what an entry of the log says about a large group of the user.
type membership int

const (
	unchanged membership = iota
	begins               // the user is a member from the next message of the group on
	endsNow              // it is no member any more
)

// membershipIn reads an entry of the log of user.
func membershipIn(m *wire.Message, user string) membership {
	if m.GetTo().GetGroupId() == "" || m.GetType() != "command" || m.GetSender().GetType() != "system" {
		return unchanged
	}
	var e struct {
		Code int64 `json:"code"`
		Data struct {
			Type  string   `json:"type"`
			User  string   `json:"user_id"`
			Users []string `json:"user_ids"`
		} `json:"data"`
	}
	if json.Unmarshal(m.GetContent(), &e) != nil {
		return unchanged // of a form that is not known here
	}
	large := e.Data.Type == "large"
	switch e.Code {
	case groupCreated, groupConverted:
		if large {
			return begins
		}
	case membersJoined:
		if large && slices.Contains(e.Data.Users, user) {
			return begins
		}
	case memberLeft, memberRemoved:
		if e.Data.User == user {
			return endsNow
		}
	}
	return unchanged
}

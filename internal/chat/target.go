package chat

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gim-im/gim/wire"
)

// Business is the conversation of a user with the business.
const Business = "business"

const (
	userPrefix  = "user:"
	groupPrefix = "group:"
)

// validID is the form of ids in openapi.yaml.
var validID = regexp.MustCompile(`^[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,63}$`)

// ParseConversation reads what a person types to name a conversation: user:bob,
// group:team, business, or bob for the user. It returns the conversation's id.
func ParseConversation(text string) (string, error) {
	kind, id, found := strings.Cut(text, ":")
	if !found {
		if text == Business {
			return Business, nil
		}
		kind, id = "user", text
	}
	if kind != "user" && kind != "group" || !validID.MatchString(id) {
		return "", fmt.Errorf("%q is no conversation: say user:ID, group:ID or a user's id alone", text)
	}
	return kind + ":" + id, nil
}

// Peer returns the user that a conversation is with; "" for others.
func Peer(conversation string) string {
	user, ok := strings.CutPrefix(conversation, userPrefix)
	if !ok {
		return ""
	}
	return user
}

// Group returns the group that a conversation is of; "" for others.
func Group(conversation string) string {
	group, ok := strings.CutPrefix(conversation, groupPrefix)
	if !ok {
		return ""
	}
	return group
}

// TargetOf returns how a send names the conversation; nil for one that a user
// cannot write to.
func TargetOf(conversation string) *wire.Target {
	if user := Peer(conversation); user != "" {
		return &wire.Target{UserId: user}
	}
	if group := Group(conversation); group != "" {
		return &wire.Target{GroupId: group}
	}
	return nil
}

// conversationOf is the reverse of TargetOf.
func conversationOf(to *wire.Target) string {
	if to.GetGroupId() != "" {
		return groupPrefix + to.GetGroupId()
	}
	return userPrefix + to.GetUserId()
}

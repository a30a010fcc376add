package domain

import (
	"encoding/json"
	"slices"
	"time"
)

// GroupEventCode says what happened to a group. It is the code of a command, below
// FirstBusinessCommand.
type GroupEventCode int64

// The codes of group events. They never change their meaning.
const (
	firstGroupEvent GroupEventCode = 100
	lastGroupEvent  GroupEventCode = 199

	EventGroupCreated   GroupEventCode = 100
	EventGroupChanged   GroupEventCode = 101 // profile or settings
	EventMembersJoined  GroupEventCode = 102
	EventMemberLeft     GroupEventCode = 103
	EventMemberRemoved  GroupEventCode = 104
	EventRoleChanged    GroupEventCode = 105
	EventMemberMuted    GroupEventCode = 106 // or a mute lifted
	EventGroupDismissed GroupEventCode = 107
	EventGroupConverted GroupEventCode = 108 // a normal group became large
	EventMemberChanged  GroupEventCode = 109 // label or extra
)

// GroupEvent is a change of a group as its members learn of it: an entry in the
// log of each, and of who was removed by it. In a large group it is an entry in
// the log of the group, and in those of the users that it is about (see TellsUser).
type GroupEvent struct {
	Code GroupEventCode
	Data GroupEventData
}

// GroupEventData are the fields of all events; those that an event does not have
// are left out.
type GroupEventData struct {
	By           UserID              `json:"by,omitempty"`   // who did it; "" for the business
	Type         GroupType           `json:"type,omitempty"` // of a large group that the user is now in
	User         UserID              `json:"user_id,omitempty"`
	Users        []UserID            `json:"user_ids,omitempty"`
	Members      []GroupEventRole    `json:"members,omitempty"`
	Owner        UserID              `json:"owner,omitempty"`
	MemberCount  int                 `json:"member_count,omitempty"`
	Name         *string             `json:"name,omitempty"`
	Introduction *string             `json:"introduction,omitempty"`
	AvatarURL    *string             `json:"avatar_url,omitempty"`
	Label        *string             `json:"label,omitempty"`
	Extra        json.RawMessage     `json:"extra,omitempty"`
	Settings     *GroupEventSettings `json:"settings,omitempty"`
	MuteUntil    string              `json:"mute_until,omitempty"` // RFC 3339, UTC, milliseconds
}

// GroupEventRole is the role that a member now has.
type GroupEventRole struct {
	User UserID `json:"user_id"`
	Role Role   `json:"role"`
}

// GroupEventSettings are those settings that changed.
type GroupEventSettings struct {
	Join     *JoinPolicy   `json:"join,omitempty"`
	InviteBy *InvitePolicy `json:"invite_by,omitempty"`
	MuteAll  *bool         `json:"mute_all,omitempty"`

	MentionAllBy *MentionPolicy `json:"mention_all_by,omitempty"`
	History      *HistoryRule   `json:"history,omitempty"`
	LiveAudience *bool          `json:"live_audience,omitempty"`
}

// TellsUser reports whether the event, in a large group, also belongs into the log
// of a user: of who becomes a member by it, or no longer is one.
func (e GroupEvent) TellsUser(user UserID) bool {
	switch e.Code { //nolint:exhaustive // the others are the group's alone
	case EventGroupCreated, EventGroupConverted:
		return true
	case EventMembersJoined:
		return slices.Contains(e.Data.Users, user)
	case EventMemberLeft, EventMemberRemoved:
		return e.Data.User == user
	}
	return false
}

// Begins reports whether user is, after the event, in a large group that it may
// not have been in before.
func (e GroupEvent) Begins(user UserID) bool {
	return e.Data.Type == GroupLarge && e.TellsUser(user)
}

// Ends reports whether user is no member any more.
func (e GroupEvent) Ends(user UserID) bool {
	return (e.Code == EventMemberLeft || e.Code == EventMemberRemoved) && e.Data.User == user
}

// EndsAudience reports whether nobody but members may follow the group any more.
func (e GroupEvent) EndsAudience() bool {
	set := e.Data.Settings
	return e.Code == EventGroupDismissed || set != nil && set.LiveAudience != nil && !*set.LiveAudience
}

// eventContent is a group event as the content of a command.
type eventContent struct {
	Code GroupEventCode `json:"code"`
	Data GroupEventData `json:"data"`
}

// EventOf returns what a message of gim tells of a group; ok is false for every
// other message.
func EventOf(m *Message) (e GroupEvent, ok bool) {
	if m.Type != ContentCommand || m.Sender.Type != SenderSystem || m.To.Group == "" {
		return GroupEvent{}, false
	}
	var c eventContent
	if err := json.Unmarshal(m.Content, &c); err != nil || c.Code < firstGroupEvent || c.Code > lastGroupEvent {
		return GroupEvent{}, false
	}
	return GroupEvent(c), true
}

// Message returns the event as a message to the group.
func (e GroupEvent) Message(group GroupID, at time.Time) (Message, error) {
	content, err := json.Marshal(eventContent(e))
	if err != nil {
		return Message{}, Trace(err)
	}
	return Message{
		Sender: Sender{Type: SenderSystem}, To: Target{Group: group}, Type: ContentCommand, Content: content, SentAt: at, Status: StatusNormal,
	}, nil
}

// tell adds an event to those of a change.
func (g *GroupState) tell(code GroupEventCode, data GroupEventData) {
	g.Events = append(g.Events, GroupEvent{Code: code, Data: data})
}

// data returns what changed, nothing when nothing did.
func (p GroupPatch) data(was Group) (data GroupEventData, changed bool) {
	data = GroupEventData{
		Name: differing(p.Name, was.Name), Introduction: differing(p.Introduction, was.Introduction), AvatarURL: differing(p.AvatarURL, was.AvatarURL),
	}
	if p.Extra != nil && string(p.Extra) != string(was.Extra) {
		data.Extra = p.Extra
	}
	set := GroupEventSettings{
		Join: differing(p.Join, was.Settings.Join), InviteBy: differing(p.InviteBy, was.Settings.InviteBy), MuteAll: differing(p.MuteAll, was.Settings.MuteAll),
		MentionAllBy: differing(p.MentionAllBy, was.Settings.MentionAllBy),
		History:      differing(p.History, was.Settings.History), LiveAudience: differing(p.LiveAudience, was.Settings.LiveAudience),
	}
	if set != (GroupEventSettings{}) {
		data.Settings = &set
	}
	return data, data.Name != nil || data.Introduction != nil || data.AvatarURL != nil || data.Extra != nil || data.Settings != nil
}

// differing is p, or nil where it is the same as was.
func differing[T comparable](p *T, was T) *T {
	if p == nil || *p == was {
		return nil
	}
	return p
}

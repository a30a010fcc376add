package domain

import (
	"encoding/json"
	"time"
)

// GroupEventCode says what happened to a group. It is the code of a command, below
// FirstBusinessCommand.
type GroupEventCode int64

// The codes of group events. They never change their meaning.
const (
	EventGroupCreated   GroupEventCode = 100
	EventGroupChanged   GroupEventCode = 101 // profile or settings
	EventMembersJoined  GroupEventCode = 102
	EventMemberLeft     GroupEventCode = 103
	EventMemberRemoved  GroupEventCode = 104
	EventRoleChanged    GroupEventCode = 105
	EventMemberMuted    GroupEventCode = 106 // or a mute lifted
	EventGroupDismissed GroupEventCode = 107
	EventMemberChanged  GroupEventCode = 109 // label or extra
)

// GroupEvent is a change of a group as its members learn of it: an entry in the
// log of each, and of who was removed by it.
type GroupEvent struct {
	Code GroupEventCode
	Data GroupEventData
}

// GroupEventData are the fields of all events; those that an event does not have
// are left out.
type GroupEventData struct {
	By           UserID              `json:"by,omitempty"` // who did it; "" for the business
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
}

// Message returns the event as a message to the group.
func (e GroupEvent) Message(group GroupID, at time.Time) (Message, error) {
	content, err := json.Marshal(struct {
		Code GroupEventCode `json:"code"`
		Data GroupEventData `json:"data"`
	}{e.Code, e.Data})
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

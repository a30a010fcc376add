package domain

// GroupType says how messages of a group reach its members.
type GroupType string

// The types of groups.
const (
	GroupNormal GroupType = "normal" // each message is an entry in every member's own log
	GroupLarge  GroupType = "large"  // members read the log of the group itself
)

// typeToTell is the type as events have it: only that of a large group says something.
func (g *Group) typeToTell() GroupType {
	if g.Type == GroupLarge {
		return GroupLarge
	}
	return ""
}

// JoinPolicy says who may join a group by itself.
type JoinPolicy string

// The policies.
const (
	JoinOpen     JoinPolicy = "open"     // anybody
	JoinApproval JoinPolicy = "approval" // whoever is approved
	JoinInvite   JoinPolicy = "invite"   // nobody: members are added
)

// InvitePolicy says who may add others to a group.
type InvitePolicy string

// The policies.
const (
	InviteByAdmins  InvitePolicy = "admins" // the owner and admins
	InviteByMembers InvitePolicy = "members"
)

// MentionPolicy says who may mention all of a group.
type MentionPolicy string

// The policies.
const (
	MentionAllByAdmins  MentionPolicy = "admins" // the owner and admins
	MentionAllByMembers MentionPolicy = "members"
)

// HistoryRule says what a member may read of a group.
type HistoryRule string

// The rules.
const (
	HistoryJoined HistoryRule = "joined" // what was sent since it joined
	HistoryAll    HistoryRule = "all"
)

// GroupSettings are the rules of a group that its owner and admins make.
type GroupSettings struct {
	Join     JoinPolicy
	InviteBy InvitePolicy
	MuteAll  bool // only the owner and admins may send
	History  HistoryRule
	// MentionAllBy is who may send with the mention [MentionAll].
	MentionAllBy MentionPolicy
	// LiveAudience lets users who are no members follow a large group.
	LiveAudience bool
}

func (s GroupSettings) validate() *Error {
	switch {
	case s.Join != JoinOpen && s.Join != JoinApproval && s.Join != JoinInvite:
		return Invalid("/settings/join", "must be %s, %s or %s", JoinOpen, JoinApproval, JoinInvite)
	case s.InviteBy != InviteByAdmins && s.InviteBy != InviteByMembers:
		return Invalid("/settings/invite_by", "must be %s or %s", InviteByAdmins, InviteByMembers)
	case s.MentionAllBy != MentionAllByAdmins && s.MentionAllBy != MentionAllByMembers:
		return Invalid("/settings/mention_all_by", "must be %s or %s", MentionAllByAdmins, MentionAllByMembers)
	case s.History != HistoryJoined && s.History != HistoryAll:
		return Invalid("/settings/history", "must be %s or %s", HistoryJoined, HistoryAll)
	}
	return nil
}

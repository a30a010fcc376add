package domain

import (
	"context"
)

// LargeGroup is a large group as a device of a member stands to it. Its messages
// are in no user's log: members read that of the group, by conversation_seq.
type LargeGroup struct {
	Num    ConversationNum
	ID     GroupID
	Head   int64 // conversation_seq of the last message
	Acked  int64 // what the device has confirmed, or else where the membership began
	Unread int64 // messages behind Acked, without events of the group
}

// GroupReader is who reads the log of a large group: a member, or a user of its
// live audience.
type GroupReader struct {
	User     UserNum
	Audience bool
}

// GroupPage is a part of the log of a large group, ascending and contiguous.
type GroupPage struct {
	Num      ConversationNum
	First    int64 // lowest conversation_seq of it that the reader may read
	Head     int64
	Messages []*Message
	HasMore  bool // exact at the moment of reading
}

// GroupLogStore reads the logs of large groups.
type GroupLogStore interface {
	// LargeGroups returns by id the large groups of user as its device, "" for none,
	// stands to them. Those that are dismissed are among them until the device, if
	// there is one, has confirmed everything.
	LargeGroups(ctx context.Context, app AppNum, user UserNum, device DeviceID) ([]LargeGroup, error)
	// LargeGroup returns a large group with its head only, if reader may read it.
	// ErrGroupNotFound, ErrNotInGroup, ErrNotLarge; ErrNoAudience where it has none.
	LargeGroup(ctx context.Context, app AppNum, id GroupID, reader GroupReader) (LargeGroup, error)
	// GroupHeads returns the heads of groups; absent ones are left out.
	GroupHeads(ctx context.Context, app AppNum, groups []ConversationNum) (map[ConversationNum]int64, error)
	// ReadGroup returns up to limit messages after after, or from the first that
	// reader may read, cut at MaxPageBytes of content but never empty when there is
	// one. Errors as those of LargeGroup.
	ReadGroup(ctx context.Context, app AppNum, group ConversationNum, reader GroupReader, after int64, limit int) (GroupPage, error)
}

// ErrNotLarge is the answer to what only large groups have.
var ErrNotLarge = Failure(CodeBadRequest, "This is a normal group: its messages are in the log of each member.")

// ErrNoAudience is the answer to who would follow a group that has no live audience.
var ErrNoAudience = Failure(CodeForbidden, "This group may be followed by its members only.")

// SyncGroup returns the log of a large group after a position, as Sync does with
// that of the caller. bad_request, forbidden, group_not_found, not_in_group,
// resync_required.
func (m *Messenger) SyncGroup(ctx context.Context, by Principal, id GroupID, after int64, limit int) (GroupPage, error) {
	if err := by.RequireUser(); err != nil {
		return GroupPage{}, err
	}
	if err := join(ValidateID("group_id", string(id))); err != nil {
		return GroupPage{}, err
	}
	if err := (SyncParams{After: after, Limit: limit}).validate(); err != nil {
		return GroupPage{}, err
	}
	reader := GroupReader{User: by.User.Num}
	g, err := m.logs.LargeGroup(ctx, by.App.Num, id, reader)
	if err != nil {
		return GroupPage{}, err
	}
	page, err := m.logs.ReadGroup(ctx, by.App.Num, g.Num, reader, after, limit)
	if err == nil && after > page.Head {
		return GroupPage{}, ErrResyncRequired
	}
	return page, err
}

// AckGroup records that the device holds the log of a large group up to seq and
// returns that as it now is. bad_request, bad_ack, forbidden, device_not_found,
// group_not_found, not_in_group.
func (s *Devices) AckGroup(ctx context.Context, by Principal, id DeviceID, group GroupID, seq int64) (int64, error) {
	id, err := s.resolve(by, id)
	if err != nil {
		return 0, err
	}
	if err := join(ValidateID("/group_id", string(group))); err != nil {
		return 0, err
	}
	if seq < 0 {
		return 0, Invalid("/conversation_seq", "must not be negative")
	}
	return s.store.AckGroup(ctx, by.App.Num, by.User.Num, id, group, seq, s.clock.Now())
}

// Room names a large group.
type Room struct {
	App   AppNum
	Group ConversationNum
}

// Occupancy counts who follows large groups now.
type Occupancy interface {
	// Connections returns how many connections follow a group, of members and of
	// its live audience, on all nodes and within some seconds. ErrUnavailable when
	// that is not known.
	Connections(ctx context.Context, app AppNum, group ConversationNum) (int, error)
}

// Occupancies is the use case of asking how full a large group is.
type Occupancies struct {
	groups GroupStore
	count  Occupancy
}

// NewOccupancies returns the use case; both arguments are needed.
func NewOccupancies(groups GroupStore, count Occupancy) *Occupancies {
	return &Occupancies{groups: groups, count: count}
}

// Of returns how many connections follow a large group. Members may ask, and
// everybody where it has a live audience. bad_request, forbidden, not_in_group,
// group_not_found, unavailable.
func (s *Occupancies) Of(ctx context.Context, by Principal, id GroupID) (int, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return 0, err
	}
	if err := join(ValidateID("group_id", string(id))); err != nil {
		return 0, err
	}
	g, err := s.groups.Group(ctx, by.App.Num, id, by.User.Num)
	switch {
	case err != nil:
		return 0, err
	case by.ActsForUser() && g.MyRole == "" && !g.Settings.LiveAudience:
		return 0, ErrNotInGroup
	case g.Type != GroupLarge:
		return 0, ErrNotLarge
	}
	return s.count.Connections(ctx, by.App.Num, g.Num)
}

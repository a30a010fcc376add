package domain

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// GroupType says how messages of a group reach its members.
type GroupType string

// GroupNormal writes each message to every member's own log.
const GroupNormal GroupType = "normal"

// Role is what a member may do in a group.
type Role string

// The roles.
const (
	RoleOwner  Role = "owner"
	RoleMember Role = "member"
)

// Group is a conversation of many with a profile.
type Group struct {
	Num          ConversationNum
	ID           GroupID
	Type         GroupType
	Name         string
	Introduction string
	AvatarURL    string
	Extra        json.RawMessage
	Owner        UserID
	MemberCount  int
	MyRole       Role // of the caller; "" when the caller is no member
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Member is a user's membership of a group.
type Member struct {
	User     UserID
	Role     Role
	Label    string
	Extra    json.RawMessage
	JoinedAt time.Time
	ReadSeq  int64 // conversation_seq up to which the member has read
}

// GroupStore keeps groups and their members. Every change of members is in one
// order with the group's messages: a send that is accepted after the change
// sees it.
type GroupStore interface {
	// CreateGroup stores g with members (the owner among them, distinct). An id in
	// use is ErrGroupExists; unknown users are ErrUserNotFound naming each.
	CreateGroup(ctx context.Context, app AppNum, g Group, members []UserID) (Group, error)
	// Group returns a group as seen by viewer (0 is the business), or ErrGroupNotFound.
	Group(ctx context.Context, app AppNum, id GroupID, viewer UserNum) (Group, error)
	// AddMembers adds those of users who are no members yet and returns them, all
	// or none. ErrGroupNotFound; ErrUserNotFound naming each; bad_request above
	// limit; by (0 is the business) must be the owner, else ErrNotInGroup or forbidden.
	AddMembers(ctx context.Context, app AppNum, id GroupID, by UserNum, users []UserID, limit int, at time.Time) ([]UserID, error)
	// RemoveMember removes user. ErrGroupNotFound, ErrMemberNotFound; by (0 is the
	// business) must be the owner or the user itself, else ErrNotInGroup or
	// forbidden; the owner cannot be removed (forbidden).
	RemoveMember(ctx context.Context, app AppNum, id GroupID, by UserNum, user UserID) error
	// Members lists members by user id. ErrGroupNotFound; ErrNotInGroup when by
	// (0 is the business) is no member.
	Members(ctx context.Context, app AppNum, id GroupID, by UserNum, p Page) (List[Member], error)
	// AppByNum returns a live app, for its settings, or ErrAppNotFound.
	AppByNum(ctx context.Context, app AppNum) (App, error)
}

// Groups is the use case around groups and their members.
type Groups struct {
	store GroupStore
	ids   IDSource
	clock Clock
}

// NewGroups returns the use case; all arguments are needed.
func NewGroups(store GroupStore, ids IDSource, clock Clock) *Groups {
	return &Groups{store: store, ids: ids, clock: clock}
}

// Create makes a group. A user who creates becomes the owner and a member;
// where the business creates, g.Owner or else the first member is. An empty id
// is chosen by gim. bad_request, forbidden, group_exists, user_not_found.
func (s *Groups) Create(ctx context.Context, by Principal, g Group, members []UserID) (Group, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return Group{}, err
	}
	switch {
	case by.ActsForUser() && g.Owner != "" && g.Owner != by.User.ID:
		return Group{}, Invalid("/owner", "must be the caller, who creates the group")
	case by.ActsForUser():
		g.Owner = by.User.ID
	case g.Owner == "" && len(members) > 0:
		g.Owner = members[0]
	case g.Owner == "":
		return Group{}, Invalid("/owner", "or at least one member is required")
	}
	if g.Type == "" {
		g.Type = GroupNormal
	}
	if len(g.Extra) == 0 {
		g.Extra = json.RawMessage("{}")
	}
	if err := g.validate(); err != nil {
		return Group{}, err
	}
	members, err := s.checkMembers(ctx, by.App.Num, g.Owner, members)
	if err != nil {
		return Group{}, err
	}
	if g.ID == "" {
		g.ID = GroupID(s.ids.NewID())
	}
	g.CreatedAt = Millis(s.clock.Now())
	g.UpdatedAt = g.CreatedAt
	g, err = s.store.CreateGroup(ctx, by.App.Num, g, members)
	if err == nil && by.ActsForUser() {
		g.MyRole = RoleOwner
	}
	return g, err
}

func (g Group) validate() error {
	fails := []*Error{
		validateText("/name", g.Name, MaxName),
		validateText("/introduction", g.Introduction, MaxText),
		validateText("/avatar_url", g.AvatarURL, MaxText),
		validateExtra("/extra", g.Extra),
		ValidateID("/owner", string(g.Owner)),
	}
	if g.ID != "" {
		fails = append(fails, ValidateID("/group_id", string(g.ID)))
	}
	if g.Type != GroupNormal {
		fails = append(fails, Invalid("/type", "must be normal"))
	}
	return join(fails...)
}

// checkMembers returns the members as the caller listed them, so that what is
// said about an entry points at the right one, and behind them the owner unless
// the list has it.
func (s *Groups) checkMembers(ctx context.Context, app AppNum, owner UserID, members []UserID) ([]UserID, error) {
	if err := validateUserIDs("/members", members); err != nil {
		return nil, err
	}
	all := slices.Clone(members)
	if !slices.Contains(all, owner) {
		all = append(all, owner)
	}
	a, err := s.store.AppByNum(ctx, app)
	if err != nil {
		return nil, err
	}
	if len(all) > a.Settings.MaxGroupMembers {
		return nil, TooManyMembers("/members", a.Settings.MaxGroupMembers)
	}
	return all, nil
}

// TooManyMembers is the answer to what would make a group larger than limit.
func TooManyMembers(pointer string, limit int) *Error {
	return Invalid(pointer, "would give the group more than the %d members that it may have", limit)
}

func validateUserIDs(pointer string, users []UserID) error {
	seen := make(map[UserID]int, len(users))
	var fails []*Error
	for i, u := range users {
		at := fmt.Sprintf("%s/%d", pointer, i)
		fails = append(fails, ValidateID(at, string(u)))
		if first, dup := seen[u]; dup {
			fails = append(fails, Invalid(at, "is the same as entry %d", first))
		}
		seen[u] = i
	}
	return join(fails...)
}

// Get returns a group. bad_request, forbidden, group_not_found; a user who is
// no member gets not_in_group.
func (s *Groups) Get(ctx context.Context, by Principal, id GroupID) (Group, error) {
	if err := s.allow(by, id); err != nil {
		return Group{}, err
	}
	g, err := s.store.Group(ctx, by.App.Num, id, by.User.Num)
	if err == nil && by.ActsForUser() && g.MyRole == "" {
		return Group{}, ErrNotInGroup
	}
	return g, err
}

// AddMembers adds users to a group, all or none, and returns those who are new.
// bad_request, forbidden, not_in_group, group_not_found, user_not_found.
func (s *Groups) AddMembers(ctx context.Context, by Principal, id GroupID, users []UserID) ([]UserID, error) {
	if err := s.allow(by, id); err != nil {
		return nil, err
	}
	if len(users) == 0 || len(users) > MaxMemberBatch {
		return nil, Invalid("/user_ids", "must have between 1 and %d entries", MaxMemberBatch)
	}
	if err := validateUserIDs("/user_ids", users); err != nil {
		return nil, err
	}
	a, err := s.store.AppByNum(ctx, by.App.Num)
	if err != nil {
		return nil, err
	}
	return s.store.AddMembers(ctx, by.App.Num, id, by.User.Num, users, a.Settings.MaxGroupMembers, Millis(s.clock.Now()))
}

// RemoveMember removes a member; a user may remove itself ("me"). bad_request,
// forbidden, not_in_group, group_not_found, member_not_found.
func (s *Groups) RemoveMember(ctx context.Context, by Principal, id GroupID, user UserID) error {
	if err := s.allow(by, id); err != nil {
		return err
	}
	if user == idMe && by.ActsForUser() {
		user = by.User.ID
	}
	if err := ValidateID("user_id", string(user)); err != nil {
		return err
	}
	return s.store.RemoveMember(ctx, by.App.Num, id, by.User.Num, user)
}

// Members returns a page of members by user id. bad_request, forbidden,
// not_in_group, group_not_found.
func (s *Groups) Members(ctx context.Context, by Principal, id GroupID, p Page) (List[Member], error) {
	if err := s.allow(by, id); err != nil {
		return List[Member]{}, err
	}
	return s.store.Members(ctx, by.App.Num, id, by.User.Num, p)
}

func (s *Groups) allow(by Principal, id GroupID) error {
	if err := by.RequireUserOrApp(); err != nil {
		return err
	}
	return join(ValidateID("group_id", string(id)))
}

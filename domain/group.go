package domain

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
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
	Settings     GroupSettings
	Owner        UserID
	MemberCount  int
	MyRole       Role // of the caller; "" when the caller is no member
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DismissedAt  time.Time // zero while it lives
}

// Member is a user's membership of a group.
type Member struct {
	User       UserID
	Role       Role
	Label      string
	Extra      json.RawMessage
	JoinedAt   time.Time
	ReadSeq    int64     // conversation_seq up to which the member has read
	MutedUntil time.Time // may lie in the past; zero when never muted
}

// JoinRequest is a user's wish to become a member.
type JoinRequest struct {
	User      UserID
	Message   string
	CreatedAt time.Time
}

// GroupPatch changes a group; nil leaves a part as it is.
type GroupPatch struct {
	Type         *GroupType // to large only
	Name         *string
	Introduction *string
	AvatarURL    *string
	Extra        json.RawMessage
	Join         *JoinPolicy
	InviteBy     *InvitePolicy
	MuteAll      *bool
	MentionAllBy *MentionPolicy
	History      *HistoryRule
	LiveAudience *bool
}

// MemberPatch changes a membership; nil leaves a part as it is.
type MemberPatch struct {
	Role       *Role
	Label      *string
	Extra      json.RawMessage
	MutedUntil *time.Time // a moment that has passed ends a mute
}

// GroupState is a group with the users that a change is about, while nobody else
// changes it. What a change leaves in it becomes so.
type GroupState struct {
	Group Group // with the role of who changes it
	Users []GroupUser
	Owner GroupUser // may also be one of Users; then it is changed there
	// Events tell the members, after the change, and those whom it removes.
	Events []GroupEvent
}

// GroupUser is a user as a group knows it.
type GroupUser struct {
	ID      UserID
	Num     UserNum      // 0 when there is no such user
	Member  *Member      // nil when it is none
	Request *JoinRequest // nil when there is none
	Blocks  bool         // it has blocked who changes the group
}

// GroupStore keeps groups and their members. Every change of a group is in one
// order with its messages: a send that is accepted after the change sees it.
type GroupStore interface {
	// CreateGroup stores g with members (the owner among them, distinct) and tells
	// them of events. An id in use is ErrGroupExists; unknown users are
	// ErrUserNotFound naming each.
	CreateGroup(ctx context.Context, app AppNum, g Group, members []UserID, events ...GroupEvent) (Group, error)
	// Group returns a group as seen by viewer (0 is the business), or ErrGroupNotFound.
	Group(ctx context.Context, app AppNum, id GroupID, viewer UserNum) (Group, error)
	// Groups lists by id the groups of member, or all for 0, without those dismissed.
	Groups(ctx context.Context, app AppNum, member UserNum, p Page) (List[Group], error)
	// ChangeGroup makes of a group what change makes of its state, as seen by by (0 is
	// the business) and with users, which are distinct, in their order. change may
	// run more than once; its error ends it all. Type, profile, settings and DismissedAt
	// of the group are stored, members are added, changed and removed, and so are
	// requests; events are messages of the group. A membership of a large group begins
	// behind the last of them. ErrGroupNotFound.
	ChangeGroup(ctx context.Context, app AppNum, id GroupID, by UserNum, users []UserID, change func(*GroupState) error) (GroupState, error)
	// Members lists members in the order of their users' numbers. bad_request for a
	// cursor of another list.
	Members(ctx context.Context, app AppNum, group ConversationNum, p Page) (List[Member], error)
	// Member returns a member, or ErrMemberNotFound.
	Member(ctx context.Context, app AppNum, group ConversationNum, user UserID) (Member, error)
	// Heir returns who is next to own a group besides owner: the admin, or else the
	// member, who has been there longest; "" when there is nobody.
	Heir(ctx context.Context, app AppNum, group ConversationNum, owner UserNum) (UserID, error)
	// JoinRequests lists requests by user id.
	JoinRequests(ctx context.Context, app AppNum, group ConversationNum, p Page) (List[JoinRequest], error)
	// JoinRequest returns a user's request, or ErrJoinRequestNotFound.
	JoinRequest(ctx context.Context, app AppNum, group ConversationNum, user UserID) (JoinRequest, error)
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
	g.Settings.Join = cmp.Or(g.Settings.Join, JoinInvite)
	g.Settings.InviteBy = cmp.Or(g.Settings.InviteBy, InviteByAdmins)
	g.Settings.MentionAllBy = cmp.Or(g.Settings.MentionAllBy, MentionAllByAdmins)
	g.Settings.History = cmp.Or(g.Settings.History, HistoryJoined)
	if err := g.validate(); err != nil {
		return Group{}, err
	}
	members, err := s.checkMembers(ctx, by.App.Num, g, members)
	if err != nil {
		return Group{}, err
	}
	if g.ID == "" {
		g.ID = GroupID(s.ids.NewID())
	}
	g.CreatedAt = Millis(s.clock.Now())
	g.UpdatedAt = g.CreatedAt
	g, err = s.store.CreateGroup(ctx, by.App.Num, g, members, GroupEvent{EventGroupCreated, GroupEventData{
		By: by.User.ID, Type: g.typeToTell(), Name: &g.Name, Owner: g.Owner, MemberCount: len(members),
	}})
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
		g.Settings.validate(),
	}
	if g.ID != "" {
		fails = append(fails, ValidateID("/group_id", string(g.ID)))
	}
	switch {
	case g.Type != GroupNormal && g.Type != GroupLarge:
		fails = append(fails, Invalid("/type", "must be %s or %s", GroupNormal, GroupLarge))
	case g.Type != GroupLarge && g.Settings.LiveAudience:
		fails = append(fails, Invalid("/settings/live_audience", "is for groups of type %s", GroupLarge))
	}
	return join(fails...)
}

// checkMembers returns the members as the caller listed them, so that what is
// said about an entry points at the right one, and behind them the owner unless
// the list has it.
func (s *Groups) checkMembers(ctx context.Context, app AppNum, g Group, members []UserID) ([]UserID, error) {
	if err := validateUserIDs("/members", members); err != nil {
		return nil, err
	}
	all := slices.Clone(members)
	if !slices.Contains(all, g.Owner) {
		all = append(all, g.Owner)
	}
	a, err := s.store.AppByNum(ctx, app)
	if err != nil {
		return nil, err
	}
	if limit := a.Settings.memberLimit(g.Type); len(all) > limit {
		return nil, TooManyMembers("/members", limit)
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

// List returns a page of groups by id: those of a user, or all for the business.
// forbidden.
func (s *Groups) List(ctx context.Context, by Principal, p Page) (List[Group], error) {
	if err := by.RequireUserOrApp(); err != nil {
		return List[Group]{}, err
	}
	return s.store.Groups(ctx, by.App.Num, by.User.Num, p)
}

// Update changes profile and settings, and makes a normal group large. bad_request,
// forbidden, not_in_group, group_dismissed, group_not_found.
func (s *Groups) Update(ctx context.Context, by Principal, id GroupID, patch GroupPatch) (Group, error) {
	state, err := s.change(ctx, by, id, nil, func(g *GroupState, may rights) error {
		if err := may.atLeast(RoleAdmin); err != nil {
			return err
		}
		if data, changed := patch.data(g.Group); changed {
			data.By = by.User.ID
			g.tell(EventGroupChanged, data)
			g.Group.UpdatedAt = Millis(s.clock.Now())
		}
		if err := g.changeType(may, patch.Type, by.User.ID); err != nil {
			return err
		}
		if patch.apply(&g.Group); patch.Type != nil {
			g.Group.UpdatedAt = Millis(s.clock.Now())
		}
		return g.Group.validate()
	})
	return state.Group, err
}

// changeType makes the group one of type, nil to leave it.
func (g *GroupState) changeType(may rights, to *GroupType, by UserID) error {
	switch {
	case to == nil || *to == g.Group.Type:
		return nil
	case *to != GroupLarge:
		return Invalid("/type", "must be %s: a large group stays one", GroupLarge)
	}
	if err := may.atLeast(RoleOwner); err != nil {
		return err
	}
	g.convert(by)
	return nil
}

// convert makes a normal group large. What was sent before is in the members' own
// logs, and so is the event, which tells where that of the group begins.
func (g *GroupState) convert(by UserID) {
	g.Group.Type = GroupLarge
	g.tell(EventGroupConverted, GroupEventData{By: by, Type: GroupLarge})
}

// apply changes what the patch names.
func (p GroupPatch) apply(g *Group) {
	set(&g.Name, p.Name)
	set(&g.Introduction, p.Introduction)
	set(&g.AvatarURL, p.AvatarURL)
	if p.Extra != nil {
		g.Extra = p.Extra
	}
	set(&g.Settings.Join, p.Join)
	set(&g.Settings.InviteBy, p.InviteBy)
	set(&g.Settings.MuteAll, p.MuteAll)
	set(&g.Settings.MentionAllBy, p.MentionAllBy)
	set(&g.Settings.History, p.History)
	set(&g.Settings.LiveAudience, p.LiveAudience)
}

// Dismiss ends a group, which its members may still read. bad_request, forbidden,
// not_in_group, group_dismissed, group_not_found.
func (s *Groups) Dismiss(ctx context.Context, by Principal, id GroupID) error {
	_, err := s.change(ctx, by, id, nil, func(g *GroupState, may rights) error {
		if err := may.atLeast(RoleOwner); err != nil {
			return err
		}
		g.Group.DismissedAt = Millis(s.clock.Now())
		g.Group.UpdatedAt = g.Group.DismissedAt
		g.tell(EventGroupDismissed, GroupEventData{By: by.User.ID})
		return nil
	})
	return err
}

// change runs a change of the group on behalf of by, who has rights in it that
// decide asks for.
func (s *Groups) change(ctx context.Context, by Principal, id GroupID, users []UserID, decide func(*GroupState, rights) error) (GroupState, error) {
	if err := s.allow(by, id); err != nil {
		return GroupState{}, err
	}
	return s.store.ChangeGroup(ctx, by.App.Num, id, by.User.Num, users, func(g *GroupState) error {
		if !g.Group.DismissedAt.IsZero() {
			return ErrGroupDismissed
		}
		return decide(g, rights{business: !by.ActsForUser(), role: g.Group.MyRole})
	})
}

func (s *Groups) allow(by Principal, id GroupID) error {
	if err := by.RequireUserOrApp(); err != nil {
		return err
	}
	return join(ValidateID("group_id", string(id)))
}

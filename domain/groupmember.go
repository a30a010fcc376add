package domain

import (
	"context"
	"encoding/json"
	"fmt"
)

// AddMembers adds users to a group, all or none, and returns those who are new.
// bad_request, forbidden, not_in_group, group_dismissed, group_not_found,
// user_not_found, blocked.
func (s *Groups) AddMembers(ctx context.Context, by Principal, id GroupID, users []UserID) ([]UserID, error) {
	if len(users) == 0 || len(users) > MaxMemberBatch {
		return nil, Invalid("/user_ids", "must have between 1 and %d entries", MaxMemberBatch)
	}
	if err := validateUserIDs("/user_ids", users); err != nil {
		return nil, err
	}
	app, err := s.settings(ctx, by)
	if err != nil {
		return nil, err
	}
	var added []UserID
	_, err = s.change(ctx, by, id, users, func(g *GroupState, may rights) error {
		if err := may.invite(g.Group.Settings); err != nil {
			return err
		}
		if err := g.willing(func(i int) string { return fmt.Sprintf("/user_ids/%d", i) }); err != nil {
			return err
		}
		added = []UserID{}
		for i := range g.Users {
			if u := &g.Users[i]; u.Member == nil {
				s.add(u)
				added = append(added, u.ID)
			}
		}
		if len(added) > 0 {
			if err := g.makeRoom("/user_ids", len(added), app, by.User.ID); err != nil {
				return err
			}
			g.tell(EventMembersJoined, GroupEventData{By: by.User.ID, Type: g.Group.typeToTell(), Users: added})
		}
		return nil
	})
	return added, err
}

// PutMember makes a user a member and reports whether it is new: the caller joins
// (its own id), or adds another one as AddMembers does. bad_request, forbidden,
// approval_required, not_in_group, group_dismissed, group_not_found, user_not_found,
// blocked.
func (s *Groups) PutMember(ctx context.Context, by Principal, id GroupID, user UserID) (m Member, added bool, err error) {
	if user, err = memberID(by, user); err != nil {
		return Member{}, false, err
	}
	app, err := s.settings(ctx, by)
	if err != nil {
		return Member{}, false, err
	}
	state, err := s.change(ctx, by, id, []UserID{user}, func(g *GroupState, may rights) error {
		u := &g.Users[0]
		itself := by.ActsForUser() && user == by.User.ID
		if added = u.Member == nil; !added && itself {
			return nil
		}
		if err := mayAdd(g, may, itself); err != nil {
			return err
		}
		if err := g.willing(func(int) string { return "user_id" }); err != nil || !added {
			return err
		}
		if err := g.makeRoom("user_id", 1, app, by.User.ID); err != nil {
			return err
		}
		s.add(u)
		g.tell(EventMembersJoined, GroupEventData{By: by.User.ID, Type: g.Group.typeToTell(), Users: []UserID{u.ID}})
		return nil
	})
	if err != nil {
		return Member{}, false, err
	}
	return *state.Users[0].Member, added, nil
}

func mayAdd(g *GroupState, may rights, itself bool) error {
	switch {
	case !itself:
		return may.invite(g.Group.Settings)
	case g.Group.Settings.Join == JoinOpen:
		return nil
	case g.Group.Settings.Join == JoinApproval:
		return ErrApprovalRequired
	}
	return Failure(CodeForbidden, "Nobody joins this group alone: somebody in it has to add the user.")
}

// settings are those of the caller's app.
func (s *Groups) settings(ctx context.Context, by Principal) (AppSettings, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return AppSettings{}, err
	}
	a, err := s.store.AppByNum(ctx, by.App.Num)
	return a.Settings, err
}

// add makes u a member, which answers its request.
func (s *Groups) add(u *GroupUser) {
	u.Member = &Member{User: u.ID, Role: RoleMember, Extra: json.RawMessage("{}"), JoinedAt: Millis(s.clock.Now())}
	u.Request = nil
}

// willing names those who are no users, or who have blocked the one that would add
// them, by their place in the request.
func (g *GroupState) willing(pointer func(i int) string) error {
	unknown, blocked := Failure(CodeUserNotFound, ""), Failure(CodeBlocked, "")
	for i, u := range g.Users {
		switch {
		case u.Num == 0:
			unknown.Fields = append(unknown.Fields, FieldError{Pointer: pointer(i), Detail: "names no user"})
		case u.Blocks && u.Member == nil:
			blocked.Fields = append(blocked.Fields, FieldError{Pointer: pointer(i), Detail: "has blocked the user who would add it"})
		}
	}
	switch {
	case len(unknown.Fields) > 0:
		return unknown
	case len(blocked.Fields) > 0:
		return blocked
	}
	return nil
}

// makeRoom makes sure that the group may have so many more members: a normal one
// that may not becomes large where the app wants that.
func (g *GroupState) makeRoom(pointer string, added int, app AppSettings, by UserID) error {
	count := g.Group.MemberCount + added
	if limit := app.memberLimit(g.Group.Type); count <= limit {
		return nil
	} else if g.Group.Type == GroupLarge || !app.ConvertWhenFull || count > app.MaxLargeGroupMembers {
		return TooManyMembers(pointer, limit)
	}
	g.convert(by)
	return nil
}

// RemoveMember removes a member; a user may remove itself. bad_request, forbidden,
// not_in_group, group_dismissed, group_not_found, member_not_found.
func (s *Groups) RemoveMember(ctx context.Context, by Principal, id GroupID, user UserID) error {
	user, err := memberID(by, user)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, by, id, []UserID{user}, func(g *GroupState, may rights) error {
		u := &g.Users[0]
		itself := by.ActsForUser() && user == by.User.ID
		switch {
		case u.Member == nil && itself:
			return ErrNotInGroup
		case u.Member == nil:
			return orError(may.atLeast(RoleAdmin), ErrMemberNotFound)
		case u.Member.Role == RoleOwner && itself:
			return Failure(CodeForbidden, "The owner cannot leave the group: make another member the owner first, or dismiss the group.")
		case u.Member.Role == RoleOwner:
			return orError(may.atLeast(RoleAdmin), Failure(CodeForbidden, "The owner cannot be removed: make another member the owner first, or dismiss the group."))
		case itself:
			g.tell(EventMemberLeft, GroupEventData{User: u.ID})
		default:
			if err := may.over(u.Member); err != nil {
				return err
			}
			g.tell(EventMemberRemoved, GroupEventData{By: by.User.ID, User: u.ID})
		}
		u.Member = nil
		return nil
	})
	return err
}

// leaveAll makes a user who is about to be deleted leave its groups, one after the
// other, and gives those it owns to others. Groups that it joins meanwhile are left
// without a word when it is deleted.
func (s *Groups) leaveAll(ctx context.Context, app AppNum, user UserRef) error {
	for p := (Page{Limit: MaxPageSize}); ; {
		groups, err := s.store.Groups(ctx, app, user.Num, p)
		if err != nil {
			return err
		}
		for _, g := range groups.Items {
			if err := s.bequeath(ctx, app, user, g); err != nil {
				return err
			}
		}
		if p.Cursor = groups.NextCursor; p.Cursor == "" {
			return nil
		}
	}
}

// bequeath removes user from a group; an heir that has just left is replaced when
// the user is deleted.
func (s *Groups) bequeath(ctx context.Context, app AppNum, user UserRef, g Group) error {
	users := []UserID{user.ID}
	if g.Owner == user.ID {
		heir, err := s.store.Heir(ctx, app, g.Num, user.Num)
		if err != nil {
			return err
		}
		if heir != "" {
			users = append(users, heir)
		}
	}
	_, err := s.store.ChangeGroup(ctx, app, g.ID, 0, users, func(g *GroupState) error {
		u := &g.Users[0]
		switch {
		case u.Member == nil || !g.Group.DismissedAt.IsZero():
			return nil
		case u.Member.Role == RoleOwner && len(g.Users) == 2 && g.Users[1].Member != nil:
			g.Users[1].Member.Role = RoleOwner
			g.tell(EventRoleChanged, GroupEventData{Members: []GroupEventRole{{g.Users[1].ID, RoleOwner}}})
		case u.Member.Role == RoleOwner:
			return nil
		}
		g.tell(EventMemberLeft, GroupEventData{User: u.ID})
		u.Member = nil
		return nil
	})
	return err
}

func orError(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// UpdateMember changes a membership. Giving the role owner hands the group over;
// its former owner becomes an admin. bad_request, forbidden, not_in_group,
// group_dismissed, group_not_found, member_not_found.
func (s *Groups) UpdateMember(ctx context.Context, by Principal, id GroupID, user UserID, patch MemberPatch) (Member, error) {
	user, err := memberID(by, user)
	if err != nil {
		return Member{}, err
	}
	if err := patch.validate(); err != nil {
		return Member{}, err
	}
	state, err := s.change(ctx, by, id, []UserID{user}, func(g *GroupState, may rights) error {
		if err := may.atLeast(RoleMember); err != nil {
			return err
		}
		m := g.Users[0].Member
		if m == nil {
			return ErrMemberNotFound
		}
		itself := by.ActsForUser() && user == by.User.ID
		if err := g.describe(may, m, patch, by.User.ID, itself); err != nil {
			return err
		}
		if patch.MutedUntil != nil {
			if err := may.over(m); err != nil {
				return err
			}
			m.MutedUntil = Millis(*patch.MutedUntil)
			g.tell(EventMemberMuted, GroupEventData{By: by.User.ID, User: m.User, MuteUntil: m.MutedUntil.Format(timeLayout)})
		}
		return g.giveRole(may, m, patch.Role, by.User.ID)
	})
	if err != nil {
		return Member{}, err
	}
	return *state.Users[0].Member, nil
}

// timeLayout is that of times in contents, as in the rest of the API.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// describe changes label and extra.
func (g *GroupState) describe(may rights, m *Member, patch MemberPatch, by UserID, itself bool) error {
	if patch.Label == nil && patch.Extra == nil {
		return nil
	}
	if err := may.over(m); err != nil && !itself {
		return err
	}
	data := GroupEventData{By: by, User: m.User, Label: differing(patch.Label, m.Label)}
	set(&m.Label, patch.Label)
	if patch.Extra != nil && string(patch.Extra) != string(m.Extra) {
		m.Extra, data.Extra = patch.Extra, patch.Extra
	}
	if data.Label != nil || data.Extra != nil {
		g.tell(EventMemberChanged, data)
	}
	return nil
}

// giveRole changes the role of m, nil to leave it.
func (g *GroupState) giveRole(may rights, m *Member, role *Role, by UserID) error {
	if role == nil {
		return nil
	}
	if err := may.atLeast(RoleOwner); err != nil {
		return err
	}
	changed := []GroupEventRole{{m.User, *role}}
	switch {
	case m.Role == *role:
		return nil
	case m.Role == RoleOwner:
		return Failure(CodeForbidden, "A group has an owner: make another member the owner instead.")
	case *role == RoleOwner && g.Owner.Member != nil: // none only where the last one was deleted with nobody else there
		g.Owner.Member.Role = RoleAdmin
		changed = append(changed, GroupEventRole{g.Owner.ID, RoleAdmin})
		if g.Group.Owner = m.User; !may.business {
			g.Group.MyRole = RoleAdmin
		}
	}
	m.Role = *role
	g.tell(EventRoleChanged, GroupEventData{By: by, Members: changed})
	return nil
}

func (p MemberPatch) validate() error {
	var fails []*Error
	if p.Role != nil && p.Role.rank() == 0 {
		fails = append(fails, Invalid("/role", "must be %s, %s or %s", RoleOwner, RoleAdmin, RoleMember))
	}
	if p.Label != nil {
		fails = append(fails, validateText("/label", *p.Label, MaxText))
	}
	if p.Extra != nil {
		fails = append(fails, validateExtra("/extra", p.Extra))
	}
	if p.MutedUntil != nil && (p.MutedUntil.UnixMilli() < 0 || p.MutedUntil.Year() > 9999) {
		fails = append(fails, Invalid("/mute_until", "must be between the years 1970 and 9999"))
	}
	return join(fails...)
}

// Members returns a page of members in the order in which their users were made. bad_request, forbidden,
// not_in_group, group_not_found.
func (s *Groups) Members(ctx context.Context, by Principal, id GroupID, p Page) (List[Member], error) {
	g, err := s.Get(ctx, by, id)
	if err != nil {
		return List[Member]{}, err
	}
	return s.store.Members(ctx, by.App.Num, g.Num, p)
}

// Member returns a member. bad_request, forbidden, not_in_group, group_not_found,
// member_not_found.
func (s *Groups) Member(ctx context.Context, by Principal, id GroupID, user UserID) (Member, error) {
	user, err := memberID(by, user)
	if err != nil {
		return Member{}, err
	}
	g, err := s.Get(ctx, by, id)
	if err != nil {
		return Member{}, err
	}
	return s.store.Member(ctx, by.App.Num, g.Num, user)
}

// memberID resolves "me" and checks what else a user is named by.
func memberID(by Principal, user UserID) (UserID, error) {
	if user == idMe && by.ActsForUser() {
		return by.User.ID, nil
	}
	return user, join(ValidateID("user_id", string(user)))
}

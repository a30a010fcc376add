package domain

import "context"

// PutJoinRequest asks for the caller to become a member, and reports whether that
// is new. bad_request, forbidden, group_dismissed, group_not_found.
func (s *Groups) PutJoinRequest(ctx context.Context, by Principal, id GroupID, user UserID, message string) (r JoinRequest, added bool, err error) {
	if err := by.RequireUser(); err != nil {
		return JoinRequest{}, false, err
	}
	if user, err = memberID(by, user); err != nil {
		return JoinRequest{}, false, err
	}
	if user != by.User.ID {
		return JoinRequest{}, false, Failure(CodeForbidden, "A user asks for itself only.")
	}
	if err := join(validateText("/message", message, MaxText)); err != nil {
		return JoinRequest{}, false, err
	}
	state, err := s.change(ctx, by, id, []UserID{user}, func(g *GroupState, _ rights) error {
		u := &g.Users[0]
		switch join := g.Group.Settings.Join; {
		case u.Member != nil:
			return Failure(CodeForbidden, "The user is a member of the group already.")
		case join == JoinOpen:
			return Failure(CodeForbidden, "The group is open: join it instead of asking.")
		case join != JoinApproval:
			return mayAdd(g, rights{}, true)
		}
		if added = u.Request == nil; added {
			u.Request = &JoinRequest{User: u.ID, CreatedAt: Millis(s.clock.Now())}
		}
		u.Request.Message = message
		return nil
	})
	if err != nil {
		return JoinRequest{}, false, err
	}
	return *state.Users[0].Request, added, nil
}

// DeleteJoinRequest takes back the caller's request, or turns down that of
// another. bad_request, forbidden, not_in_group, group_dismissed, group_not_found,
// join_request_not_found.
func (s *Groups) DeleteJoinRequest(ctx context.Context, by Principal, id GroupID, user UserID) error {
	user, err := memberID(by, user)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, by, id, []UserID{user}, func(g *GroupState, may rights) error {
		if !by.ActsForUser() || user != by.User.ID {
			if err := may.atLeast(RoleAdmin); err != nil {
				return err
			}
		}
		if g.Users[0].Request == nil {
			return ErrJoinRequestNotFound
		}
		g.Users[0].Request = nil
		return nil
	})
	return err
}

// JoinRequest returns a request: the caller's own, or that of another for admins.
// bad_request, forbidden, not_in_group, group_not_found, join_request_not_found.
func (s *Groups) JoinRequest(ctx context.Context, by Principal, id GroupID, user UserID) (JoinRequest, error) {
	user, err := memberID(by, user)
	if err != nil {
		return JoinRequest{}, err
	}
	g, err := s.judge(ctx, by, id, by.ActsForUser() && user == by.User.ID)
	if err != nil {
		return JoinRequest{}, err
	}
	return s.store.JoinRequest(ctx, by.App.Num, g.Num, user)
}

// JoinRequests returns a page of requests by user id. bad_request, forbidden,
// not_in_group, group_not_found.
func (s *Groups) JoinRequests(ctx context.Context, by Principal, id GroupID, p Page) (List[JoinRequest], error) {
	g, err := s.judge(ctx, by, id, false)
	if err != nil {
		return List[JoinRequest]{}, err
	}
	return s.store.JoinRequests(ctx, by.App.Num, g.Num, p)
}

// judge returns a group to who may see its requests: anybody its own.
func (s *Groups) judge(ctx context.Context, by Principal, id GroupID, own bool) (Group, error) {
	if err := s.allow(by, id); err != nil {
		return Group{}, err
	}
	g, err := s.store.Group(ctx, by.App.Num, id, by.User.Num)
	if err != nil || own {
		return g, err
	}
	return g, rights{business: !by.ActsForUser(), role: g.MyRole}.atLeast(RoleAdmin)
}

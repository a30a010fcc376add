package domain

// Role is what a member may do in a group.
type Role string

// The roles. A group has one owner.
const (
	RoleOwner  Role = "owner"
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

// rank orders roles; who is no member has none.
func (r Role) rank() int {
	switch r {
	case RoleOwner:
		return 3
	case RoleAdmin:
		return 2
	case RoleMember:
		return 1
	}
	return 0
}

// MaySpeakMuted reports whether a mute of the whole group leaves r its voice.
func (r Role) MaySpeakMuted() bool { return r.rank() >= RoleAdmin.rank() }

// MayMentionAll reports whether r may mention all of a group with these settings.
func (r Role) MayMentionAll(s MentionPolicy) bool {
	return r.rank() >= RoleAdmin.rank() || r == RoleMember && s == MentionAllByMembers
}

// rights are what somebody may do in a group: the business everything that keeps
// the group whole, a member what its role allows, anybody else nothing.
type rights struct {
	business bool
	role     Role // "" for who is no member
}

// atLeast refuses who has less than a role.
func (r rights) atLeast(role Role) error {
	switch {
	case r.business || r.role.rank() >= role.rank():
		return nil
	case r.role == "":
		return ErrNotInGroup
	case role == RoleOwner:
		return Failure(CodeForbidden, "Only the owner of the group may do this.")
	}
	return Failure(CodeForbidden, "Only the owner and the admins of the group may do this.")
}

// over refuses who is no admin, or does not rank above the member.
func (r rights) over(m *Member) error {
	if err := r.atLeast(RoleAdmin); err != nil {
		return err
	}
	if !r.business && r.role.rank() <= m.Role.rank() {
		return Failure(CodeForbidden, "Only somebody of a higher role may do this to a member of role %s.", m.Role)
	}
	return nil
}

// invite refuses who may not add others.
func (r rights) invite(s GroupSettings) error {
	if s.InviteBy == InviteByMembers {
		return r.atLeast(RoleMember)
	}
	return r.atLeast(RoleAdmin)
}

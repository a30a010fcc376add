package domain

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Sex is what a profile says; "" is not said.
type Sex string

// The values of Sex.
const (
	SexUnknown Sex = "unknown"
	SexMale    Sex = "male"
	SexFemale  Sex = "female"
	SexOther   Sex = "other"
)

// User is a user of an app with the profile that others see.
type User struct {
	Num       UserNum
	ID        UserID
	Nickname  string
	Sex       Sex
	AvatarURL string
	Extra     json.RawMessage // a JSON object, compact
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Ref returns the user's names.
func (u User) Ref() UserRef { return UserRef{Num: u.Num, ID: u.ID} }

func (u User) validate(prefix string) *Error {
	fail := join(
		ValidateID(prefix+"/user_id", string(u.ID)),
		validateText(prefix+"/nickname", u.Nickname, MaxName),
		validateText(prefix+"/avatar_url", u.AvatarURL, MaxText),
		validateExtra(prefix+"/extra", u.Extra),
		u.validateSex(prefix+"/sex"),
	)
	if fail == nil {
		return nil
	}
	return fail.(*Error) //nolint:errorlint,forcetypeassert // join returns *Error or nil
}

func (u User) validateSex(pointer string) *Error {
	switch u.Sex {
	case SexUnknown, SexMale, SexFemale, SexOther:
		return nil
	}
	return Invalid(pointer, "must be one of unknown, male, female, other")
}

// UserPatch changes a profile; nil leaves a part as it is.
type UserPatch struct {
	Nickname  *string
	Sex       *Sex
	AvatarURL *string
	Extra     json.RawMessage
}

// UserStore keeps users.
type UserStore interface {
	// UpsertUsers creates or replaces users, all or none, and returns them in
	// order with whether each is new. ids are distinct.
	UpsertUsers(ctx context.Context, app AppNum, users []User) ([]User, []bool, error)
	// User returns a live user or ErrUserNotFound.
	User(ctx context.Context, app AppNum, id UserID) (User, error)
	// Users lists live users by id.
	Users(ctx context.Context, app AppNum, p Page) (List[User], error)
	// UpdateUser applies change in one transaction; change may run more than once. ErrUserNotFound.
	UpdateUser(ctx context.Context, app AppNum, id UserID, change func(*User) error) (User, error)
	// DeleteUser ends a user: tokens and devices stop, groups are left, the block
	// list is gone, the id becomes free; messages stay with those who got them. ErrUserNotFound.
	DeleteUser(ctx context.Context, app AppNum, id UserID, at time.Time) error
}

// Users is the use case around profiles.
type Users struct {
	store  UserStore
	groups *Groups
	clock  Clock
}

// NewUsers returns the use case; all arguments are needed.
func NewUsers(store UserStore, groups *Groups, clock Clock) *Users {
	return &Users{store: store, groups: groups, clock: clock}
}

// Put creates a user or replaces its profile, and reports whether it is new. A
// user token only replaces: one that outlives its user by a moment must not
// bring the user back. bad_request, forbidden, unauthorized.
func (s *Users) Put(ctx context.Context, by Principal, u User) (User, bool, error) {
	if err := s.allow(by, u.ID); err != nil {
		return User{}, false, err
	}
	if by.Kind == PrincipalUser {
		u, err := s.replace(ctx, by, u)
		return u, false, err
	}
	users, created, err := s.upsert(ctx, by.App.Num, []User{u}, func(int) string { return "" })
	if err != nil {
		return User{}, false, err
	}
	return users[0], created[0], nil
}

// PutBatch is Put for up to MaxUserBatch users, all or none. bad_request, forbidden.
func (s *Users) PutBatch(ctx context.Context, by Principal, users []User) ([]User, error) {
	if err := by.RequireApp(); err != nil {
		return nil, err
	}
	if len(users) == 0 || len(users) > MaxUserBatch {
		return nil, Invalid("/users", "must have between 1 and %d entries", MaxUserBatch)
	}
	seen := make(map[UserID]int, len(users))
	for i, u := range users {
		if first, dup := seen[u.ID]; dup {
			return nil, Invalid(fmt.Sprintf("/users/%d/user_id", i), "is the same as in entry %d", first)
		}
		seen[u.ID] = i
	}
	out, _, err := s.upsert(ctx, by.App.Num, users, func(i int) string { return fmt.Sprintf("/users/%d", i) })
	return out, err
}

func (s *Users) upsert(ctx context.Context, app AppNum, users []User, prefix func(int) string) ([]User, []bool, error) {
	now := Millis(s.clock.Now())
	fails := make([]*Error, len(users))
	for i := range users {
		u := &users[i]
		u.CreatedAt, u.UpdatedAt = now, now
		u.complete()
		fails[i] = u.validate(prefix(i))
	}
	if err := join(fails...); err != nil {
		return nil, nil, err
	}
	return s.store.UpsertUsers(ctx, app, users)
}

// complete fills in what a new profile may leave out.
func (u *User) complete() {
	if u.Sex == "" {
		u.Sex = SexUnknown
	}
	if len(u.Extra) == 0 {
		u.Extra = json.RawMessage("{}")
	}
}

// replace gives the user that by is a new profile, or ErrUnauthorized when that
// user is gone, also where another one has its id by now.
func (s *Users) replace(ctx context.Context, by Principal, u User) (User, error) {
	u.complete()
	u, err := s.store.UpdateUser(ctx, by.App.Num, u.ID, func(old *User) error {
		if old.Num != by.User.Num {
			return ErrUnauthorized
		}
		old.Nickname, old.Sex, old.AvatarURL, old.Extra = u.Nickname, u.Sex, u.AvatarURL, u.Extra
		old.UpdatedAt = Millis(s.clock.Now())
		return join(old.validate(""))
	})
	if CodeOf(err) == CodeUserNotFound {
		err = ErrUnauthorized
	}
	return u, err
}

// Get returns a user. bad_request, forbidden, user_not_found.
func (s *Users) Get(ctx context.Context, by Principal, id UserID) (User, error) {
	if err := s.allow(by, id); err != nil {
		return User{}, err
	}
	return s.store.User(ctx, by.App.Num, id)
}

// List returns a page of the app's users by id. forbidden.
func (s *Users) List(ctx context.Context, by Principal, p Page) (List[User], error) {
	if err := by.RequireApp(); err != nil {
		return List[User]{}, err
	}
	return s.store.Users(ctx, by.App.Num, p)
}

// Update changes parts of a profile. bad_request, forbidden, user_not_found.
func (s *Users) Update(ctx context.Context, by Principal, id UserID, patch UserPatch) (User, error) {
	if err := s.allow(by, id); err != nil {
		return User{}, err
	}
	return s.store.UpdateUser(ctx, by.App.Num, id, func(u *User) error {
		if patch.Nickname != nil {
			u.Nickname = *patch.Nickname
		}
		if patch.Sex != nil {
			u.Sex = *patch.Sex
		}
		if patch.AvatarURL != nil {
			u.AvatarURL = *patch.AvatarURL
		}
		if patch.Extra != nil {
			u.Extra = patch.Extra
		}
		u.UpdatedAt = Millis(s.clock.Now())
		return join(u.validate(""))
	})
}

// Delete ends a user, after it has left its groups; what fails in between is gone
// on with by the next call. bad_request, forbidden, user_not_found.
func (s *Users) Delete(ctx context.Context, by Principal, id UserID) error {
	if err := s.allow(by, id); err != nil {
		return err
	}
	u, err := s.store.User(ctx, by.App.Num, id)
	if err != nil {
		return err
	}
	if err := s.groups.leaveAll(ctx, by.App.Num, u.Ref()); err != nil {
		return err
	}
	return s.store.DeleteUser(ctx, by.App.Num, id, s.clock.Now())
}

func (s *Users) allow(by Principal, id UserID) error {
	if err := by.RequireUserOrApp(); err != nil {
		return err
	}
	if err := ValidateID("user_id", string(id)); err != nil {
		return err
	}
	return by.RequireSelf(id)
}

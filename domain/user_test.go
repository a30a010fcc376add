package domain

import (
	"context"
	"errors"
	"testing"
)

// oneUser is a store that has one user, or none.
type oneUser struct {
	UserStore
	user    *User
	created int
}

func (s *oneUser) UpsertUsers(_ context.Context, _ AppNum, users []User) ([]User, []bool, error) {
	s.created++
	return users, make([]bool, len(users)), nil
}

func (s *oneUser) UpdateUser(_ context.Context, _ AppNum, id UserID, change func(*User) error) (User, error) {
	if s.user == nil || s.user.ID != id {
		return User{}, ErrUserNotFound
	}
	u := *s.user
	if err := change(&u); err != nil {
		return User{}, err
	}
	s.user = &u
	return u, nil
}

func TestPutUser_TokenOfADeletedUserBringsNobodyBack(t *testing.T) {
	t.Parallel()
	alice := Principal{Kind: PrincipalUser, App: AppRef{Num: 1, ID: "shop"}, User: UserRef{Num: 7, ID: "alice"}}
	for name, store := range map[string]*oneUser{
		"deleted":                      {},
		"another has the id meanwhile": {user: &User{Num: 8, ID: "alice", Nickname: "other", Sex: SexUnknown}},
	} {
		_, _, err := NewUsers(store, nil, SystemClock{}).Put(t.Context(), alice, User{ID: "alice", Nickname: "Alice"})
		if !errors.Is(err, ErrUnauthorized) || store.created > 0 || (store.user != nil && store.user.Nickname != "other") {
			t.Errorf("%s: %v, created %d, %+v", name, err, store.created, store.user)
		}
	}
}

func TestPutUser_UserReplacesItsWholeProfile(t *testing.T) {
	t.Parallel()
	store := &oneUser{user: &User{Num: 7, ID: "alice", Nickname: "A", Sex: SexFemale, AvatarURL: "https://a.example/a.png"}}
	alice := Principal{Kind: PrincipalUser, App: AppRef{Num: 1, ID: "shop"}, User: UserRef{Num: 7, ID: "alice"}}
	u, created, err := NewUsers(store, nil, SystemClock{}).Put(t.Context(), alice, User{ID: "alice", Nickname: "Alice"})
	if err != nil || created {
		t.Fatalf("created %v, %v", created, err)
	}
	if u.Num != 7 || u.Nickname != "Alice" || u.Sex != SexUnknown || u.AvatarURL != "" || string(u.Extra) != "{}" {
		t.Errorf("got %+v", u)
	}
}

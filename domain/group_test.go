package domain_test

import (
	"context"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/google/go-cmp/cmp"
)

// groupStore remembers the members that a group was created with.
type groupStore struct {
	domain.GroupStore
	members []domain.UserID
}

func (s *groupStore) AppByNum(context.Context, domain.AppNum) (domain.App, error) {
	return domain.App{Settings: domain.DefaultAppSettings()}, nil
}

func (s *groupStore) CreateGroup(_ context.Context, _ domain.AppNum, g domain.Group, members []domain.UserID, _ ...domain.GroupEvent) (domain.Group, error) {
	s.members = members
	return g, nil
}

// The store points at entries that are no users; they are the caller's only as
// long as nothing comes before them.
func TestGroups_CreateKeepsTheCallersListInFront(t *testing.T) {
	t.Parallel()
	business := domain.Principal{Kind: domain.PrincipalApp}
	for _, c := range []struct {
		owner         domain.UserID
		members, want []domain.UserID
	}{
		{"o", []domain.UserID{"a", "b"}, []domain.UserID{"a", "b", "o"}},
		{"b", []domain.UserID{"a", "b", "c"}, []domain.UserID{"a", "b", "c"}},
		{"", []domain.UserID{"a", "b"}, []domain.UserID{"a", "b"}},
		{"o", nil, []domain.UserID{"o"}},
	} {
		store := &groupStore{}
		groups := domain.NewGroups(store, nil, domain.SystemClock{})
		if _, err := groups.Create(t.Context(), business, domain.Group{ID: "g", Owner: c.owner}, c.members); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, store.members); diff != "" {
			t.Errorf("owner %q with %q (-want +got):\n%s", c.owner, c.members, diff)
		}
	}
}

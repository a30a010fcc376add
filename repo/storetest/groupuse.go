package storetest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
)

// groupsOf returns the use case over a store, at a time and with a limit of members.
// The rules are the domain's; what they make of a group is the store's.
func groupsOf(store domain.GroupStore, limit int, at time.Time) *domain.Groups {
	return domain.NewGroups(limited{store, limit}, nil, clockAt(at))
}

type limited struct {
	domain.GroupStore
	limit int
}

// AppByNum returns nothing but the limit.
func (l limited) AppByNum(context.Context, domain.AppNum) (domain.App, error) {
	return domain.App{Settings: domain.AppSettings{MaxGroupMembers: l.limit, MaxLargeGroupMembers: l.limit}}, nil
}

// ChangeGroup tells nobody: logs stay those of the messages that a test sends.
func (l limited) ChangeGroup(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, users []domain.UserID, change func(*domain.GroupState) error) (domain.GroupState, error) {
	return l.GroupStore.ChangeGroup(ctx, app, id, by, users, func(g *domain.GroupState) error {
		err := change(g)
		g.Events = nil
		return err
	})
}

type clockAt time.Time

// Now implements domain.Clock.
func (c clockAt) Now() time.Time { return time.Time(c) }

// callerOf is user, or the business for the zero value.
func callerOf(app domain.AppNum, user domain.UserRef) domain.Principal {
	p := domain.Principal{Kind: domain.PrincipalApp, App: domain.AppRef{Num: app}, User: user}
	if user.Num != 0 {
		p.Kind = domain.PrincipalUser
	}
	return p
}

func (w *world) caller(user domain.UserRef) domain.Principal { return callerOf(w.app.Num, user) }

func (w *world) groups() *domain.Groups { return groupsOf(w.store, 10, epoch) }

func (w *world) add(id domain.GroupID, by domain.UserRef, limit int, users ...domain.UserID) ([]domain.UserID, error) {
	return groupsOf(w.store, limit, epoch).AddMembers(w.ctx, w.caller(by), id, users)
}

func (w *world) remove(id domain.GroupID, by domain.UserRef, user domain.UserID) error {
	return w.groups().RemoveMember(w.ctx, w.caller(by), id, user)
}

func (w *world) membersOf(id domain.GroupID) []domain.Member {
	w.Helper()
	page, err := w.groups().Members(w.ctx, w.caller(domain.UserRef{}), id, domain.Page{Limit: domain.MaxPageSize})
	w.ok(err)
	slices.SortFunc(page.Items, func(a, b domain.Member) int { return cmp.Compare(a.User, b.User) })
	return page.Items
}

package domain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// purse is a limiter with as much for each key as was put in.
type purse map[LimitKey]int

func (p purse) AllowN(key LimitKey, n int) (bool, time.Duration) {
	if p[key] < n {
		return false, time.Duration(n) * time.Second
	}
	p[key] -= n
	return true, 0
}

func (p purse) GiveBack(key LimitKey, n int) { p[key] += n }

// sizes are those of groups, and what was asked.
type sizes struct {
	of    map[GroupID]int
	err   error
	asked int
}

func (s *sizes) GroupSize(_ context.Context, app AppNum, group GroupID) (int, error) {
	if s.asked++; app != alice.App.Num {
		return 0, fmt.Errorf("app %d was asked for", app)
	}
	return s.of[group], s.err
}

// store is a fakeBack with an answer to Append.
type store struct {
	*fakeBack
	receipt Receipt
	err     error
}

func (s *store) Append(ctx context.Context, out Outgoing) (Receipt, error) {
	_, _ = s.fakeBack.Append(ctx, out) // never fails
	return s.receipt, s.err
}

// limited is a messenger whose limits have 100 for everybody concerned.
type limited struct {
	*Messenger
	store               *store
	sizes               *sizes
	users, groups, apps purse
}

var (
	ofAlice = LimitKey{App: 1, User: 7}
	ofTeam  = LimitKey{App: 1, Group: "team"}
	ofApp   = LimitKey{App: 1}
)

func newLimited() *limited {
	l := &limited{
		store: &store{fakeBack: &fakeBack{}}, sizes: &sizes{of: map[GroupID]int{"team": 30, "crowd": 101}},
		users: purse{ofAlice: 100}, groups: purse{ofTeam: 100, {App: 1, Group: "crowd"}: 100}, apps: purse{ofApp: 100},
	}
	l.Messenger = NewMessenger(MessengerOptions{
		Messages: l.store, Logs: l.store, Notifier: l.store, Publisher: l.store, IDs: l.store, Clock: SystemClock{}, Signals: l.store,
		Limiter: l.users, SignalLimiter: l.users, GroupLimiter: l.groups, AppLimiter: l.apps, GroupSizes: l.sizes,
	})
	return l
}

func (l *limited) left() string {
	return fmt.Sprint(l.users[ofAlice], l.groups[ofTeam], l.apps[ofApp])
}

func to(target Target) SendParams {
	p := hello()
	p.To = target
	return p
}

func TestSend_ChargesEachWhoGetsTheMessage(t *testing.T) {
	t.Parallel()
	passing := to(Target{Group: "team"})
	passing.Ephemeral = true
	for name, c := range map[string]struct {
		by   Principal
		p    SendParams
		left string // of user, group and app
	}{
		"a single chat":            {alice, to(Target{User: "bob"}), "99 100 98"},
		"oneself":                  {alice, to(Target{User: "alice"}), "99 100 99"},
		"from the business":        {business, to(Target{User: "bob"}), "100 100 99"},
		"a group":                  {alice, to(Target{Group: "team"}), "99 70 70"},
		"the business, to a group": {business, to(Target{Group: "team"}), "100 70 70"},
		"not stored":               {alice, passing, "99 70 70"},
		"no such group":            {alice, to(Target{Group: "none"}), "99 100 100"},
	} {
		l := newLimited()
		if _, err := l.Send(t.Context(), c.by, c.p); err != nil || l.left() != c.left {
			t.Errorf("%s: %v, and left are %s, want %s", name, err, l.left(), c.left)
		}
	}
}

func TestSend_LimitThatRefusesIsNamedAndNothingIsCharged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spend      func(l *limited)
		to         Target
		limit, say string
		wait       time.Duration
	}{
		"user":            {func(l *limited) { l.users[ofAlice] = 0 }, Target{Group: "team"}, LimitSends, "This user", time.Second},
		"group":           {func(l *limited) { l.groups[ofTeam] = 29 }, Target{Group: "team"}, LimitGroupDeliveries, "This group", 30 * time.Second},
		"app, by a group": {func(l *limited) { l.apps[ofApp] = 29 }, Target{Group: "team"}, LimitAppDeliveries, "This app", 30 * time.Second},
		"app, by a user":  {func(l *limited) { l.apps[ofApp] = 1 }, Target{User: "bob"}, LimitAppDeliveries, "This app", 2 * time.Second},
	} {
		l := newLimited()
		c.spend(l)
		before := l.left()
		_, err := l.Send(t.Context(), alice, to(c.to))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeRateLimited || e.Limit != c.limit || e.RetryAfter != c.wait || !strings.Contains(e.Detail, c.say) {
			t.Errorf("%s: %v", name, err)
		}
		if l.left() != before || len(l.store.appended) > 0 {
			t.Errorf("%s: left are %s of %s, appended %d", name, l.left(), before, len(l.store.appended))
		}
	}
}

// Strangers who send to a group, and everybody who repeats, must not use up what
// the others may do. What may have been stored stays charged.
func TestSend_WhatReachedNobodyCostsNoDeliveries(t *testing.T) {
	t.Parallel()
	const charged, free = "99 70 70", "99 100 100"
	for name, c := range map[string]struct {
		receipt Receipt
		err     error
		left    string
	}{
		"stored":      {Receipt{Durable: true}, nil, charged},
		"repeated":    {Receipt{Durable: true, Repeated: true}, nil, free},
		"no member":   {Receipt{}, ErrNotInGroup, free},
		"unavailable": {Receipt{}, ErrUnavailable, charged},
		"given up":    {Receipt{}, context.Canceled, charged},
	} {
		l := newLimited()
		l.store.receipt, l.store.err = c.receipt, c.err
		if _, err := l.Send(t.Context(), alice, to(Target{Group: "team"})); !errors.Is(err, c.err) || l.left() != c.left {
			t.Errorf("%s: %v, and left are %s, want %s", name, err, l.left(), c.left)
		}
	}
}

func TestSend_SizeThatCannotBeReadFailsTheSend(t *testing.T) {
	t.Parallel()
	l := newLimited()
	l.sizes.err = ErrUnavailable
	if _, err := l.Send(t.Context(), alice, to(Target{Group: "team"})); !errors.Is(err, ErrUnavailable) || l.left() != "100 100 100" {
		t.Errorf("%v, left %s", err, l.left())
	}
}

func TestSend_WithoutLimitsOfDeliveriesNothingIsLookedUp(t *testing.T) {
	t.Parallel()
	l := newLimited()
	l.limitApps, l.limitGroups = nil, nil
	if _, err := l.Send(t.Context(), alice, to(Target{Group: "team"})); err != nil || l.sizes.asked != 0 || l.left() != "99 100 100" {
		t.Errorf("%v, %d look-ups, left %s", err, l.sizes.asked, l.left())
	}
	l.limitApps = l.apps // one without the other
	if _, err := l.Send(t.Context(), alice, to(Target{Group: "team"})); err != nil || l.left() != "98 100 70" {
		t.Errorf("the app alone: %v, left %s", err, l.left())
	}
}

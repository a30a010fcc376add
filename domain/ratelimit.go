package domain

import (
	"context"
	"errors"
	"time"
)

// Limiter bounds how much may happen in a time. It may be used concurrently.
type Limiter interface {
	// AllowN reports whether key may do now what costs n, and charges it for that,
	// else how long it has to wait; then nothing is charged. What costs more than
	// key may ever have at once is allowed when it has all of that.
	AllowN(key LimitKey, n int) (ok bool, wait time.Duration)
	// GiveBack takes back what AllowN charged, for something that did not happen.
	GiveBack(key LimitKey, n int)
}

// LimitKey names who is limited: a user or a group of an app, or, with neither,
// the app.
type LimitKey struct {
	App   AppNum
	User  UserNum
	Group GroupID
}

// GroupSizer tells how many members groups have.
type GroupSizer interface {
	// GroupSize returns the number of members of a group; 0 when there is no such group.
	GroupSize(ctx context.Context, app AppNum, group GroupID) (int, error)
}

// The limits, as Error.Limit names them.
const (
	LimitSends           = "sends" // of a user, in messages
	LimitGroupDeliveries = "group-deliveries"
	LimitAppDeliveries   = "app-deliveries"
)

// charge is what something costs by one limit.
type charge struct {
	limiter       Limiter
	key           LimitKey
	cost          int
	limit, detail string // of the refusal
}

// charges are taken all together, or none of them.
type charges []charge

// take charges all, or reports rate_limited for the first that has to wait.
func (cs charges) take() error {
	for i, c := range cs {
		if ok, wait := c.limiter.AllowN(c.key, c.cost); !ok {
			cs[:i].giveBack()
			return &Error{Code: CodeRateLimited, Detail: c.detail, Limit: c.limit, RetryAfter: wait}
		}
	}
	return nil
}

func (cs charges) giveBack() {
	for _, c := range cs {
		c.limiter.GiveBack(c.key, c.cost)
	}
}

// ofUser is what a user is charged for one send or signal; the business is not.
func ofUser(by Principal, limiter Limiter, detail string) charges {
	if !by.ActsForUser() {
		return nil
	}
	return charges{{limiter, LimitKey{App: by.App.Num, User: by.User.Num}, 1, LimitSends, detail}}
}

// ofDeliveries is what a message costs its group and its app, one for each user
// who gets it. Without such limits it looks nothing up.
func (m *Messenger) ofDeliveries(ctx context.Context, app AppNum, from UserID, to Target) (cs charges, err error) {
	if m.limitGroups == nil && m.limitApps == nil {
		return nil, nil
	}
	cost := 2
	if from == "" || from == to.User {
		cost = 1
	}
	if to.Group != "" {
		if cost, err = m.sizes.GroupSize(ctx, app, to.Group); cost == 0 || err != nil {
			return nil, err // no group: the store refuses the message
		}
		if m.limitGroups != nil {
			cs = append(cs, charge{
				m.limitGroups, LimitKey{App: app, Group: to.Group}, cost, LimitGroupDeliveries, "This group has more deliveries than allowed.",
			})
		}
	}
	if m.limitApps != nil {
		cs = append(cs, charge{m.limitApps, LimitKey{App: app}, cost, LimitAppDeliveries, "This app has more deliveries than allowed."})
	}
	return cs, nil
}

// delivered reports whether a send may have reached anybody. An error that gim
// does not expect, or that says unavailable, leaves that open.
func delivered(r Receipt, err error) bool {
	known, expected := errors.AsType[*Error](err)
	return !r.Repeated && (!expected || known.Code == CodeUnavailable)
}

package domain

import (
	"context"
	"math"
	"time"
)

// The times between looks at what is to become visible.
const (
	firstLook = 5 * time.Millisecond
	longLook  = 200 * time.Millisecond
)

// untilVisible lets a caller read what it wrote: the answer to a write names the
// position that it made, but where the node that is asked reads from a replica, or is
// one of several that apply one another's writes, the position may not be there yet.
// It looks until visible says so, and gives up after MaxVisibleWait with
// ErrUnavailable: no event tells when a replica has caught up.
func untilVisible(ctx context.Context, visible func() (bool, error)) error {
	late := time.NewTimer(MaxVisibleWait)
	defer late.Stop()
	for wait := firstLook; ; wait = min(2*wait, longLook) {
		ok, err := visible()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(wait):
		case <-late.C:
			return Failure(CodeUnavailable, "The position in min_seq is not visible here; it may be later, or on another node.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitEntry waits until the caller's log has the entry MinSeq. The cursor is not
// looked at before: it may be ahead of what is visible here, too.
func (m *Messenger) awaitEntry(ctx context.Context, by Principal, p SyncParams) error {
	if p.MinSeq == 0 {
		return nil
	}
	return untilVisible(ctx, func() (bool, error) {
		const headOnly = math.MaxInt64 - 1 // beyond every entry
		page, err := m.logs.ReadLog(ctx, by.App.Num, by.User.Num, headOnly, 1)
		if err != nil {
			return false, err
		}
		return page.Head >= p.MinSeq, page.CheckCursor(0, p.Epoch)
	})
}

// awaitMessage waits until a conversation has the message minSeq, which the caller need
// not be able to read: where it begins is not in its history. A group, or a member, that
// is not there may be visible later, too.
func (m *Messenger) awaitMessage(ctx context.Context, by Principal, target Target, minSeq int64) error {
	if minSeq == 0 {
		return nil
	}
	var absent error
	before := minSeq - 1
	err := untilVisible(ctx, func() (bool, error) {
		page, err := m.logs.History(ctx, by.App.Num, by.User, target, HistoryRange{After: &before, Limit: 1})
		switch CodeOf(err) { //nolint:exhaustive // the others are failures
		case CodeGroupNotFound, CodeNotInGroup, CodeUserNotFound:
			absent = err
			return false, nil
		}
		absent = nil
		return page.Head >= minSeq, err
	})
	if absent != nil && CodeOf(err) == CodeUnavailable {
		return absent
	}
	return err
}

package domain

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// replica is a store that sees what was written after a while.
type replica struct {
	*fakeBack
	head, conversation int64
	err                error
	at                 time.Time // when it sees all; the zero value is never
}

func (r *replica) visible() bool { return !r.at.IsZero() && !time.Now().Before(r.at) }

func (r *replica) ReadLog(context.Context, AppNum, UserNum, int64, int) (LogPage, error) {
	page := LogPage{LogHead: LogHead{First: 1, Head: r.head - 1, Epoch: "e1"}}
	if r.visible() {
		page.Head = r.head
	}
	return page, nil
}

func (r *replica) History(_ context.Context, _ AppNum, _ UserRef, _ Target, q HistoryRange) (HistoryPage, error) {
	switch {
	case !r.visible():
		return HistoryPage{}, r.err
	case q.After != nil && *q.After >= r.conversation:
		return HistoryPage{Head: r.conversation}, nil
	}
	return HistoryPage{Head: r.conversation, Messages: []*Message{{ConversationSeq: r.conversation}}}, nil
}

// onReplica runs a test with a store that lags, in a bubble.
func onReplica(t *testing.T, lag time.Duration, test func(t *testing.T, r *replica, m *Messenger)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &replica{fakeBack: &fakeBack{changed: make(chan struct{}, 1)}, head: 41, conversation: 7}
		if lag > 0 {
			r.at = time.Now().Add(lag)
		}
		test(t, r, NewMessenger(MessengerOptions{
			Messages: r, Logs: r, Notifier: r, Publisher: r, Limiter: r, IDs: r, Clock: SystemClock{}, Signals: r, SignalLimiter: r,
		}))
	})
}

func TestMinSeq_WaitsForWhatLags(t *testing.T) {
	onReplica(t, time.Second, func(t *testing.T, _ *replica, m *Messenger) {
		start := time.Now()
		// The cursor is ahead of the replica, which is no reason to start again.
		page, err := m.Sync(t.Context(), alice, SyncParams{After: 41, Epoch: "e1", Limit: 1, MinSeq: 41})
		if waited := time.Since(start); err != nil || page.Head != 41 || waited < time.Second || waited > time.Second+longLook {
			t.Errorf("after %s: %+v, %v", waited, page, err)
		}
		history, err := m.History(t.Context(), alice, "user:bob", HistoryRange{Limit: 1, MinSeq: 7})
		if err != nil || len(history.Messages) != 1 {
			t.Errorf("history: %+v, %v", history, err)
		}
	})
}

func TestMinSeq_OfHistoryWaitsForAGroupThatIsNotThereYet(t *testing.T) {
	onReplica(t, time.Second, func(t *testing.T, r *replica, m *Messenger) {
		r.err = ErrGroupNotFound
		start := time.Now()
		page, err := m.History(t.Context(), alice, "group:team", HistoryRange{Limit: 1, MinSeq: 7})
		if waited := time.Since(start); err != nil || len(page.Messages) != 1 || waited < time.Second {
			t.Errorf("after %s: %+v, %v", waited, page, err)
		}
	})
}

func TestMinSeq_GivesUp(t *testing.T) {
	onReplica(t, 0, func(t *testing.T, r *replica, m *Messenger) {
		start := time.Now()
		_, err := m.Sync(t.Context(), alice, SyncParams{Limit: 1, MinSeq: 41})
		if waited := time.Since(start); CodeOf(err) != CodeUnavailable || waited != MaxVisibleWait {
			t.Errorf("sync, after %s: %v", waited, err)
		}
		if _, err = m.History(t.Context(), alice, "user:bob", HistoryRange{Limit: 1, MinSeq: 7}); CodeOf(err) != CodeUnavailable {
			t.Errorf("history: %v", err)
		}
		r.err = ErrNotInGroup
		if _, err = m.History(t.Context(), alice, "group:team", HistoryRange{Limit: 1, MinSeq: 7}); CodeOf(err) != CodeNotInGroup {
			t.Errorf("history of a group: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = m.Sync(ctx, alice, SyncParams{Limit: 1, MinSeq: 41}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller is gone: %v", err)
		}
	})
}

func TestMinSeq_DoesNotWaitForNothing(t *testing.T) {
	onReplica(t, 0, func(t *testing.T, r *replica, m *Messenger) {
		start := time.Now()
		if _, err := m.Sync(t.Context(), alice, SyncParams{Limit: 1, MinSeq: 40}); err != nil {
			t.Errorf("what is visible: %v", err)
		}
		if _, err := m.Sync(t.Context(), alice, SyncParams{Limit: 1, MinSeq: 41, Epoch: "e0"}); CodeOf(err) != CodeResyncRequired {
			t.Errorf("another epoch: %v", err)
		}
		if _, err := m.Sync(t.Context(), alice, SyncParams{Limit: 1, MinSeq: -1}); CodeOf(err) != CodeBadRequest {
			t.Errorf("a negative entry: %v", err)
		}
		if _, err := m.History(t.Context(), alice, "user:bob", HistoryRange{Limit: 1, MinSeq: -1}); CodeOf(err) != CodeBadRequest {
			t.Errorf("a negative message: %v", err)
		}
		if _, err := m.History(t.Context(), alice, "user:bob", HistoryRange{Limit: 1}); err != nil {
			t.Errorf("nothing asked for: %v", err)
		}
		r.err = Trace(errors.New("on fire"))
		if _, err := m.History(t.Context(), alice, "user:bob", HistoryRange{Limit: 1, MinSeq: 7}); CodeOf(err) != CodeInternal {
			t.Errorf("a failure: %v", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

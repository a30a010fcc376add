package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// at is a session that closes after so long without a sign-in.
func at(q *alarms, d time.Duration) *alarm {
	a := new(alarm)
	q.set(a, time.Now().Add(d))
	return a
}

// rings are the times at which anything is due, counted from now.
func rings(q *alarms, until time.Duration) (at []time.Duration, most int) {
	begin := time.Now()
	for end := begin.Add(until); ; {
		wakes, before := q.peek()
		if wakes.IsZero() || wakes.After(end) {
			return at, most
		}
		time.Sleep(time.Until(wakes))
		synctest.Wait()
		_, after := q.peek()
		if n := before - after; n > 0 {
			at, most = append(at, time.Since(begin)), max(most, n)
		}
	}
}

func (q *alarms) peek() (wakes time.Time, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wakes, len(q.queued)
}

// newTestAlarms makes alarms that call nobody.
func newTestAlarms() *alarms {
	q := newAlarms(time.Second)
	q.timer = time.AfterFunc(time.Hour, func() { q.due() })
	q.timer.Stop()
	return q
}

func TestAlarms_RingInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTestAlarms()
		later, sooner, never := at(q, 5*time.Second), at(q, 9*time.Second), at(q, 7*time.Second)
		q.set(later, time.Now().Add(20*time.Second))
		q.set(sooner, time.Now().Add(3*time.Second))
		q.unset(never)
		q.unset(never) // as when the session ends after its tick
		if got, _ := rings(q, time.Hour); len(got) != 2 || got[0] != 3*time.Second || got[1] != 20*time.Second {
			t.Errorf("rang after %v, want 3s and 20s", got)
		}
		if len(q.queued) != 0 || !q.wakes.IsZero() {
			t.Errorf("%d are left, and it wakes at %v", len(q.queued), q.wakes)
		}
	})
}

func TestAlarms_OfManyRingTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTestAlarms()
		for i := range 10_000 {
			at(q, time.Duration(i)*time.Millisecond)
		}
		got, most := rings(q, time.Hour)
		if len(got) != 11 || most > 1001 || len(q.queued) != 0 {
			t.Errorf("10,000 within 10 s rang %d times, at most %d at once; %d are left", len(got), most, len(q.queued))
		}
	})
}

func TestAlarms_SleepWithoutAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTestAlarms()
		q.unset(at(q, time.Second))
		if !q.wakes.IsZero() {
			t.Error("it wakes for nothing")
		}
	})
}

func TestLife_IsNotSetAgainWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gateway{opts: Options{SignInTimeout: time.Minute, Heartbeat: time.Minute}, alarms: newTestAlarms()}
		s := &Session{gw: g}
		s.life.start(s)
		s.life.stop(s)
		s.life.tick(s) // which was under way
		if len(g.alarms.queued) != 0 {
			t.Error("a session that is over is looked at again")
		}
	})
}

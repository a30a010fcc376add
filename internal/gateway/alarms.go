package gateway

import (
	"container/heap"
	"sync"
	"time"
)

// alarms call sessions when their time has come, all of them by one timer of the
// runtime: one for each connection would wake the process as often as there are
// connections. No two wake-ups are closer together than grain.
type alarms struct {
	grain time.Duration

	mu     sync.Mutex // guards what follows, and the alarms in it
	timer  *time.Timer
	wakes  time.Time // when timer does; zero while it is stopped
	last   time.Time // it last did
	queued alarmHeap
}

// alarm is a time at which a session's life is looked at. The zero value is not
// set.
type alarm struct {
	at   time.Time
	of   *Session
	slot int // in the heap plus one; 0 when not set
}

func newAlarms(grain time.Duration) *alarms { return &alarms{grain: grain} }

// set makes tick of a's session be called at the time, and not at the one before.
func (q *alarms) set(a *alarm, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a.at = at
	if a.slot == 0 {
		heap.Push(&q.queued, a)
	} else {
		heap.Fix(&q.queued, a.slot-1)
	}
	q.rewind()
}

// unset takes back set. A tick may be under way.
func (q *alarms) unset(a *alarm) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.slot != 0 {
		heap.Remove(&q.queued, a.slot-1)
	}
	if len(q.queued) == 0 && !q.wakes.IsZero() {
		q.timer.Stop()
		q.wakes = time.Time{}
	}
}

// rewind makes the timer go off for the first alarm, if it would not. It goes off
// for nothing when that one has moved. mu is held.
func (q *alarms) rewind() {
	if len(q.queued) == 0 {
		return
	}
	at := q.queued[0].at
	if soonest := q.last.Add(q.grain); at.Before(soonest) {
		at = soonest
	}
	if !q.wakes.IsZero() && !at.Before(q.wakes) {
		return
	}
	q.wakes = at
	if q.timer == nil {
		q.timer = time.AfterFunc(time.Until(at), q.ring)
	} else {
		q.timer.Reset(time.Until(at))
	}
}

// ring calls those whose time has come.
func (q *alarms) ring() {
	for _, s := range q.due() {
		s.life.tick(s)
	}
}

func (q *alarms) due() (over []*Session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last, q.wakes = time.Now(), time.Time{}
	for len(q.queued) > 0 && !q.queued[0].at.After(q.last) {
		a, _ := heap.Pop(&q.queued).(*alarm) // nothing else is in it
		over = append(over, a.of)
	}
	q.rewind()
	return over
}

// alarmHeap implements heap.Interface, the first alarm at the top.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i+1, j+1
}

func (h *alarmHeap) Push(x any) {
	a, _ := x.(*alarm)
	*h = append(*h, a)
	a.slot = len(*h)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h, a.slot = (*h)[:last], 0
	return a
}

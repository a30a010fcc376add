package storetest

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func idempotencyTests() map[string]func(*world) {
	return map[string]func(*world){
		"Idempotent_FirstAnswerIsKept":           idempotentLife,
		"Idempotent_AbandonedRequestIsTakenOver": idempotentStale,
		"Idempotent_OldAnswerExpires":            idempotentExpired,
		"Idempotent_ForgottenKeyIsFree":          idempotentForgotten,
		"Idempotent_OneOfManyBegins":             idempotentConcurrent,
		"Idempotent_OneOfManyTakesOver":          idempotentTakeOverConcurrent,
	}
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func request(key, body string, at time.Time) domain.IdempotencyRecord {
	return domain.IdempotencyRecord{Key: digest(key), Request: digest(body), At: at}
}

var never = time.UnixMilli(0)

func (w *world) begin(r domain.IdempotencyRecord, stale, expired time.Time) (domain.IdempotencyRecord, bool) {
	w.Helper()
	known, isNew, err := w.store.BeginIdempotent(w.ctx, w.app.Num, r, stale, expired)
	w.ok(err)
	return known, isNew
}

func idempotentLife(w *world) {
	r := request("k", "body", epoch)
	_, isNew := w.begin(r, never, never)
	w.same("new", isNew, true)
	known, isNew := w.begin(request("k", "other", epoch.Add(time.Hour)), never, never)
	w.same("new", isNew, false)
	known.Answer = nil
	w.same("under way", known, r)

	r.Status, r.Answer = 201, []byte{0, 0xff, '\'', '\\'}
	w.ok(w.store.SettleIdempotent(w.ctx, w.app.Num, r))
	w.ok(w.store.ForgetIdempotent(w.ctx, w.app.Num, r.Key)) // an answer is lasting
	known, isNew = w.begin(request("k", "body", epoch.Add(time.Hour)), never, never)
	w.same("new", isNew, false)
	w.same("settled", known, r)
	_, isNew = w.begin(request("k2", "body", epoch), never, never)
	w.same("another key is new", isNew, true)
}

func idempotentStale(w *world) {
	w.begin(request("k", "body", epoch), never, never)
	_, isNew := w.begin(request("k", "body", epoch.Add(time.Second)), epoch, epoch.Add(time.Hour))
	w.same("at the limit, and expiry is for answers only", isNew, false)
	second := request("k", "second", epoch.Add(time.Second))
	_, isNew = w.begin(second, epoch.Add(time.Millisecond), never)
	w.same("taken over", isNew, true)
	known, isNew := w.begin(request("k", "third", epoch), never, never)
	w.same("new", isNew, false)
	known.Answer = nil
	w.same("who took over", known, second)
}

func idempotentExpired(w *world) {
	r := request("k", "body", epoch)
	w.begin(r, never, never)
	r.Status, r.Answer = 200, []byte("a")
	w.ok(w.store.SettleIdempotent(w.ctx, w.app.Num, r))
	_, isNew := w.begin(request("k", "b", epoch), epoch.Add(time.Hour), epoch)
	w.same("at the limit, and stale is for what is under way only", isNew, false)
	second := request("k", "b", epoch.Add(time.Hour))
	_, isNew = w.begin(second, never, epoch.Add(time.Millisecond))
	w.same("taken over", isNew, true)
	known, _ := w.begin(second, never, never)
	w.same("under way", known.Status, 0)
}

func idempotentForgotten(w *world) {
	w.begin(request("k", "body", epoch), never, never)
	w.ok(w.store.ForgetIdempotent(w.ctx, w.app.Num, digest("k")))
	w.ok(w.store.ForgetIdempotent(w.ctx, w.app.Num, digest("absent")))
	_, isNew := w.begin(request("k", "other", epoch), never, never)
	w.same("new", isNew, true)
}

// winners begins a request many times at once and counts who may go on.
func (w *world) winners(key string, stale time.Time) int {
	w.Helper()
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // ends with winners
			_, isNew, err := w.store.BeginIdempotent(w.ctx, w.app.Num, request(key, "body", epoch.Add(time.Hour)), stale, never)
			if err != nil {
				w.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if isNew {
				n++
			}
		})
	}
	wg.Wait()
	return n
}

func idempotentConcurrent(w *world) {
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		w.same("winners", w.winners(key, never), 1)
	}
}

func idempotentTakeOverConcurrent(w *world) {
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		w.begin(request(key, "body", epoch), never, never)
		w.same("winners", w.winners(key, epoch.Add(time.Minute)), 1)
	}
}

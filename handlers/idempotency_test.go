package handlers

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	withKey  = "Idempotency-Key: k1"
	newGroup = `{"group_id":"g","members":["bob"]}`
)

func TestIdempotency_FirstAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	first := post("/v1/groups", newGroup, withKey, "X-Request-Id: r1").do(h)
	again := post("/v1/groups", newGroup, withKey, "X-Request-Id: r2").do(h)
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || f.created != 1 {
		t.Errorf("%d %s, then %d %s, with %d groups made", first.Code, first.Body, again.Code, again.Body, f.created)
	}
	if first.Header().Get(headerReplayed) != "" || again.Header().Get(headerReplayed) != "true" {
		t.Errorf("replayed: %q, then %q", first.Header().Get(headerReplayed), again.Header().Get(headerReplayed))
	}
	for _, w := range []*httptest.ResponseRecorder{first, again} {
		if w.Header().Get(headerSeq) != "" || w.Header().Get(headerConversationSeq) != "7" {
			t.Errorf("positions of the business in %v", w.Header())
		}
	}
	if again.Header().Get("Content-Type") != "application/json" || again.Header().Get("X-Request-Id") != "r2" {
		t.Errorf("header %v", again.Header())
	}
}

func TestIdempotency_KeyIsOfOneCallerAndOneRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		second request
		status int
		made   int
	}{
		"another body":           {post("/v1/groups", `{"group_id":"g2","members":["bob"]}`, withKey), 422, 1},
		"another path":           {post("/v1/groups/team/members", `{"user_ids":["bob"]}`, withKey), 422, 1},
		"another key":            {post("/v1/groups", newGroup, "Idempotency-Key: k2"), 201, 2},
		"no key":                 {post("/v1/groups", newGroup), 201, 2},
		"another app key":        {request{"POST", "/v1/groups", newGroup, []string{"Authorization: Bearer app2", withKey}}, 201, 2},
		"for a user":             {post("/v1/groups", newGroup, withKey, forBob), 201, 2},
		"by a user":              {request{"POST", "/v1/groups", newGroup, []string{asAlice, withKey}}, 201, 2},
		"a call that has no key": {post("/v1/messages", sendHi.body, withKey), 201, 1},
	} {
		f := newFake()
		h := newAPI(t, f.options())
		if w := post("/v1/groups", newGroup, withKey).do(h); w.Code != 201 {
			t.Fatalf("%s: first status %d: %s", name, w.Code, w.Body)
		}
		w := tt.second.do(h)
		if w.Code != tt.status || f.created != tt.made {
			t.Errorf("%s: status %d and %d groups, want %d and %d: %s", name, w.Code, f.created, tt.status, tt.made, w.Body)
		}
		if tt.status == 422 && problemOf(t, w).Code != "idempotency_conflict" {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}

func TestIdempotency_UserMayHaveANewTokenBetweenTries(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	(request{"POST", "/v1/groups", newGroup, []string{asAlice, withKey}}).do(h)
	w := (request{"POST", "/v1/groups", newGroup, []string{"Authorization: Bearer alice2", withKey}}).do(h)
	if w.Header().Get(headerSeq) != "41" || w.Header().Get(headerConversationSeq) != "7" {
		t.Errorf("positions in %v", w.Header())
	}
	if w.Code != 201 || w.Header().Get(headerReplayed) != "true" || f.created != 1 {
		t.Errorf("status %d, %d groups: %s", w.Code, f.created, w.Body)
	}
}

func TestIdempotency_OnlyLastingAnswersAreKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail   error
		status int
		again  int
	}{
		"refused for good": {domain.ErrGroupExists, 409, 409},
		"not found":        {domain.ErrUserNotFound, 404, 404},
		"forbidden":        {domain.ErrForbidden, 403, 201},
		"rate limited":     {domain.Failure(domain.CodeRateLimited, ""), 429, 201},
		"unavailable":      {domain.ErrUnavailable, 503, 201},
		"failed":           {context.DeadlineExceeded, 503, 201},
	} {
		f := newFake()
		h := newAPI(t, f.options())
		f.fail = tt.fail
		first := post("/v1/groups", newGroup, withKey).do(h)
		f.fail = nil
		again := post("/v1/groups", newGroup, withKey).do(h)
		if first.Code != tt.status || again.Code != tt.again {
			t.Errorf("%s: status %d, then %d; want %d, then %d", name, first.Code, again.Code, tt.status, tt.again)
		}
	}
}

func TestIdempotency_PanicForgetsTheCall(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	f.users = nil // writing to it panics
	if w := post("/v1/users/batch", `{"users":[{"user_id":"x"}]}`, withKey).do(h); w.Code != 500 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if len(f.records) != 0 {
		t.Error("the record is still under way")
	}
}

func TestIdempotency_SecretsAreNotInTheStore(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	w := post("/v1/users/bob/tokens", `{}`, withKey).do(h)
	if !strings.Contains(w.Body.String(), "secret-token") {
		t.Fatalf("got %s", w.Body)
	}
	for key, r := range f.records {
		all := key + string(r.Key) + string(r.Request) + string(r.Answer)
		if len(r.Key) != 32 || len(r.Request) != 32 || r.Status != 201 || strings.Contains(all, "secret") || strings.Contains(all, "k1") {
			t.Errorf("stored %+v", r)
		}
		r.Answer = bytes.Clone(r.Answer)
		r.Answer[len(r.Answer)-1] ^= 1 // damaged, or sealed with another credential
		f.records[key] = r
	}
	if w := post("/v1/users/bob/tokens", `{}`, withKey).do(h); w.Code != 422 {
		t.Errorf("status %d, want 422: %s", w.Code, w.Body)
	}
}

func TestIdempotency_TwinWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	f.hold, f.holding, f.begun = make(chan struct{}), make(chan struct{}), make(chan struct{}, 100)
	answers := make(chan *httptest.ResponseRecorder, 2)
	call := func() { answers <- post("/v1/groups", newGroup, withKey).do(h) }
	go call() // ends with its answer
	<-f.holding
	go call()     // likewise
	for range 3 { // the first begins once, the twin has asked twice
		<-f.begun
	}
	close(f.hold)
	for range 2 {
		if w := <-answers; w.Code != 201 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if f.created != 1 {
		t.Errorf("%d groups made, want 1", f.created)
	}
}

func TestIdempotency_CallerWhoHangsUpFindsTheAnswerLater(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	f.hold, f.holding = make(chan struct{}), make(chan struct{})
	ctx, hangUp := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/groups", strings.NewReader(newGroup))
	for name, value := range map[string]string{"Content-Type": "application/json", "Authorization": "Bearer app", "Idempotency-Key": "k1"} {
		r.Header.Set(name, value)
	}
	done := make(chan struct{})
	go func() { // ends when the call does
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	<-f.holding
	hangUp()
	close(f.hold)
	<-done
	f.hold = nil
	w := post("/v1/groups", newGroup, withKey).do(h)
	if w.Code != 201 || w.Header().Get(headerReplayed) != "true" || f.created != 1 {
		t.Errorf("status %d, replayed %q, %d groups: %s", w.Code, w.Header().Get(headerReplayed), f.created, w.Body)
	}
}

// atTime is a clock that stands at another time.
type atTime time.Time

func (t atTime) Now() time.Time { return time.Time(t) }

func TestIdempotency_AnswersAreKeptForADayAndDeadCallsForAMinute(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int // of the record; 0 is under way
		after  time.Duration
		want   int
	}{
		{201, 24*time.Hour - time.Second, 422}, // kept; the answer here was sealed by nobody
		{201, 24*time.Hour + time.Second, 201},
		{0, time.Minute + time.Second, 201},
	} {
		f := newFake()
		o := f.options()
		if w := post("/v1/groups", newGroup, withKey).do(newAPI(t, o)); w.Code != 201 {
			t.Fatal(w.Body)
		}
		for key, r := range f.records {
			r.Status, r.Answer = tt.status, nil
			f.records[key] = r
		}
		o.Clock = atTime(testTime.Add(tt.after))
		if w := post("/v1/groups", newGroup, withKey).do(newAPI(t, o)); w.Code != tt.want {
			t.Errorf("after %v: status %d, want %d", tt.after, w.Code, tt.want)
		}
	}
}

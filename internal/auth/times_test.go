package auth_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

func at(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', 6, 64))
}

// Each bound is tried on both sides, with a token seen before and a fresh one.
func TestUser_TimesHaveALeewayOfOneMinute(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		claims fields
		now    time.Time
		want   domain.Code
	}{
		{"expired within the leeway", nil, start.Add(time.Hour + time.Minute - ms), ""},
		{"expired", nil, start.Add(time.Hour + time.Minute), domain.CodeUnauthorized},
		{"issued a minute ahead", nil, start.Add(-time.Minute), ""},
		{"issued more than a minute ahead", nil, start.Add(-time.Minute - ms), domain.CodeUnauthorized},
		{"not before, a minute ahead", fields{"nbf": at(start.Add(time.Minute))}, start, ""},
		{"not before, more than a minute ahead", fields{"nbf": at(start.Add(time.Minute + ms))}, start, domain.CodeUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			claims := fields{"iat": at(start), "exp": at(start.Add(time.Hour))}
			for k, v := range c.claims {
				claims[k] = v
			}
			w.clock.Set(c.now)
			_, err := w.auth.User(t.Context(), w.good(t, nil, claims))
			wantCode(t, err, c.want)
		})
	}
}

func TestUser_RememberedTokenEndsInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.good(t, nil, fields{"exp": at(start.Add(time.Second))})
	for _, step := range []struct {
		after time.Duration
		want  domain.Code
	}{{0, ""}, {0, ""}, {61*time.Second - 1, ""}, {1, domain.CodeUnauthorized}} {
		w.clock.Advance(step.after)
		noError(t, w.watcher.Start(t.Context())) // stays in step with the log
		_, err := w.auth.User(t.Context(), token)
		wantCode(t, err, step.want)
	}
}

func TestUser_FractionsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.auth.User(t.Context(), w.good(t, nil, fields{"iat": json.Number("1772366400.123456"), "exp": json.Number("1772366460.001")}))
	noError(t, err)
	if got, want := p.IssuedAt, time.UnixMicro(1772366400123456).UTC(); !got.Equal(want) {
		t.Errorf("IssuedAt = %v, want %v", got, want)
	}
	if got, want := p.ExpiresAt, time.UnixMilli(1772366460001).UTC(); !got.Equal(want) {
		t.Errorf("ExpiresAt = %v, want %v", got, want)
	}
}

func TestUser_TokensUpToTheMomentOfRevocationAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	moment := domain.Millis(start)
	w.store.do(func() { w.store.users[scoped{1, "alice"}].revokedAt = moment })
	for offset, want := range map[time.Duration]domain.Code{
		-time.Millisecond: domain.CodeUnauthorized,
		0:                 domain.CodeUnauthorized,
		time.Millisecond:  "", // the same second
	} {
		_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"iat": at(moment.Add(offset))}))
		if got := domain.CodeOf(err); got != want {
			t.Errorf("issued %v after: got %q, want %q", offset, got, want)
		}
	}
	_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"sub": "bob"}))
	noError(t, err)
}

func TestUser_RevokedTokenIsRefusedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.do(func() { w.store.users[scoped{1, "alice"}].tokens["t1"] = true })
	_, err := w.auth.User(t.Context(), w.good(t, nil, fields{"jti": "t1"}))
	wantCode(t, err, domain.CodeUnauthorized)
	_, err = w.auth.User(t.Context(), w.good(t, nil, fields{"jti": "t2"}))
	noError(t, err)
}

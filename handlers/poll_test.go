package handlers

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/gim-im/gim/domain"
)

// revoking is an Authenticator whose credentials are good once.
type revoking struct {
	Authenticator
	asked atomic.Int32
}

func (a *revoking) Bearer(ctx context.Context, authorization, gimUser string) (domain.Principal, error) {
	if a.asked.Add(1) > 1 {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	return a.Authenticator.Bearer(ctx, authorization, gimUser)
}

func TestSync_GivesNothingToCredentialsRevokedWhileItWaited(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{"/v1/sync?wait=30": 401, "/v1/sync": 200, "/v1/sync?wait=0": 200} {
		f := newFake()
		f.messages = []*domain.Message{{ID: "m1", Type: "text", Content: []byte(`{"text":"hi"}`), To: domain.Target{User: "bob"}}}
		o := f.options()
		o.Auth = &revoking{Authenticator: f}
		if w := get(path).do(newAPI(t, o)); w.Code != status {
			t.Errorf("%s: status %d, want %d: %s", path, w.Code, status, w.Body)
		}
	}
}

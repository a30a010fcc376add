package auth_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

func TestAppKeys_KeysHaveTheFormOfTheContract(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^gim_([a-z2-7]{16})_([a-z2-7]{52})$`)
	seen := map[string]bool{}
	for range 100 {
		keyID, key, hash, err := auth.AppKeys{}.NewAppKey()
		noError(t, err)
		parts := form.FindStringSubmatch(key)
		if parts == nil || parts[1] != keyID {
			t.Fatalf("key id %q, key %q", keyID, key)
		}
		if err := domain.ValidateID("key_id", keyID); err != nil {
			t.Error(err)
		}
		if want := sha256.Sum256([]byte(parts[2])); string(hash) != string(want[:]) {
			t.Error("the hash is not that of the secret")
		}
		if seen[keyID] || seen[parts[2]] {
			t.Error("a key came twice")
		}
		seen[keyID], seen[parts[2]] = true, true
	}
}

func TestEnsureAdminKey_IsMadeOnceAndShownOnce(t *testing.T) {
	t.Parallel()
	s := newStore()
	hash, shown, created, err := auth.EnsureAdminKey(t.Context(), s, "")
	noError(t, err)
	want := sha256.Sum256([]byte(shown))
	if !created || !strings.HasPrefix(shown, "gimadmin_") || string(hash) != string(want[:]) || string(s.admin) != string(hash) {
		t.Errorf("created %t, shown %q, hash %x, stored %x", created, shown, hash, s.admin)
	}
	again, shown, created, err := auth.EnsureAdminKey(t.Context(), s, "")
	noError(t, err)
	if created || shown != "" || string(again) != string(hash) {
		t.Errorf("the second time: created %t, shown %q", created, shown)
	}
}

func TestEnsureAdminKey_ConfiguredKeyStandsAloneAndIsNotStored(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.admin = []byte("of a former start")
	const key = "correct-horse-battery!"
	hash, shown, created, err := auth.EnsureAdminKey(t.Context(), s, key)
	noError(t, err)
	if want := sha256.Sum256([]byte(key)); created || shown != "" || string(hash) != string(want[:]) {
		t.Errorf("created %t, shown %q, hash %x", created, shown, hash)
	}
	if s.calls != 0 {
		t.Error("the store was asked")
	}
	w := newWorld(t)
	p, err := w.authenticator(t, hash, nil).Bearer(t.Context(), "Bearer "+key, "")
	noError(t, err)
	if p.Kind != domain.PrincipalAdmin {
		t.Errorf("got %+v", p)
	}
}

func TestEnsureAdminKey_UnusableConfiguredKeyIsRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"short", strings.Repeat("a", 15), strings.Repeat("a", 513), "sixteen letters and spaces", "sixteen,letters,and", "sixteen-lettérs-ä", "line\nbreak-in-the-key"} {
		_, _, _, err := auth.EnsureAdminKey(t.Context(), newStore(), key)
		if !errors.Is(err, auth.ErrAdminKey) {
			t.Errorf("%q: got %v", key, err)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

// slowStore lets another node be first between the look and the write.
type slowStore struct {
	*store
	rival []byte
}

func (s *slowStore) InitAdminKeyHash(ctx context.Context, hash []byte) (bool, error) {
	if _, err := s.store.InitAdminKeyHash(ctx, s.rival); err != nil {
		return false, err
	}
	return s.store.InitAdminKeyHash(ctx, hash)
}

func TestEnsureAdminKey_OfTwoNodesTheFirstWins(t *testing.T) {
	t.Parallel()
	s := &slowStore{store: newStore(), rival: []byte("the other node's hash")}
	hash, shown, created, err := auth.EnsureAdminKey(t.Context(), s, "")
	noError(t, err)
	if created || shown != "" || string(hash) != string(s.rival) {
		t.Errorf("created %t, shown %q, hash %q", created, shown, hash)
	}
}

func TestEnsureAdminKey_FailureOfTheStoreIsReported(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.err = errors.New("down")
	if _, _, _, err := auth.EnsureAdminKey(t.Context(), s, ""); !errors.Is(err, s.err) {
		t.Errorf("got %v", err)
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := auth.Options{Store: newStore(), Clock: newClock()}
	for name, change := range map[string]func(*auth.Options){
		"no store":       func(o *auth.Options) { o.Store = nil },
		"no clock":       func(o *auth.Options) { o.Clock = nil },
		"short hash":     func(o *auth.Options) { o.AdminKeyHash = []byte("x") },
		"empty hash":     func(o *auth.Options) { o.AdminKeyHash = []byte{} },
		"negative cache": func(o *auth.Options) { o.CacheSize = -1 },
	} {
		o := good
		change(&o)
		if _, err := auth.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

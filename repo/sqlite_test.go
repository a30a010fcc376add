package repo_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/repo"
	"github.com/gim-im/gim/repo/storetest"
)

// openSQLite opens the embedded store in dir.
func openSQLite(dir string) storetest.Opener {
	return func(t *testing.T, publisher domain.Publisher) storetest.Store {
		t.Helper()
		return open(t, repo.Options{DataDir: dir, Publisher: publisher, Search: true})
	}
}

func open(t testing.TB, o repo.Options) *repo.Store {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := repo.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	return s
}

func TestSQLite_IsAsTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseModel(t, openSQLite(t.TempDir()), modelTime(15*time.Second))
}

func TestSQLite_LargeGroupsAreAsTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseLargeModel(t, openSQLite(t.TempDir()), modelTime(8*time.Second))
}

func TestSQLite_MessagesLiveAsInTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseMessageLife(t, openSQLite(t.TempDir()), 1, modelTime(8*time.Second))
}

func TestRevokeTokens_ClockThatIsBehindMakesNoTokenGoodAgain(t *testing.T) {
	t.Parallel()
	s := open(t, repo.Options{DataDir: t.TempDir()})
	t.Cleanup(func() { _ = s.Close() })
	app, err := s.CreateApp(t.Context(), domain.App{ID: "shop"}, domain.AppKey{ID: "key"}, []byte("hash"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.UpsertUsers(t.Context(), app.Num, []domain.User{{ID: "alice", Sex: domain.SexUnknown, Extra: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	late := time.UnixMilli(1_800_000_002_000).UTC()
	for _, at := range []time.Time{late, late.Add(-time.Second)} {
		if err := s.RevokeTokens(t.Context(), app.Num, "alice", at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Subject(t.Context(), app.Num, "alice", "", ""); err != nil || !got.TokensRevokedAt.Equal(late) {
		t.Errorf("revoked up to %s, want %s; %v", got.TokensRevokedAt, late, err)
	}
}

// modelTime keeps -short runs short.
func modelTime(atMost time.Duration) time.Duration {
	if testing.Short() {
		return atMost / 10
	}
	return atMost
}

func TestSQLite_WorksOnAfterItGaveMemoryBack(t *testing.T) {
	t.Parallel()
	s := open(t, repo.Options{DataDir: t.TempDir()})
	defer s.Close() //nolint:errcheck // nothing depends on it
	for _, id := range []domain.AppID{"before", "after"} {
		if _, err := s.CreateApp(t.Context(), domain.App{ID: id, Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: string(id), CreatedAt: time.Now()}, []byte(id)); err != nil {
			t.Fatal(err)
		}
		s.Shrink(t.Context())
	}
	if _, err := s.App(t.Context(), "before"); err != nil {
		t.Error(err)
	}
}

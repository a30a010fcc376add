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
		return open(t, repo.Options{DataDir: dir, Publisher: publisher})
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

func TestSQLite_KeepsTheStoresPromises(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, openSQLite(t.TempDir()))
}

func TestSQLite_IsAsTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseModel(t, openSQLite(t.TempDir()), modelTime(15*time.Second))
}

// modelTime keeps -short runs short.
func modelTime(atMost time.Duration) time.Duration {
	if testing.Short() {
		return atMost / 10
	}
	return atMost
}

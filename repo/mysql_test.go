package repo_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
	"github.com/gim-im/gim/repo/storetest"
)

// openMySQL opens a node on the database of dsn.
func openMySQL(dsn string) storetest.Opener {
	return func(t *testing.T, publisher domain.Publisher) storetest.Store {
		t.Helper()
		return open(t, repo.Options{MySQLDSN: dsn, Publisher: publisher, Search: true})
	}
}

func TestMySQL_KeepsTheStoresPromises(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, openMySQL(testserver.MariaDB(t)))
}

func TestMySQL_NodesWorkTogether(t *testing.T) {
	t.Parallel()
	storetest.ExerciseNodes(t, openMySQL(testserver.MariaDB(t)))
}

func TestMySQL_IsAsTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseModel(t, openMySQL(testserver.MariaDB(t)), modelTime(12*time.Second))
}

func TestMySQL_LargeGroupsAreAsTheModel(t *testing.T) {
	t.Parallel()
	storetest.ExerciseLargeModel(t, openMySQL(testserver.MariaDB(t)), modelTime(8*time.Second))
}

func TestMySQL_MessagesLiveAsInTheModelOnTwoNodes(t *testing.T) {
	t.Parallel()
	storetest.ExerciseMessageLife(t, openMySQL(testserver.MariaDB(t)), 2, modelTime(10*time.Second))
}

func TestMySQL_MalformedDSNIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"gim:secret/gim", "gim:secret@tcp(db:3306)/gim?timeout=secret", "gim@tcp(db:3306)/gim?x=%secret"} {
		s, err := repo.Open(t.Context(), repo.Options{MySQLDSN: dsn, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

package repo_test

import (
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
		return open(t, repo.Options{MySQLDSN: dsn, Publisher: publisher})
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

package repo_test

import (
	"sync/atomic"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
	"github.com/gim-im/gim/repo/storetest"
)

// Each node of gim has another node of Galera, so that what one commits has not been
// applied for the other yet, and locks of one mean nothing to the other.
func TestGalera_NodesWorkTogether(t *testing.T) {
	t.Parallel()
	cluster := testserver.NewGalera(t, 3)
	one := open(t, repo.Options{MySQLDSN: cluster.DSN(0), Publisher: nobody{}})
	if one.SendsTogether() {
		t.Error("statements of a batch are sent together, whose rollback may not be seen")
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	var opened atomic.Int64
	storetest.ExerciseNodes(t, func(t *testing.T, publisher domain.Publisher) storetest.Store {
		t.Helper()
		return open(t, repo.Options{MySQLDSN: cluster.DSN(int(opened.Add(1)) % 3), Publisher: publisher})
	})
}

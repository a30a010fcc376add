package repo

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/testserver"
	"github.com/jmoiron/sqlx"
)

func openStore(t *testing.T, o Options) *Store {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What Durability says about SQLite is true of the connections that there are.
func TestDurability_SQLiteCommitsToTheDisk(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{DataDir: t.TempDir()})
	for name, db := range map[string]*sqlx.DB{"write": s.write, "read": s.read} {
		want := map[string]string{"synchronous": "2", "journal_mode": "wal", "busy_timeout": "5000", "query_only": "0"}
		if name == "read" {
			want["query_only"] = "1"
		}
		for pragma, value := range want {
			var got string
			if err := db.GetContext(t.Context(), &got, `PRAGMA `+pragma); err != nil || got != value {
				t.Errorf("%s: %s is %q, %v, want %q", name, pragma, got, err, value)
			}
		}
	}
	if n := s.write.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d connections may write, want 1", n)
	}
	if d, err := s.Durability(t.Context()); err != nil || !d.Full || len(d.Why) > 0 {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestDurability_MySQLIsAsTheServerIsSet(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{MySQLDSN: testserver.NewMariaDB(t).DSN()})
	if d, err := s.Durability(t.Context()); err != nil || !d.Full {
		t.Errorf("as it comes: got %+v, %v, want full", d, err)
	}
	for setting, isSafe := range map[string]bool{
		"innodb_flush_log_at_trx_commit = 2": false, "innodb_flush_log_at_trx_commit = 0": false, "innodb_flush_log_at_trx_commit = 1": true,
	} {
		if _, err := s.write.ExecContext(t.Context(), `SET GLOBAL `+setting); err != nil {
			t.Fatal(err)
		}
		d, err := s.Durability(t.Context())
		if err != nil || d.Full != isSafe || (len(d.Why) == 0) != isSafe {
			t.Errorf("%s: got %+v, %v", setting, d, err)
		}
		if !isSafe && !strings.Contains(d.Why[0], setting[:30]) {
			t.Errorf("%s: the reason is %q", setting, d.Why[0])
		}
	}
}

func TestMySQL_ConnectionsAreStrictAndReadCommitted(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{MySQLDSN: testserver.MariaDB(t)})
	var isolation, mode string
	if err := s.read.QueryRowxContext(t.Context(), `SELECT @@SESSION.tx_isolation, @@SESSION.sql_mode`).Scan(&isolation, &mode); err != nil {
		t.Fatal(err)
	}
	if isolation != "READ-COMMITTED" || !strings.Contains(mode, "STRICT_ALL_TABLES") {
		t.Errorf("got isolation %q and mode %q", isolation, mode)
	}
}

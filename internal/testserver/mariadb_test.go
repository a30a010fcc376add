package testserver

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

func openDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestMariaDB_EachCallIsAnEmptyDatabaseThatEndsWithItsTest(t *testing.T) {
	first := openDB(t, MariaDB(t))
	mustExec(t, first, "CREATE TABLE t (id INT PRIMARY KEY)")

	var gone string
	t.Run("second", func(t *testing.T) {
		gone = MariaDB(t)
		second := openDB(t, gone)
		mustExec(t, second, "CREATE TABLE t (id INT PRIMARY KEY)")
		mustExec(t, second, "INSERT INTO t VALUES (1)")
	})

	var rows int
	if err := first.QueryRow("SELECT COUNT(*) FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("rows in the first database = %d, %v; want 0", rows, err)
	}
	err := openDB(t, gone).Ping()
	if known, ok := errors.AsType[*mysql.MySQLError](err); !ok || known.Number != 1049 {
		t.Errorf("connecting to the database of a test that is over: %v, want error 1049 (unknown database)", err)
	}
}

func TestMariaDB_TakesTheServerFromTheEnvironment(t *testing.T) {
	own := NewMariaDB(t)
	t.Setenv(EnvMySQLDSN, own.db.dsn(""))
	var pidFile string
	if err := openDB(t, MariaDB(t)).QueryRow("SELECT @@pid_file").Scan(&pidFile); err != nil {
		t.Fatal(err)
	}
	if want := own.db.dir + "/pid"; pidFile != want {
		t.Errorf("served by %s, want %s", pidFile, want)
	}
}

func TestMariaDBServer_KeepsCommittedDataOverACrash(t *testing.T) {
	t.Parallel()
	s := NewMariaDB(t)
	db := openDB(t, s.DSN())
	mustExec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
	mustExec(t, db, "INSERT INTO t VALUES (7)")

	s.Kill()
	if err := db.Ping(); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	var id int
	if err := db.QueryRow("SELECT id FROM t").Scan(&id); err != nil || id != 7 {
		t.Errorf("after the restart: %d, %v; want 7", id, err)
	}
	s.Stop()
	if err := db.Ping(); err == nil {
		t.Error("a stopped server answers")
	}
}

func TestMariaDBServer_PausedAnswersNothingUntilResumed(t *testing.T) {
	t.Parallel()
	s := NewMariaDB(t)
	db := openDB(t, s.DSN())
	mustExec(t, db, "DO 1")

	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(ctx, "DO 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while paused: %v, want the deadline", err)
	}
	s.Resume()
	mustExec(t, db, "DO 1")
}

func TestMariaDBServer_TakesFlags(t *testing.T) {
	t.Parallel()
	s := NewMariaDB(t, "--innodb-flush-log-at-trx-commit=2")
	var got int
	err := openDB(t, s.DSN()).QueryRow("SELECT @@innodb_flush_log_at_trx_commit").Scan(&got)
	if err != nil || got != 2 {
		t.Errorf("innodb_flush_log_at_trx_commit = %d, %v; want 2", got, err)
	}
}

func TestMariaDBServer_CanBeReachedThroughAProxy(t *testing.T) {
	t.Parallel()
	s := NewMariaDB(t)
	proxy := NewProxy(t, s.Socket())
	db := openDB(t, s.DSNVia(proxy.Addr()))
	mustExec(t, db, "DO 1")
	proxy.Down()
	if err := db.Ping(); err == nil {
		t.Error("answered through a proxy that is down")
	}
}

func TestMariaDBServer_BadFlagIsReportedWithTheServersWords(t *testing.T) {
	t.Parallel()
	programs := requireMariaDB(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	m, err := newMariaDB(programs, []string{"--no-such-flag"})
	if !errors.Is(err, errEnded) {
		t.Fatalf("newMariaDB = %v, %v; want errEnded", m, err)
	}
	if !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("the server's own words are missing: %v", err)
	}
}

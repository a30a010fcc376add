package testserver

import (
	"crypto/rand"
	"database/sql"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MariaDB creates an empty database on the shared server and returns its DSN, in
// the form of github.com/go-sql-driver/mysql and without parameters. The
// database is dropped at the end of the test.
//
// It has the server's default character set, which is not the one gim needs: a
// migration that forgets to name its own shows here.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(EnvMySQLDSN)
	if server == "" {
		server = sharedServer(tb)
	} else if testing.Short() {
		tb.Skip("needs MariaDB, which -short leaves out")
	}
	name := "gim_test_" + strings.ToLower(rand.Text()[:12])
	if err := execSQL(server, "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create a database on %s: %v", server, err)
	}
	tb.Cleanup(func() {
		if err := execSQL(server, "DROP DATABASE "+name); err != nil {
			tb.Errorf("drop database %s: %v", name, err)
		}
	})
	return withDatabase(tb, server, name)
}

// shared is package state because the test binary is what owns it: tests do not
// know each other, and a server for each would cost seconds.
var shared struct {
	mu       sync.Mutex
	prepared string // data directory that was never served, copied for each server
	server   *mariaDB
	err      error // of the first attempt, so that later tests do not wait again
}

// Close ends the shared server if there is one and removes its files. Only
// TestMain calls it, through [Main] or [Closing].
func Close() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.close()
	}
	if shared.prepared != "" {
		_ = os.RemoveAll(shared.prepared)
	}
	shared.server, shared.prepared, shared.err = nil, "", nil
}

func sharedServer(tb testing.TB) string {
	tb.Helper()
	programs := requireMariaDB(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = newMariaDB(programs, nil)
	}
	if shared.err != nil {
		tb.Fatalf("start the shared MariaDB: %v", shared.err)
	}
	return shared.server.dsn("")
}

// execSQL runs one statement on a connection of its own, so that nothing keeps
// a goroutine between calls.
func execSQL(dsn, statement string) error {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	cfg.Params = map[string]string{"lock_wait_timeout": "10"} // seconds; a test that left a transaction open must not hang
	cfg.Logger = log.New(io.Discard, "", 0)                   // a server that is not ready yet is no news
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

func withDatabase(tb testing.TB, server, name string) string {
	tb.Helper()
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		tb.Fatalf("%s: %v", EnvMySQLDSN, err)
	}
	cfg.DBName = name
	return cfg.FormatDSN()
}

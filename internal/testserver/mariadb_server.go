package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// MariaDBServer is a MariaDB server of one test, which may mistreat it. It
// listens on a unix socket only. Its methods are for one goroutine at a time.
type MariaDBServer struct {
	tb testing.TB
	db *mariaDB
}

// NewMariaDB starts a MariaDB server for this test alone, with the database
// "gim" and with flags added to the command line, for instance
// "--innodb-flush-log-at-trx-commit=2". The first server of a test binary takes
// about three seconds, each further one half a second.
func NewMariaDB(tb testing.TB, flags ...string) *MariaDBServer {
	tb.Helper()
	programs := requireMariaDB(tb)
	shared.mu.Lock()
	db, err := newMariaDB(programs, flags)
	shared.mu.Unlock()
	if err != nil {
		tb.Fatalf("start MariaDB: %v", err)
	}
	tb.Cleanup(db.close)
	if err := execSQL(db.dsn(""), "CREATE DATABASE gim"); err != nil {
		tb.Fatalf("create a database: %v", err)
	}
	return &MariaDBServer{tb: tb, db: db}
}

// DSN returns the DSN of the database "gim" without parameters. It stays the
// same when the server is restarted.
func (s *MariaDBServer) DSN() string { return s.db.dsn("gim") }

// DSNVia returns the DSN of the same database behind a TCP address, which a
// [Proxy] to [MariaDBServer.Socket] has.
func (s *MariaDBServer) DSNVia(addr string) string { return "root@tcp(" + addr + ")/gim" }

// Socket returns the path of the unix socket.
func (s *MariaDBServer) Socket() string { return s.db.socket() }

// Kill ends the server with SIGKILL, as a crash would. Committed data is found
// again after [MariaDBServer.Restart].
func (s *MariaDBServer) Kill() { s.db.proc.kill() }

// Stop ends the server in good order.
func (s *MariaDBServer) Stop() { s.db.proc.stop() }

// Pause stops the server in its tracks (SIGSTOP): connections stay open and
// nothing is answered until [MariaDBServer.Resume].
func (s *MariaDBServer) Pause() { must(s.tb, "pause MariaDB", s.db.proc.pause()) }

// Resume lets a paused server go on.
func (s *MariaDBServer) Resume() { must(s.tb, "resume MariaDB", s.db.proc.resume()) }

// Restart starts the server again on the same files and address, after ending
// it in good order if it still runs. It returns when the server answers.
func (s *MariaDBServer) Restart() {
	s.tb.Helper()
	s.db.proc.stop()
	must(s.tb, "restart MariaDB", s.db.start())
}

// mariaDB is a server process and its files.
type mariaDB struct {
	programs mariaDBPrograms
	dir      string
	flags    []string
	proc     *process
}

type mariaDBPrograms struct{ server, install string }

func requireMariaDB(tb testing.TB) mariaDBPrograms {
	tb.Helper()
	return mariaDBPrograms{
		server:  require(tb, "mariadbd", "mariadb-server"),
		install: require(tb, "mariadb-install-db", "mariadb-server"),
	}
}

// newMariaDB starts a server on a fresh copy of the prepared data directory.
// The caller holds shared.mu.
func newMariaDB(programs mariaDBPrograms, flags []string) (*mariaDB, error) {
	if shared.prepared == "" {
		if err := prepare(programs); err != nil {
			return nil, err
		}
	}
	dir, err := tempDir("mariadb")
	if err != nil {
		return nil, err
	}
	m := &mariaDB{programs: programs, dir: dir, flags: flags}
	if err = os.CopyFS(m.data(), os.DirFS(shared.prepared)); err == nil {
		err = m.start()
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// prepare makes the data directory that every server of this binary starts from.
func prepare(programs mariaDBPrograms) error {
	dir, err := tempDir("prepared")
	if err != nil {
		return err
	}
	args := append(commonFlags(dir), "--auth-root-authentication-method=normal", "--skip-test-db")
	install := exec.Command(programs.install, args...)
	install.Env = append(os.Environ(), "TMPDIR="+dir) // a server that starts empties its own of what others need
	if out, err := install.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return fmt.Errorf("mariadb-install-db: %w:\n%s", err, out)
	}
	shared.prepared = dir
	return nil
}

// commonFlags are those that preparing and serving must agree on. The redo log
// is small because each server has its own copy of it.
func commonFlags(data string) []string {
	flags := []string{"--no-defaults", "--datadir=" + data, "--innodb-log-file-size=16M"}
	if os.Geteuid() == 0 {
		flags = append(flags, "--user=root") // it refuses to run as root unless told
	}
	return flags
}

func (m *mariaDB) data() string   { return filepath.Join(m.dir, "data") }
func (m *mariaDB) socket() string { return filepath.Join(m.dir, "s.sock") }

func (m *mariaDB) dsn(database string) string { return "root@unix(" + m.socket() + ")/" + database }

func (m *mariaDB) start() error {
	args := append(commonFlags(m.data()),
		"--socket="+m.socket(),
		"--tmpdir="+m.dir,
		"--pid-file="+filepath.Join(m.dir, "pid"),
		"--skip-networking",
		"--innodb-buffer-pool-size=64M",
		"--max-connections=1000") // many test binaries may share it
	var err error
	m.proc, err = startProcess(m.programs.server, append(args, m.flags...), filepath.Join(m.dir, "log"))
	if err != nil {
		return err
	}
	return m.proc.ready(func() error { return execSQL(m.dsn(""), "DO 1") })
}

// close ends the server without ceremony: nobody will read its data again.
func (m *mariaDB) close() {
	if m.proc != nil {
		m.proc.kill()
	}
	_ = os.RemoveAll(m.dir)
}

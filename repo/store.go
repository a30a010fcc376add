package repo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Options say where the data is and what the store works with.
type Options struct {
	// MySQLDSN is a data source name as go-sql-driver/mysql reads it, but that it may
	// name several nodes with the same data, as tcp(a:3306,b:3306): the first that
	// works is used. When it is empty the store is SQLite, in the file gim.db of DataDir.
	MySQLDSN string
	DataDir  string // made when absent, readable by its owner only

	Publisher domain.Publisher // told about messages after their commit; required for Append
	Clock     domain.Clock     // nil is the system's
	Logger    *slog.Logger     // required
	Metrics   Metrics          // the zero value measures nothing
	// Search keeps an index of messages that Search uses; without it what comes is not
	// indexed, until a store with it makes up for that.
	Search bool
	// Revoked is called after credentials were revoked here, so that this node need
	// not wait until it looks for revocations by itself. It must not block and may
	// be nil.
	Revoked func()
}

// Metrics are told what the store does. Any of them may be nil.
type Metrics struct {
	Batch  func(messages int, took time.Duration) // a commit of messages
	Retry  func()                                 // a transaction that ran again
	Failed func()                                 // a batch whose outcome is bad or unknown
	// Unindexed is told how many messages wait to be indexed, as far as that is known.
	Unindexed func(messages int64)
}

// Store is gim's store. Run must be running while messages are appended.
type Store struct {
	dialect   dialect
	write     *sqlx.DB // SQLite: one connection
	commits   *sqlx.DB // of the committers: write, or connections that take many statements at once
	read      *sqlx.DB
	publisher domain.Publisher
	clock     domain.Clock
	log       *slog.Logger
	metrics   Metrics
	nums      numbers
	appends   appendQueue
	index     indexer
	onRevoked func()
	lock      *os.File // of the data directory; nil with MySQL
	canMove   bool     // another node has the data when one is away
}

// Open connects, brings the schema up to date and checks durability. It refuses
// a schema newer than this program, and a data directory that another process
// has open. Close the store when Run has returned.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	_, err = s.migrate(ctx)
	if err == nil && s.dialect.name == sqliteDialect.name {
		err = s.recoverFanouts(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func connect(ctx context.Context, o Options) (*Store, error) {
	s := &Store{publisher: o.Publisher, clock: o.Clock, log: o.Logger, metrics: o.Metrics, onRevoked: o.Revoked}
	if s.clock == nil {
		s.clock = domain.SystemClock{}
	}
	s.index.on, s.index.waiting = o.Search, o.Metrics.Unindexed
	s.index.wake, s.index.writing = make(chan struct{}, 1), make(chan struct{}, 1)
	var err error
	if o.MySQLDSN != "" {
		s.dialect = mysqlDialect
		s.appends.init(mysqlCommitters)
		err = s.openMySQL(ctx, o.MySQLDSN)
	} else {
		s.dialect = sqliteDialect
		s.appends.init(1) // it has one writer
		err = s.openSQLite(ctx, o.DataDir)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openSQLite(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	var err error
	if s.lock, err = lockDir(dir); err != nil {
		return err
	}
	file := filepath.Join(dir, "gim.db")
	if s.write, err = openFile(ctx, file, "_txlock=immediate"); err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	s.write.SetMaxOpenConns(1)
	s.commits = s.write
	if s.read, err = openFile(ctx, file, "_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("open %s for reading: %w", file, err)
	}
	s.read.SetMaxOpenConns(sqliteReaders)
	s.read.SetMaxIdleConns(sqliteReaders)
	s.read.SetConnMaxIdleTime(sqliteIdle)
	return nil
}

func (s *Store) openMySQL(ctx context.Context, dsn string) error {
	connector, err := newMySQLConnector(dsn, false)
	if err != nil {
		return err
	}
	s.write = openDB(connector)
	s.canMove = len(connector.nodes) > 1
	s.read, s.commits = s.write, s.write
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("connect to MySQL: %w", err)
	}
	galera, err := isGalera(ctx, s.write)
	if err != nil {
		return fmt.Errorf("connect to MySQL: %w", err)
	}
	if s.dialect.atOnce = !galera; galera {
		return nil
	}
	many, err := newMySQLConnector(dsn, true)
	if err != nil {
		return err
	}
	s.commits = openDB(many)
	return nil
}

// Close ends the connections and gives the data directory free.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.commits != nil && s.commits != s.write {
		errs = append(errs, s.commits.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close()) // the lock ends with the descriptor
	}
	return errors.Join(errs...)
}

// Ping reports whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return domain.Trace(s.read.GetContext(ctx, &one, `SELECT 1`))
}

// maxAttempts bounds how often a transaction is run when it loses a race. On Galera
// several nodes that write to one conversation all lose but one, over and over.
const maxAttempts = 32

// inTx runs fn in one transaction: commit when fn returns nil, roll back
// otherwise. fn may run again after a conflict, so it must not have effects
// outside tx but on variables that it resets. An outcome that is not known is
// ErrUnavailable; other errors come back traced unless they are domain errors.
func (s *Store) inTx(ctx context.Context, fn func(tx *sqlx.Tx) error) error {
	return s.inTxOf(ctx, s.write, fn)
}

// inTxOf is inTx on a connection of db.
func (s *Store) inTxOf(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := tryTx(ctx, db, fn)
		if err == nil || attempt == maxAttempts || !s.mayRunAgain(err) {
			return s.outcome(ctx, err)
		}
		if s.metrics.Retry != nil {
			s.metrics.Retry()
		}
		backOff(ctx, attempt)
	}
}

// mayRunAgain reports that a transaction with this error has left nothing behind and
// may succeed when it is run again: it lost a race, or its node went away before the
// COMMIT and there is another.
func (s *Store) mayRunAgain(err error) bool {
	_, unknown := errors.AsType[*commitError](err)
	return s.dialect.isConflict(err) || s.canMove && !unknown && s.dialect.isUnavailable(err)
}

// outcome turns what is left of an error into what the caller is told.
func (s *Store) outcome(ctx context.Context, err error) error {
	_, unknown := errors.AsType[*commitError](err)
	if unknown || s.dialect.isUnavailable(err) || s.dialect.isConflict(err) {
		s.log.WarnContext(ctx, "store unavailable", slog.Any("err", err))
		return domain.ErrUnavailable
	}
	return domain.Trace(err)
}

// commitError is a COMMIT whose answer did not come or was bad: whether the
// transaction is durable is not known, unless the database said that it is not.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

func tryTx(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &commitError{err}
	}
	return nil
}

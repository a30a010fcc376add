package repo

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
)

// sqliteReaders bounds the connections that read beside the one that writes.
const sqliteReaders = 8

// sqliteIdle is how long a reader that has nothing to do keeps its cache, which is
// some megabytes of pages that the system has as well.
const sqliteIdle = 30 * time.Second

// sqliteDSN returns how to open file. WAL lets readers go on beside the writer;
// synchronous FULL makes a commit survive a loss of power. The log may grow to
// 64 MiB before it is written back, because what is written often, such as the
// heads of logs, then goes back once: with 1,000 pages, the default, sends were
// slower by a tenth and more. extra is appended.
func sqliteDSN(file, extra string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath()}
	u.RawQuery = "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(16384)&" + extra
	return u.String()
}

// openFile connects to the embedded database in file.
func openFile(ctx context.Context, file, extra string) (*sqlx.DB, error) {
	connector, err := sqlite.NewConnector(sqliteDSN(file, extra))
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(&statementCache{connector}), sqliteDialect.name)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Shrink gives back the memory in which the embedded database keeps pages that the
// system has as well. It is for times in which there is little to write.
func (s *Store) Shrink(ctx context.Context) {
	if s.dialect.name != sqliteDialect.name {
		return
	}
	if _, err := s.write.ExecContext(ctx, `PRAGMA shrink_memory`); err != nil && ctx.Err() == nil {
		s.log.DebugContext(ctx, "the embedded database keeps its cache", slog.Any("err", err))
	}
}

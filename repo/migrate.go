package repo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/migrations"
	"github.com/jmoiron/sqlx"
)

// Migration is one step of the schema.
type Migration struct {
	Version  int
	Name     string
	Checksum string // SHA-256 of the file, in hex
	Applied  bool
}

// Migrate connects, applies what is missing and returns all migrations.
func Migrate(ctx context.Context, o Options) ([]Migration, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	all, err := s.migrate(ctx)
	return all, errors.Join(err, s.Close())
}

// MigrationStatus connects and tells which migrations are applied, changing nothing
// but for the table that records them.
func MigrationStatus(ctx context.Context, o Options) ([]Migration, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	all, err := s.migrationStatus(ctx, s.write)
	return all, errors.Join(err, s.Close())
}

// migrationLock is MySQL's name for the lock that one migrating node holds.
const migrationLock = "gim.migrations"

func (s *Store) migrate(ctx context.Context) ([]Migration, error) {
	conn, err := s.write.Connx(ctx)
	if err != nil {
		return nil, domain.Trace(fmt.Errorf("migrate: %w", err))
	}
	defer conn.Close() //nolint:errcheck // back to the pool
	if s.dialect.name == mysqlDialect.name {
		if err := lockMigrations(ctx, conn); err != nil {
			return nil, err
		}
		defer conn.ExecContext(context.WithoutCancel(ctx), `DO RELEASE_LOCK('`+migrationLock+`')`) //nolint:errcheck // ends with the connection anyway
	}
	all, err := s.migrationStatus(ctx, conn)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Applied {
			continue
		}
		if err := s.apply(ctx, conn, all[i]); err != nil {
			return nil, fmt.Errorf("migration %s: %w", all[i].Name, err)
		}
		all[i].Applied = true
	}
	return all, nil
}

// lockMigrations waits up to a minute for its turn: one second at a time,
// because an answer that takes longer than the connection's read timeout would
// look like a lost connection.
func lockMigrations(ctx context.Context, conn *sqlx.Conn) error {
	for range 60 {
		var got sql.NullInt64
		if err := conn.GetContext(ctx, &got, `SELECT GET_LOCK(?, 1)`, migrationLock); err != nil {
			return domain.Trace(fmt.Errorf("lock migrations: %w", err))
		}
		if got.Int64 == 1 {
			return nil
		}
	}
	return errors.New("migrate: another node has been migrating for a minute")
}

// apply runs one migration. On SQLite it is one transaction; MySQL commits each
// statement of a schema change by itself, so the record comes last and every
// statement can be run again: a column or an index that is there already was added
// by a run that did not get to its end.
func (s *Store) apply(ctx context.Context, conn *sqlx.Conn, m Migration) error {
	body, err := migrations.Files.ReadFile(path.Join(s.dialect.name, m.Name+".sql"))
	if err != nil {
		return err
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return domain.Trace(err)
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit
	for _, stmt := range statements(string(body)) {
		if _, err := tx.ExecContext(ctx, stmt); err != nil && !isAdded(err) {
			return domain.Trace(err)
		}
	}
	const record = `INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)`
	if _, err := tx.ExecContext(ctx, record, m.Version, m.Name, m.Checksum, s.clock.Now().UnixMilli()); err != nil {
		return domain.Trace(err)
	}
	return domain.Trace(tx.Commit())
}

// isAdded reports that MySQL has what a statement would add.
func isAdded(err error) bool {
	n := mysqlNumber(err)
	return n == mysqlColumnExists || n == mysqlIndexExists
}

// statements splits a migration at semicolons that end a line, without comments.
func statements(body string) []string {
	var lines []string
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	var all []string
	for stmt := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
		if stmt = strings.TrimSpace(stmt); stmt != "" {
			all = append(all, stmt)
		}
	}
	return all
}

func (s *Store) migrationStatus(ctx context.Context, db interface {
	sqlx.QueryerContext
	sqlx.ExecerContext
},
) ([]Migration, error) {
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
		version INTEGER NOT NULL, name VARCHAR(255) NOT NULL, checksum VARCHAR(64) NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (version))`
	if _, err := db.ExecContext(ctx, table); err != nil {
		return nil, domain.Trace(fmt.Errorf("make schema_migrations: %w", err))
	}
	applied := map[int]Migration{}
	err := each(ctx, db, func(rows *sqlx.Rows) error {
		m := Migration{Applied: true}
		if err := rows.Scan(&m.Version, &m.Name, &m.Checksum); err != nil {
			return err
		}
		applied[m.Version] = m
		return nil
	}, `SELECT version, name, checksum FROM schema_migrations`)
	if err != nil {
		return nil, domain.Trace(fmt.Errorf("read schema_migrations: %w", err))
	}
	return mergeApplied(s.dialect.name, applied)
}

// mergeApplied compares what the program knows with what the database has.
func mergeApplied(dir string, applied map[int]Migration) ([]Migration, error) {
	known, err := knownMigrations(dir)
	if err != nil {
		return nil, err
	}
	for i := range known {
		m, ok := applied[known[i].Version]
		if !ok {
			continue
		}
		if m.Checksum != known[i].Checksum {
			return nil, fmt.Errorf("migration %s was applied with other content (checksum %s, not %s): this database belongs to another build of gim",
				m.Name, m.Checksum, known[i].Checksum)
		}
		known[i].Applied = true
		delete(applied, m.Version)
	}
	for _, m := range applied {
		return nil, fmt.Errorf("the schema is newer than this program: it has migration %s, which is not known here; run a newer gim", m.Name)
	}
	return known, nil
}

func knownMigrations(dir string) ([]Migration, error) {
	files, err := fs.Glob(migrations.Files, dir+"/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, file := range files { // in order of their names, and so of their numbers
		body, err := migrations.Files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(path.Base(file), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", name, err)
		}
		sum := sha256.Sum256(body)
		all = append(all, Migration{Version: version, Name: name, Checksum: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

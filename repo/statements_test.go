package repo

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"modernc.org/sqlite"
)

// countedConn counts what is prepared and closed.
type countedConn struct {
	sqliteConn
	prepared, closed []string
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.prepared = append(c.prepared, query)
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &countedStmt{statement{StmtExecContext: stmt.(driver.StmtExecContext), StmtQueryContext: stmt.(driver.StmtQueryContext), Stmt: stmt}, query, c}, nil
}

type countedStmt struct {
	statement
	query string
	conn  *countedConn
}

func (s *countedStmt) Close() error {
	s.conn.closed = append(s.conn.closed, s.query)
	return s.statement.Close()
}

type cached struct {
	*cachingConn
	counted *countedConn
	t       *testing.T
}

func openCached(t *testing.T) cached {
	t.Helper()
	connector, err := sqlite.NewConnector(sqliteDSN(filepath.Join(t.TempDir(), "db"), ""))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := &countedConn{sqliteConn: conn.(sqliteConn)}
	return cached{newCachingConn(counted), counted, t}
}

// rows returns the first column of the rows that are left, and closes them.
func (c cached) rows(rows driver.Rows) (got []any) {
	c.t.Helper()
	for row := make([]driver.Value, 1); rows.Next(row) == nil; {
		got = append(got, row[0])
	}
	if err := rows.Close(); err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c cached) query(query string, args ...any) driver.Rows {
	c.t.Helper()
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := c.QueryContext(c.t.Context(), query, named)
	if err != nil {
		c.t.Fatal(err)
	}
	return rows
}

func TestStatements_ArePreparedOnce(t *testing.T) {
	t.Parallel()
	c := openCached(t)
	for i := range 3 {
		expect(t, "rows", c.rows(c.query(`SELECT ?`, int64(i))), []any{i})
		if _, err := c.ExecContext(t.Context(), `CREATE TABLE IF NOT EXISTS a (b)`, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.ExecContext(t.Context(), `SELECT x`, nil); err == nil {
		t.Error("a statement that is wrong was done")
	}
	expect(t, "prepared", c.counted.prepared, []string{`SELECT ?`, `CREATE TABLE IF NOT EXISTS a (b)`, `SELECT x`})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	expect(t, "closed", len(c.counted.closed), 2)
}

// A query within the rows of the same one has a statement of its own.
func TestStatements_MayBeNested(t *testing.T) {
	t.Parallel()
	c := openCached(t)
	const query = `SELECT column1 FROM (VALUES (1), (2))`
	outer := c.query(query)
	row := make([]driver.Value, 1)
	if err := outer.Next(row); err != nil {
		t.Fatal(err)
	}
	expect(t, "inner", c.rows(c.query(query)), []any{1, 2})
	expect(t, "the rest of the outer", append([]any{row[0]}, c.rows(outer)...), []any{1, 2})
	expect(t, "prepared", len(c.counted.prepared), 2)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	expect(t, "closed", len(c.counted.closed), 2)
}

func TestStatements_ThoseNotUsedLatelyGo(t *testing.T) {
	t.Parallel()
	c := openCached(t)
	for i := range maxStatements + 3 {
		c.rows(c.query(fmt.Sprint(`SELECT `, i)))
		c.rows(c.query(`SELECT 0`))
	}
	expect(t, "closed", c.counted.closed, []string{`SELECT 1`, `SELECT 2`, `SELECT 3`})
	if slices.Contains(c.counted.prepared[1:], `SELECT 0`) {
		t.Error("one that is used was prepared again")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	expect(t, "closed", len(c.counted.closed), maxStatements+3)
}

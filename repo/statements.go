package repo

import (
	linked "container/list"
	"context"
	"database/sql/driver"
	"errors"
)

// maxStatements bounds the statements that a connection to SQLite keeps. A send has
// about a dozen. Those of long lists come in many lengths and push each other out:
// reading them is little beside doing them.
const maxStatements = 64

// statementCache makes connections to SQLite that keep what they have prepared, by
// its text. Reading a statement takes longer than doing it when it writes a few
// rows; MySQL gets its statements whole, see [newMySQLConnector].
type statementCache struct{ driver.Connector }

// sqliteConn is what database/sql uses of a connection to SQLite.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

func (c *statementCache) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return newCachingConn(conn.(sqliteConn)), nil //nolint:errcheck,forcetypeassert // the driver's connections are
}

// cachingConn is used by one goroutine at a time, like any connection.
type cachingConn struct {
	sqliteConn
	kept  map[string]*linked.Element // of *statement
	order linked.List                // the last used is in front
}

func newCachingConn(conn sqliteConn) *cachingConn {
	return &cachingConn{sqliteConn: conn, kept: make(map[string]*linked.Element)}
}

// statement is one that may be used again. The driver's has both methods.
type statement struct {
	query string
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.Stmt
}

// prepare returns the statement for query, which is the caller's until it gives it
// back, because a query may run within the rows of the same one.
func (c *cachingConn) prepare(ctx context.Context, query string) (*statement, error) {
	if e := c.kept[query]; e != nil {
		delete(c.kept, query)
		return c.order.Remove(e).(*statement), nil //nolint:errcheck,forcetypeassert // see kept
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &statement{
		query:            query,
		StmtExecContext:  stmt.(driver.StmtExecContext),  //nolint:errcheck,forcetypeassert // the driver's has it
		StmtQueryContext: stmt.(driver.StmtQueryContext), //nolint:errcheck,forcetypeassert // and this
		Stmt:             stmt,
	}, nil
}

// keep takes st back for the next use, and closes the one that was used least
// lately if there are too many.
func (c *cachingConn) keep(st *statement) error {
	if c.kept[st.query] != nil {
		return st.Close()
	}
	c.kept[st.query] = c.order.PushFront(st)
	if c.order.Len() <= maxStatements {
		return nil
	}
	oldest := c.order.Remove(c.order.Back()).(*statement) //nolint:errcheck,forcetypeassert // see kept
	delete(c.kept, oldest.query)
	return oldest.Close()
}

// ExecContext implements [driver.ExecerContext].
func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := st.ExecContext(ctx, args)
	return result, errors.Join(err, c.keep(st))
}

// QueryContext implements [driver.QueryerContext].
func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	st, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.keep(st))
	}
	return &keptRows{Rows: rows, conn: c, st: st}, nil
}

// Close implements [driver.Conn].
func (c *cachingConn) Close() error {
	var errs []error
	for e := c.order.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*statement).Close()) //nolint:errcheck,forcetypeassert // see kept
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// keptRows give their statement back when they are closed.
type keptRows struct {
	driver.Rows
	conn *cachingConn
	st   *statement
}

func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if r.st != nil {
		err = errors.Join(err, r.conn.keep(r.st))
		r.st = nil
	}
	return err
}

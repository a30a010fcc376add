package repo

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

const (
	// nodeRest is how long a node that could not be used is asked after the others.
	nodeRest = 10 * time.Second

	// nodesLifetime bounds the life of a connection where there are several nodes:
	// then all are to the first again that works.
	nodesLifetime = time.Minute
)

// splitNodes returns a DSN for each of the addresses in
// user:password@tcp(a:3306,b:3306)/database, or errDSN when one of several is empty.
func splitNodes(dsn string) ([]string, error) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 1 || dsn[slash-1] != ')' {
		return []string{dsn}, nil
	}
	at := strings.LastIndexByte(dsn[:slash], '@') + 1
	begin := at + strings.IndexByte(dsn[at:slash], '(') + 1
	addresses := strings.Split(dsn[begin:slash-1], ",")
	all := make([]string, len(addresses))
	for i, address := range addresses {
		if address == "" && len(addresses) > 1 {
			return nil, errDSN
		}
		all[i] = dsn[:begin] + address + dsn[slash-1:]
	}
	return all, nil
}

// nodesConnector connects to the first of several nodes that works. It may be used
// concurrently.
type nodesConnector struct{ nodes []*nodeConnector }

type nodeConnector struct {
	driver.Connector
	restUntil atomic.Int64 // nanoseconds since 1970
}

// Connect implements [driver.Connector]. When no node works the error is that of all.
func (c *nodesConnector) Connect(ctx context.Context) (driver.Conn, error) {
	var errs []error
	for _, n := range c.inOrder(time.Now()) {
		conn, err := n.Connector.Connect(ctx)
		if err == nil {
			n.restUntil.Store(0)
			return conn, nil
		}
		if ctx.Err() == nil { // else it is not the node that is to blame
			n.restUntil.Store(time.Now().Add(nodeRest).UnixNano())
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// inOrder returns the nodes in the order in which they are to be tried.
func (c *nodesConnector) inOrder(now time.Time) []*nodeConnector {
	var fit, resting []*nodeConnector
	for _, n := range c.nodes {
		if now.UnixNano() < n.restUntil.Load() {
			resting = append(resting, n)
		} else {
			fit = append(fit, n)
		}
	}
	return append(fit, resting...)
}

// Driver implements [driver.Connector].
func (c *nodesConnector) Driver() driver.Driver { return c.nodes[0].Driver() }

// mysqlConn is what the connections of the driver can do.
type mysqlConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// leavingConn is a connection that is given up when its server says that it cannot
// work: one that was cut off from its cluster, or is to be written to no more, would
// keep its connections and refuse what they bring.
type leavingConn struct {
	mysqlConn
	left bool
}

func (c *leavingConn) note(err error) {
	switch mysqlNumber(err) {
	case mysqlNotPrepared, mysqlReadOnly, mysqlReadOnlyMode, mysqlShutdown:
		c.left = true
	}
}

// IsValid implements [driver.Validator].
func (c *leavingConn) IsValid() bool { return !c.left && c.mysqlConn.IsValid() }

// ExecContext implements [driver.ExecerContext].
func (c *leavingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.mysqlConn.ExecContext(ctx, query, args)
	c.note(err)
	return r, err
}

// QueryContext implements [driver.QueryerContext].
func (c *leavingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.mysqlConn.QueryContext(ctx, query, args)
	c.note(err)
	return rows, err
}

// BeginTx implements [driver.ConnBeginTx].
func (c *leavingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.mysqlConn.BeginTx(ctx, opts)
	c.note(err)
	if err != nil {
		return nil, err
	}
	return &leavingTx{tx, c}, nil
}

type leavingTx struct {
	driver.Tx
	conn *leavingConn
}

// Commit implements [driver.Tx].
func (t *leavingTx) Commit() error {
	err := t.Tx.Commit()
	t.conn.note(err)
	return err
}

// joinGalera prepares a connection to a node of a Galera cluster, and does nothing
// on another server. What was committed on one node before a statement begins is seen
// by it on every other: the statement waits for that. A node that has not joined its
// cluster is an error.
func joinGalera(ctx context.Context, conn mysqlConn) error {
	on, err := setting(ctx, conn, "SHOW VARIABLES LIKE 'wsrep_on'")
	if err != nil || on != "ON" {
		return err
	}
	ready, err := setting(ctx, conn, "SHOW STATUS LIKE 'wsrep_ready'")
	if err != nil {
		return err
	}
	if ready != "ON" {
		return &mysql.MySQLError{Number: mysqlNotPrepared, Message: "this node has not joined its cluster"}
	}
	// 1 is for reads and the beginning of a transaction, 2 for UPDATE and DELETE, 4 for INSERT.
	_, err = conn.ExecContext(ctx, "SET SESSION wsrep_sync_wait = 7", nil)
	return err
}

// isGalera reports whether a server is a node of a Galera cluster. There a commit of
// another node may end a transaction at any moment, which does not seem to be told
// among statements that were sent together. With two writers, four of ten runs lost
// acknowledged batches so and a fifth left a gap in a log; none of 22 runs did where
// each statement is sent, and answered, by itself (MariaDB 10.11, galera-4).
func isGalera(ctx context.Context, db *sqlx.DB) (bool, error) {
	var name, on string
	err := db.QueryRowxContext(ctx, "SHOW VARIABLES LIKE 'wsrep_on'").Scan(&name, &on)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return on == "ON", err
}

// setting returns the second column of a SHOW, or "" when it shows nothing.
func setting(ctx context.Context, conn mysqlConn, show string) (string, error) {
	rows, err := conn.QueryContext(ctx, show, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close() //nolint:errcheck // nothing was written
	row := make([]driver.Value, 2)
	switch err := rows.Next(row); {
	case errors.Is(err, io.EOF):
		return "", nil
	case err != nil:
		return "", err
	}
	value, _ := row[1].([]byte)
	return strings.ToUpper(string(value)), nil
}

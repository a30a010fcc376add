package repo

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// mysqlCommitters is how many batches of messages are committed at once.
const mysqlCommitters = 2

// mysqlConns bounds the connections of this process to MySQL.
const mysqlConns = 32

// errDSN stands for all that the driver says about a DSN: it may quote any part
// of one that is malformed, and so the password.
var errDSN = errors.New("the MySQL DSN is not valid; it is like user:password@tcp(host:3306)/database, with several hosts as tcp(a:3306,b:3306)")

// newMySQLConnector reads dsn, which may name several nodes that have the same data,
// and adds what gim depends on. Its errors do not repeat it. Only connections that are
// to take many statements at once do.
func newMySQLConnector(dsn string, many bool) (*nodesConnector, error) {
	dsns, err := splitNodes(dsn)
	if err != nil {
		return nil, err
	}
	c := &nodesConnector{}
	for _, one := range dsns {
		node, err := newNodeConnector(one, many)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, &nodeConnector{Connector: node})
	}
	return c, nil
}

func newNodeConnector(dsn string, many bool) (driver.Connector, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errDSN
	}
	cfg.Loc = time.UTC
	cfg.InterpolateParams = true // statements vary in length: preparing each would triple the round trips
	cfg.MultiStatements = many
	cfg.ClientFoundRows = true      // an UPDATE counts the rows it matched, as on SQLite
	cfg.MaxAllowedPacket = 0        // ask the server
	cfg.Logger = &mysql.NopLogger{} // what it would print comes back as an error too
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = 30 * time.Second
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 30 * time.Second
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errDSN
	}
	return &sessionConnector{c}, nil
}

func openDB(c *nodesConnector) *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(c), "mysql")
	db.SetMaxOpenConns(mysqlConns)
	db.SetMaxIdleConns(mysqlConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // follows a server that moved
	if len(c.nodes) > 1 {
		db.SetConnMaxLifetime(nodesLifetime)
	}
	return db
}

// sessionConnector prepares each new connection: READ COMMITTED, so that what a
// transaction reads after it got a lock is what the former holder committed,
// a strict mode, so that nothing is cut to fit, and what Galera needs.
type sessionConnector struct{ driver.Connector }

func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full := conn.(mysqlConn) //nolint:errcheck,forcetypeassert // the driver's connections are
	if err := prepareSession(ctx, full); err != nil {
		_ = conn.Close() // the first error tells more
		return nil, fmt.Errorf("prepare connection: %w", err)
	}
	return &leavingConn{mysqlConn: full}, nil
}

func prepareSession(ctx context.Context, conn mysqlConn) error {
	for _, q := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
	} {
		if _, err := conn.ExecContext(ctx, q, nil); err != nil {
			return err
		}
	}
	return joinGalera(ctx, conn)
}

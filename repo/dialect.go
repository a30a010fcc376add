package repo

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect holds everything that differs between the databases. Statements that
// need none of it are written once, in SQL that both accept.
type dialect struct {
	name string // directory under migrations

	// atOnce is set where a round trip takes longer than a statement, so that several are
	// better sent together. Not on Galera, see isGalera.
	atOnce bool

	// forUpdate ends a SELECT whose rows the transaction is going to change. On
	// SQLite the transaction holds the only write lock from its beginning.
	forUpdate string

	// pairs is a table of n rows with the columns a and b. To join it finds rows by
	// two columns of a key on every database; not all use the key for a list of rows
	// after IN. triples has a column c besides.
	pairs, triples func(n int) string

	// index follows a table that is to be read by an index: without statistics SQLite
	// may take another one that has fewer of the columns.
	index func(name string) string

	// then joins a table, with its alias, to what stands before it, which is read first;
	// rows of the table are found by its primary key. What the database thinks of sizes
	// may be long out of date, and lead it to read a table as a whole.
	then func(table string) string

	// isConflict reports an error after which the whole transaction may be run
	// again: a lost race for a lock or for a unique key.
	isConflict func(error) bool
	// isUnavailable reports that the database could not be reached, or cannot
	// work for now.
	isUnavailable func(error) bool

	// snapshot begins a transaction that reads as of one moment. Where it is nil every
	// one does, and only one writes at a time.
	snapshot *sql.TxOptions

	// upsert ends an INSERT: rows whose key exists get the new values of columns.
	upsert func(key, columns []string) string
	// raise ends an INSERT: rows whose key exists get the new value of column if it
	// is greater.
	raise func(key []string, column string) string
	// add ends an INSERT: rows whose key exists get the new value of column on top.
	add func(key []string, column string) string
}

// MySQL's error numbers, https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html;
// TiDB's own, https://docs.pingcap.com/tidb/stable/error-codes.
const (
	mysqlColumnExists  = 1060
	mysqlIndexExists   = 1061
	mysqlDuplicate     = 1062
	mysqlLockWait      = 1205
	mysqlDeadlock      = 1213
	mysqlReadOnly      = 1290
	mysqlShutdown      = 1053
	mysqlTooMany       = 1040
	mysqlNotPrepared   = 1047 // Galera: the node has not joined its cluster
	mysqlDiskFull      = 1021
	mysqlTableFull     = 1114
	mysqlUserTooMany   = 1203
	mysqlInterrupted   = 1317
	mysqlReadOnlyMode  = 1836
	mariadbKilled      = 1927 // also what a server that shuts down tells its connections
	tidbWriteConflict  = 9007
	tidbRetryExhausted = 8002
	tidbCommitConflict = 8022
)

var mysqlDialect = dialect{
	name:      "mysql",
	atOnce:    true,
	forUpdate: " FOR UPDATE",
	snapshot:  &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	pairs: func(n int) string {
		return "(SELECT ? AS a, ? AS b" + strings.Repeat(" UNION ALL SELECT ?, ?", n-1) + ")"
	},
	triples: func(n int) string {
		return "(SELECT ? AS a, ? AS b, ? AS c" + strings.Repeat(" UNION ALL SELECT ?, ?, ?", n-1) + ")"
	},
	index: func(name string) string { return " FORCE INDEX (" + name + ")" },
	then:  func(table string) string { return " STRAIGHT_JOIN " + table + " FORCE INDEX (PRIMARY)" },
	isConflict: func(err error) bool {
		switch mysqlNumber(err) {
		case mysqlDuplicate, mysqlLockWait, mysqlDeadlock, tidbWriteConflict, tidbRetryExhausted, tidbCommitConflict:
			return true
		}
		return false
	},
	isUnavailable: func(err error) bool {
		switch mysqlNumber(err) {
		case mysqlReadOnly, mysqlReadOnlyMode, mysqlShutdown, mysqlTooMany, mysqlUserTooMany, mysqlNotPrepared,
			mysqlDiskFull, mysqlTableFull, mysqlInterrupted, mariadbKilled:
			return true
		}
		_, network := errors.AsType[net.Error](err)
		return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn)
	},
	upsert: func(_, columns []string) string {
		set := make([]string, len(columns))
		for i, c := range columns {
			set[i] = c + " = VALUES(" + c + ")"
		}
		return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	},
	raise: func(_ []string, column string) string {
		return " ON DUPLICATE KEY UPDATE " + column + " = GREATEST(" + column + ", VALUES(" + column + "))"
	},
	add: func(_ []string, column string) string {
		return " ON DUPLICATE KEY UPDATE " + column + " = " + column + " + VALUES(" + column + ")"
	},
}

var sqliteDialect = dialect{
	name: "sqlite",
	pairs: func(n int) string {
		return "(SELECT column1 AS a, column2 AS b FROM (VALUES (?, ?)" + strings.Repeat(", (?, ?)", n-1) + "))"
	},
	triples: func(n int) string {
		return "(SELECT column1 AS a, column2 AS b, column3 AS c FROM (VALUES (?, ?, ?)" + strings.Repeat(", (?, ?, ?)", n-1) + "))"
	},
	index: func(name string) string { return " INDEXED BY " + name },
	then:  func(table string) string { return " CROSS JOIN " + table },
	isConflict: func(err error) bool {
		switch code := sqliteCode(err); {
		case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
			return true
		default:
			return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
		}
	},
	isUnavailable: func(err error) bool {
		switch sqliteCode(err) & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY:
			return true
		}
		return false
	},
	upsert: func(key, columns []string) string {
		set := make([]string, len(columns))
		for i, c := range columns {
			set[i] = c + " = excluded." + c
		}
		return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
	},
	raise: func(key []string, column string) string {
		return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + column + " = MAX(" + column + ", excluded." + column + ")"
	},
	add: func(key []string, column string) string {
		return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + column + " = " + column + " + excluded." + column
	},
}

func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

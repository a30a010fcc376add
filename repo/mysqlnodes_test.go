package repo

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
)

func TestSplitNodes_IsADSNForEachAddress(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string][]string{
		"u:p@tcp(a:1)/gim":                   {"u:p@tcp(a:1)/gim"},
		"u:p,(@)/x@tcp(a:1,b,[::1]:3)/gim?x": {"u:p,(@)/x@tcp(a:1)/gim?x", "u:p,(@)/x@tcp(b)/gim?x", "u:p,(@)/x@tcp([::1]:3)/gim?x"},
		"u@unix(/a/s.sock,/b/s.sock)/gim":    {"u@unix(/a/s.sock)/gim", "u@unix(/b/s.sock)/gim"},
		"u:p@/gim":                           {"u:p@/gim"},
		"/":                                  {"/"},
		"":                                   {""},
		"x)/gim":                             {"x)/gim"},
	} {
		got, err := splitNodes(dsn)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", dsn, err, diff)
		}
	}
}

func TestNewMySQLConnector_RefusesAListWithAHole(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"u@tcp(a:1,)/gim", "u@tcp(,a:1)/gim", "u@tcp(a:1,,b:1)/gim"} {
		if _, err := newMySQLConnector(dsn, false); !errors.Is(err, errDSN) {
			t.Errorf("%s: %v, want errDSN", dsn, err)
		}
	}
}

// fakeNode is a server that answers every statement with err.
type fakeNode struct {
	name  string
	down  bool
	err   error
	dials *[]string
}

func (n *fakeNode) Driver() driver.Driver { return mysql.MySQLDriver{} }

func (n *fakeNode) Connect(context.Context) (driver.Conn, error) {
	*n.dials = append(*n.dials, n.name)
	if n.down {
		return nil, errors.New(n.name + " is down")
	}
	return &leavingConn{mysqlConn: &fakeConn{node: n}}, nil
}

type fakeConn struct {
	mysqlConn
	node *fakeNode
}

func (c *fakeConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(0), c.node.err
}

func (c *fakeConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, c.node.err
}

func (c *fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return fakeTx{c.node}, nil
}
func (c *fakeConn) CheckNamedValue(*driver.NamedValue) error { return nil }
func (c *fakeConn) ResetSession(context.Context) error       { return nil }
func (c *fakeConn) IsValid() bool                            { return true }
func (c *fakeConn) Close() error                             { return nil }

type fakeTx struct{ node *fakeNode }

func (t fakeTx) Commit() error   { return t.node.err }
func (t fakeTx) Rollback() error { return nil }

func TestNodesConnector_TriesANodeThatFailedAfterTheOthers(t *testing.T) {
	t.Parallel()
	var dials []string
	a, b := &fakeNode{name: "a", down: true, dials: &dials}, &fakeNode{name: "b", dials: &dials}
	c := &nodesConnector{nodes: []*nodeConnector{{Connector: a}, {Connector: b}}}
	connect := func(want ...string) {
		t.Helper()
		dials = nil
		_, _ = c.Connect(t.Context()) // what was dialled tells
		if diff := cmp.Diff(want, dials); diff != "" {
			t.Errorf("dialled (-want +got):\n%s", diff)
		}
	}
	connect("a", "b")
	connect("b")
	b.down = true
	connect("b", "a")
	a.down, b.down = false, false
	c.nodes[0].restUntil.Store(time.Now().Add(-time.Second).UnixNano())
	connect("a")

	a.down, b.down = true, true
	if _, err := c.Connect(t.Context()); err == nil || err.Error() != "b is down\na is down" && err.Error() != "a is down\nb is down" {
		t.Errorf("no node works: %v, want the errors of both", err)
	}
}

func TestNodesConnector_DoesNotBlameANodeForAnImpatientCaller(t *testing.T) {
	t.Parallel()
	var dials []string
	a, b := &fakeNode{name: "a", down: true, dials: &dials}, &fakeNode{name: "b", down: true, dials: &dials}
	c := &nodesConnector{nodes: []*nodeConnector{{Connector: a}, {Connector: b}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = c.Connect(ctx)
	if c.nodes[0].restUntil.Load() != 0 || c.nodes[1].restUntil.Load() != 0 {
		t.Error("a node rests because its caller went away")
	}
}

func TestLeavingConn_IsGivenUpWhenItsServerCannotWork(t *testing.T) {
	t.Parallel()
	for number, leaves := range map[uint16]bool{
		mysqlNotPrepared: true, mysqlReadOnly: true, mysqlReadOnlyMode: true, mysqlShutdown: true,
		mysqlDeadlock: false, mysqlDuplicate: false,
	} {
		for name, use := range map[string]func(*sql.DB) error{
			"exec":  func(db *sql.DB) error { _, err := db.Exec("x"); return err },
			"query": func(db *sql.DB) error { return db.QueryRow("x").Scan() },
			"commit": func(db *sql.DB) error {
				tx, err := db.Begin()
				if err == nil {
					err = tx.Commit()
				}
				return err
			},
		} {
			var dials []string
			node := &fakeNode{name: "a", err: &mysql.MySQLError{Number: number}, dials: &dials}
			db := sql.OpenDB(&nodesConnector{nodes: []*nodeConnector{{Connector: node}}})
			for range 2 {
				if err := use(db); mysqlNumber(err) != number {
					t.Errorf("%s: %v, want %d", name, err, number)
				}
			}
			want := 1
			if leaves {
				want = 2
			}
			if len(dials) != want {
				t.Errorf("error %d on %s: %d connections, want %d", number, name, len(dials), want)
			}
			_ = db.Close()
		}
	}
}

func TestStore_RunsAgainOnAnotherNodeOnlyWhatWasNotCommitted(t *testing.T) {
	t.Parallel()
	gone, lost := &mysql.MySQLError{Number: mysqlNotPrepared}, &mysql.MySQLError{Number: mysqlDeadlock}
	for _, tt := range []struct {
		err     error
		canMove bool
		want    bool
	}{
		{gone, true, true},
		{gone, false, false},
		{driver.ErrBadConn, true, true},
		{&commitError{gone}, true, false},
		{&commitError{driver.ErrBadConn}, true, false},
		{lost, false, true},
		{&commitError{lost}, false, true}, // Galera says so there
		{errors.New("other"), true, false},
	} {
		s := &Store{dialect: mysqlDialect, canMove: tt.canMove}
		if got := s.mayRunAgain(tt.err); got != tt.want {
			t.Errorf("%v with other nodes %v: runs again is %v, want %v", tt.err, tt.canMove, got, tt.want)
		}
	}
}

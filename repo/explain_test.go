package repo

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/repo/storetest"
	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
)

// statementsSeen are the different statements that went to a database.
type statementsSeen struct {
	mu sync.Mutex
	// all has how often each was sent, without the lengths of its lists; and under
	// "\x00" + the first of each, how many values that takes.
	all    map[string]int
	shapes map[string]string // what all has them under
}

// times is how often statements with part were sent.
func (s *statementsSeen) times(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for shape, times := range s.all {
		if shape[0] != 0 && strings.Contains(shape, part) {
			n += times
		}
	}
	return n
}

var lists = regexp.MustCompile(`\?(, \?)+|\(\?, \?\)(, \(\?, \?\))+`)

// wholeTable is a step of a plan that reads all of a table.
var wholeTable = regexp.MustCompile(`^SCAN \w+($| USING)`)

func (s *statementsSeen) note(query string, values int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shape, known := s.shapes[query]
	if !known {
		shape = lists.ReplaceAllString(query, "?…")
		s.shapes[query] = shape
	}
	if s.all[shape]++; s.all[shape] == 1 {
		s.all["\x00"+query] = values
	}
}

func newStatementsSeen() *statementsSeen {
	return &statementsSeen{all: map[string]int{}, shapes: map[string]string{}}
}

// spy is a connector whose connections note what they are asked.
type spy struct {
	*statementCache
	seen *statementsSeen
}

func (s *spy) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.statementCache.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &spyConn{conn.(*cachingConn), s.seen}, nil //nolint:errcheck,forcetypeassert // as it is made
}

type spyConn struct {
	*cachingConn
	seen *statementsSeen
}

func (c *spyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.seen.note(query, len(args))
	return c.cachingConn.QueryContext(ctx, query, args)
}

func (c *spyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.seen.note(query, len(args))
	return c.cachingConn.ExecContext(ctx, query, args)
}

// watch notes what a store on dir asks from now on.
func (s *statementsSeen) watch(t *testing.T, store *Store, dir string) {
	t.Helper()
	for db, extra := range map[**sqlx.DB]string{&store.write: "_txlock=immediate", &store.read: "_pragma=query_only(1)"} {
		connector, err := sqlite.NewConnector(sqliteDSN(dir+"/gim.db", extra))
		if err != nil {
			t.Fatal(err)
		}
		plain := *db
		*db = sqlx.NewDb(sql.OpenDB(&spy{&statementCache{connector}, s}), sqliteDialect.name)
		if err := plain.Close(); err != nil {
			t.Error(err)
		}
	}
	store.write.SetMaxOpenConns(1)
	store.read.SetMaxOpenConns(sqliteReaders)
	store.read.SetMaxIdleConns(sqliteReaders)
	store.commits = store.write
}

// Every statement of the conformance suite finds its rows by an index, also where
// somebody has had SQLite gather statistics, by which it may choose another way.
func TestSQLite_KeepsTheStoresPromisesAndReadsNoTableAsAWhole(t *testing.T) {
	t.Parallel()
	seen := newStatementsSeen()
	dir := t.TempDir()
	t.Run("suite", func(t *testing.T) {
		storetest.Exercise(t, func(t *testing.T, p domain.Publisher) storetest.Store {
			t.Helper()
			s, err := Open(t.Context(), Options{DataDir: dir, Search: true, Publisher: p, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			seen.watch(t, s, dir)
			return s
		})
	})
	t.Run("without statistics", func(t *testing.T) { seen.explain(t, dir) })
	pretendLarge(t, dir)
	t.Run("with those of a large store", func(t *testing.T) { seen.explain(t, dir) })
}

// explain fails for each statement that reads all of a table.
func (s *statementsSeen) explain(t *testing.T, dir string) {
	t.Helper()
	db := openStore(t, Options{DataDir: dir}).read
	explained := 0
	for query, values := range s.all {
		query, isStatement := strings.CutPrefix(query, "\x00")
		if !isStatement || strings.HasPrefix(query, "INSERT") {
			continue
		}
		explained++
		for _, step := range scans(planOf(t, db, query, values)) {
			t.Errorf("%s\n\t%s", step, query)
		}
	}
	if explained < 40 {
		t.Errorf("only %d statements were seen", explained)
	}
}

// pretendLarge gives a database the statistics of one with 100,000 users and a
// million messages, as ANALYZE writes them: how many rows an index has, and how many
// there are for one value of its first column, its first two, and so on.
func pretendLarge(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(t.Context(), Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := s.write.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("ANALYZE")
	exec("DELETE FROM sqlite_stat1")
	for _, of := range [][3]string{
		{"user_log", "user_log", "2700000 2700000 45 1"},
		{"messages", "messages", "1000000 1000000 40 1"},
		{"chat_groups", "chat_groups_by_name", "12002 12002 1"},
		{"chat_groups", "chat_groups", "12002 12002 1"},
		{"user_heads", "user_heads", "100001 100001 1"},
		{"sends", "sends", "1000000 1000000 1"},
		{"members", "members_by_role", "262600 262600 8 6 6"},
		{"members", "members_by_user", "262600 262600 3 2 1"},
		{"members", "members", "262600 262600 8 1"},
		{"conversations", "conversations_by_key", "33252 33252 1"},
		{"conversations", "conversations", "33252 33252 1"},
		{"users", "users_by_name", "100001 100001 1 1"},
		{"users", "users", "100001 100001 1"},
		{"devices", "devices", "200000 200000 1"},
		{"devices", "devices_by_user", "200000 200000 2 1"},
		{"last_seen", "last_seen", "100000 100000 1"},
		{"blocks", "blocks", "100000 100000 2 1"},
		{"contacts", "contacts", "100000 100000 2 1"},
		{"mutes", "mutes", "10000 10000 2 1"},
		{"join_requests", "join_requests", "10000 10000 2 1"},
		{"group_acks", "group_acks", "200000 200000 2 1 1"},
		{"uncounted", "uncounted", "100000 100000 3 1"},
		{"deliveries", "deliveries", "200000 200000 8 1"},
		{"user_acks", "user_acks", "100000 100000 1"},
		{"mentions", "mentions", "100000 100000 100 3 1"},
		{"search_terms", "search_terms", "10000000 10000000 300 2 1 1"},
		{"search_cursors", "search_cursors", "33252 33252 1"},
		{"revocations", "revocations", "100000 1"},
		{"apps", "apps_by_name", "1000 1 1"},
		{"apps", "apps", "1000 1"},
		{"app_keys", "app_keys_by_app", "2000 2 1"},
		{"app_keys", "app_keys", "2000 1"},
	} {
		exec("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", of[0], of[1], of[2])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// scans are the steps of a plan that read all of a table. Results that the plan
// itself gathers are none.
func scans(plan []string) (steps []string) {
	for _, step := range plan {
		name := strings.TrimPrefix(step, "SCAN ")
		if wholeTable.MatchString(step) && !slices.Contains(plan, "CO-ROUTINE "+name) && !slices.Contains(plan, "MATERIALIZE "+name) {
			steps = append(steps, step)
		}
	}
	return steps
}

// planOf is how SQLite would run a query with so many values.
func planOf(t *testing.T, db *sqlx.DB, query string, values int) []string {
	t.Helper()
	rows, err := db.QueryxContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, values)...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// Before each message it is looked up whether its receiver has blocked its sender,
// or what the sender may say in the group: by both keys, and not among all that the
// app, the receiver or the group has.
func TestSQLite_PairsAreFoundByBothKeys(t *testing.T) {
	t.Parallel()
	db := openStore(t, Options{DataDir: t.TempDir()}).read
	for want, query := range map[string]func(pairs int) string{
		"SEARCH b USING PRIMARY KEY (app_id=? AND user_id=? AND blocked_id=?)":      sqliteDialect.blockedAmong,
		"SEARCH c USING PRIMARY KEY (app_id=? AND user_id=? AND contact_id=?)":      sqliteDialect.contactsAmong,
		"SEARCH m USING PRIMARY KEY (app_id=? AND conversation_id=? AND user_id=?)": sqliteDialect.voicesOf,
		"SEARCH m USING PRIMARY KEY (app_id=? AND conversation_id=? AND seq=?)":     sqliteDialect.quotes,
	} {
		for _, pairs := range []int{1, 2, maxBatchSends} {
			plan := planOf(t, db, query(pairs), strings.Count(query(pairs), "?"))
			if !slices.Contains(plan, want) || slices.ContainsFunc(plan, wholeTable.MatchString) {
				t.Errorf("%d pairs: the plan is %q, want it with %q", pairs, plan, want)
			}
		}
	}
}

// What a batch writes many rows with does not keep copies of the pages that it
// changes, and is undone with its transaction (see leaving).
func TestSQLite_BatchesWriteWithoutCopies(t *testing.T) {
	t.Parallel()
	g, users := gatherGroup(t, 3)
	seen := newStatementsSeen()
	seen.watch(t, g.Store, g.dir)
	g.queue(g.out(users[0], domain.Target{Group: "g"}, "x", "key"))
	g.run()
	writes := 0
	for statement := range seen.all {
		if !strings.Contains(statement, "INSERT ") && !strings.Contains(statement, "UPDATE ") {
			continue
		}
		if writes++; !strings.Contains(statement, " OR FAIL ") {
			t.Errorf("writes with %s", statement)
		}
	}
	if writes < 5 {
		t.Errorf("%d statements that write were seen", writes)
	}
}

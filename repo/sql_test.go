package repo

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/testserver"
	"github.com/jmoiron/sqlx"
)

// What is sent at once fails as a whole wherever in it the fault is, and only the
// connections of committers take it.
func TestMySQL_StatementsAtOnceFailLikeOneByOne(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{MySQLDSN: testserver.MariaDB(t)})
	if _, err := s.write.ExecContext(t.Context(), "DO 1; DO 2"); err == nil {
		t.Error("a connection that is not a committer's takes two statements")
	}
	if !s.SendsTogether() {
		t.Error("on MariaDB by itself statements of a batch do not go together")
	}
	const name = `INSERT INTO counters (name, value) VALUES (?, ?)`
	undo := errors.New("undo")
	for _, c := range []struct {
		queries []string
		want    string // of the rows, or of the error
	}{
		{[]string{"SELECT ?", "SELECT ?", "SELECT ?"}, "a b c"},
		{[]string{"SELECT ?", "SELECT ? FROM counters WHERE 1 = 0", "SELECT ?"}, "a c"},
		{[]string{"SELECT ?"}, "a"},
		{nil, ""},
		{[]string{"SELECT ?", "SELECT nothing, ?", "SELECT ?"}, "nothing"},
		{[]string{"SELECT ?", "SELECT ?", "SELECT nothing, ?"}, "nothing"},
	} {
		var got []string
		err := s.inTxOf(t.Context(), s.commits, func(tx *sqlx.Tx) error {
			r := &reads{Tx: tx, atOnce: true}
			for i, query := range c.queries {
				err := each(t.Context(), r, func(rows *sqlx.Rows) error {
					var v string
					err := rows.Scan(&v)
					got = append(got, v)
					return err
				}, query, string(rune('a'+i)))
				if err != nil {
					return err
				}
			}
			if len(got) > 0 {
				t.Error("it was read before run")
			}
			return r.run(t.Context())
		})
		if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.queries, got, err, c.want)
		}
	}
	for _, last := range []string{"one", "two"} { // fails, works
		err := s.inTxOf(t.Context(), s.commits, func(tx *sqlx.Tx) error {
			w := &script{tx: tx}
			for _, row := range []string{"one", last} {
				if _, err := w.ExecContext(t.Context(), name, row, 1); err != nil {
					return err
				}
			}
			if err := w.run(t.Context()); err != nil {
				return undo
			}
			return nil
		})
		if (last == "one") != errors.Is(err, undo) {
			t.Errorf("rows one and %s: %v", last, err)
		}
	}
	var names []string
	if err := s.read.SelectContext(t.Context(), &names, `SELECT name FROM counters ORDER BY name`); err != nil || !slices.Equal(names, []string{"apps", "one", "revocations", "two"}) {
		t.Errorf("got %v, %v", names, err)
	}
}

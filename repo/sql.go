package repo

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// chunk is the most rows or keys that one statement handles. At 17 placeholders
// a row it stays far below SQLite's 32,766 and MySQL's 65,535.
const chunk = 500

// execer is what statements that write need: a transaction, or a script of one.
type execer interface {
	sqlx.ExecerContext
	DriverName() string
}

// script gathers statements that write, for a database to which a round trip takes
// longer than a statement: run sends all of them at once, and the first that fails ends
// them. The connection must take several statements at once.
type script struct {
	tx     *sqlx.Tx
	text   strings.Builder
	values []any
}

// DriverName implements execer.
func (s *script) DriverName() string { return s.tx.DriverName() }

// ExecContext implements execer. It has no result.
func (s *script) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	s.text.WriteString(query)
	s.text.WriteString(";\n")
	s.values = append(s.values, args...)
	return nil, nil //nolint:nilnil // nobody of those who use it asks for a result
}

func (s *script) run(ctx context.Context) error {
	if s.text.Len() == 0 {
		return nil
	}
	if _, err := s.tx.ExecContext(ctx, strings.TrimSuffix(s.text.String(), ";\n"), s.values...); err != nil {
		return fmt.Errorf("write a batch: %w", err)
	}
	return nil
}

// in returns "(?, ?, …)" with n marks.
func in(n int) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
}

// insert writes rows of width values each, given one after another in args:
// head + " VALUES (…), (…)" + tail, in chunks.
func insert(ctx context.Context, tx execer, head, tail string, width int, args []any) error {
	row := in(width)
	head = leaving(tx, head)
	for part := range slices.Chunk(args, width*chunk) {
		rows := strings.TrimSuffix(strings.Repeat(row+", ", len(part)/width), ", ")
		if _, err := tx.ExecContext(ctx, head+" VALUES "+rows+tail, part...); err != nil {
			return fmt.Errorf("%s: %w", head, err)
		}
	}
	return nil
}

// leaving makes a statement of SQLite that writes many rows leave what it has done
// when it fails, which ends the transaction anyway. It would else copy each page
// before the first change to it, so that it can be undone by itself: a send to 500
// members took a fifth to a third more of the processor.
func leaving(tx execer, statement string) string {
	if tx.DriverName() != sqliteDialect.name {
		return statement
	}
	for _, verb := range []string{"INSERT ", "UPDATE "} {
		if rest, ok := strings.CutPrefix(statement, verb); ok {
			return verb + "OR FAIL " + rest
		}
	}
	return statement
}

// selectIn runs a query that ends in "IN" once for each chunk of keys and calls
// scan for each row. tail follows the list.
func selectIn[K any](ctx context.Context, q sqlx.QueryerContext, query, tail string, fixed []any, keys []K, scan func(*sqlx.Rows) error) error {
	for part := range slices.Chunk(keys, chunk) {
		args := slices.Clone(fixed)
		for _, k := range part {
			args = append(args, k)
		}
		if err := each(ctx, q, scan, query+" "+in(len(part))+tail, args...); err != nil {
			return err
		}
	}
	return nil
}

// reads gathers queries of a transaction, which [each] and what is made of it put off
// when they are given one: until run, what they scan into is empty. Where it pays, run
// sends all of them at once, as a script does.
type reads struct {
	*sqlx.Tx
	atOnce bool
	all    []read
}

type read struct {
	query string
	args  []any
	scan  func(*sqlx.Rows) error
}

// run runs what was gathered, in its order.
func (r *reads) run(ctx context.Context) error {
	all := r.all
	r.all = nil
	if !r.atOnce || len(all) < 2 {
		for _, one := range all {
			if err := each(ctx, r.Tx, one.scan, one.query, one.args...); err != nil {
				return err
			}
		}
		return nil
	}
	texts := make([]string, len(all))
	var args []any
	for i, one := range all {
		texts[i] = one.query
		args = append(args, one.args...)
	}
	rows, err := r.QueryxContext(ctx, strings.Join(texts, ";\n"), args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for i, one := range all {
		if i > 0 && !rows.NextResultSet() {
			return cmp.Or(rows.Err(), fmt.Errorf("%d of %d queries were answered", i, len(all)))
		}
		for rows.Next() {
			if err := one.scan(rows); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// each runs a query and calls scan for each row.
func each(ctx context.Context, q sqlx.QueryerContext, scan func(*sqlx.Rows) error, query string, args ...any) error {
	if r, ok := q.(*reads); ok {
		r.all = append(r.all, read{query, args, scan})
		return nil
	}
	rows, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addTo raises column of the rows whose key column has one of the keys of by,
// each by its amount. There is one statement for each different amount, which
// are few, whatever the number of rows. set is what else is set in all of them.
func addTo[K ~int64](ctx context.Context, tx execer, table, column, key string, app any, by map[K]int64, set string, values ...any) error {
	rows := make(map[int64][]K)
	for k, amount := range by {
		rows[amount] = append(rows[amount], k)
	}
	for amount, keys := range rows {
		slices.Sort(keys)
		for part := range slices.Chunk(keys, chunk) {
			args := append(append([]any{amount}, values...), app)
			for _, k := range part {
				args = append(args, int64(k))
			}
			query := leaving(tx, "UPDATE ") + fmt.Sprintf("%s SET %s = %s + ?%s WHERE app_id = ? AND %s IN %s", table, column, column, set, key, in(len(part)))
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return fmt.Errorf("raise %s: %w", table, err)
			}
		}
	}
	return nil
}

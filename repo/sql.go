package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// chunk is the most rows or keys that one statement handles. At 15 placeholders
// a row it stays far below SQLite's 32,766 and MySQL's 65,535.
const chunk = 500

// in returns "(?, ?, …)" with n marks.
func in(n int) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
}

// insert writes rows of width values each, given one after another in args:
// head + " VALUES (…), (…)" + tail, in chunks.
func insert(ctx context.Context, tx *sqlx.Tx, head, tail string, width int, args []any) error {
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
func leaving(tx *sqlx.Tx, statement string) string {
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

// each runs a query and calls scan for each row.
func each(ctx context.Context, q sqlx.QueryerContext, scan func(*sqlx.Rows) error, query string, args ...any) error {
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
// are few, whatever the number of rows.
func addTo[K ~int64](ctx context.Context, tx *sqlx.Tx, table, column, key string, app any, by map[K]int64) error {
	rows := make(map[int64][]K)
	for k, amount := range by {
		rows[amount] = append(rows[amount], k)
	}
	for amount, keys := range rows {
		slices.Sort(keys)
		for part := range slices.Chunk(keys, chunk) {
			args := []any{amount, app}
			for _, k := range part {
				args = append(args, int64(k))
			}
			query := leaving(tx, "UPDATE ") + fmt.Sprintf("%s SET %s = %s + ? WHERE app_id = ? AND %s IN %s", table, column, column, key, in(len(part)))
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return fmt.Errorf("raise %s: %w", table, err)
			}
		}
	}
	return nil
}

package repo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.PresenceStore = (*Store)(nil)

// LastSeen implements [domain.PresenceStore].
func (s *Store) LastSeen(ctx context.Context, app domain.AppNum, ids []domain.UserID) (map[domain.UserID]domain.LastSeen, error) {
	const users = `SELECT u.user_id, u.id, COALESCE(s.seen_at, 0) FROM users u
		LEFT JOIN last_seen s ON s.app_id = u.app_id AND s.user_id = u.id
		WHERE u.app_id = ? AND u.deleted_at = 0 AND u.user_id IN`
	nums, seen := make(map[domain.UserID]domain.UserNum, len(ids)), make(map[domain.UserNum]int64, len(ids))
	err := selectIn(ctx, s.read, users, "", []any{app}, ids, func(rows *sqlx.Rows) error {
		var id domain.UserID
		var num domain.UserNum
		var at int64
		err := rows.Scan(&id, &num, &at)
		nums[id], seen[num] = num, at
		return err
	})
	// By itself and grouped, so that SQLite goes by the index of users; otherwise it
	// would read all devices of the app.
	const devices = `SELECT user_id, MAX(last_seen_at) FROM devices WHERE app_id = ? AND user_id IN`
	if err == nil {
		err = selectIn(ctx, s.read, devices, " GROUP BY user_id", []any{app}, slices.Collect(maps.Keys(seen)), func(rows *sqlx.Rows) error {
			var num domain.UserNum
			var at int64
			err := rows.Scan(&num, &at)
			seen[num] = max(seen[num], at)
			return err
		})
	}
	if err != nil {
		return nil, s.readError("read when users were seen", err)
	}
	found := make(map[domain.UserID]domain.LastSeen, len(nums))
	for id, num := range nums {
		found[id] = domain.LastSeen{Num: num}
		if at := seen[num]; at > 0 {
			found[id] = domain.LastSeen{Num: num, At: time.UnixMilli(at).UTC()}
		}
	}
	return found, nil
}

// seenChunk is the most devices that one statement touches. It compares each with
// each, so it stays well below chunk.
const seenChunk = 100

// SaveSeen implements [domain.PresenceStore].
func (s *Store) SaveSeen(ctx context.Context, app domain.AppNum, seen []domain.Seen) error {
	devices := latest(seen, func(a, b domain.Seen) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.User, b.User))
	})
	devices = slices.DeleteFunc(devices, func(d domain.Seen) bool { return d.Device == "" })
	var users []any
	for _, u := range latest(seen, func(a, b domain.Seen) int { return cmp.Compare(a.User, b.User) }) {
		users = append(users, app, int64(u.User), u.At.UnixMilli())
	}
	raise := s.dialect.raise([]string{"app_id", "user_id"}, "seen_at")
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		for part := range slices.Chunk(devices, seenChunk) {
			if err := touchDevices(ctx, tx, app, part); err != nil {
				return err
			}
		}
		return insert(ctx, tx, `INSERT INTO last_seen (app_id, user_id, seen_at)`, raise, 3, users)
	})
	if err != nil {
		return fmt.Errorf("save when users were seen: %w", err)
	}
	return nil
}

// latest returns the latest of those that compare as equal, in that order: rows
// are locked in one order everywhere.
func latest(seen []domain.Seen, compare func(a, b domain.Seen) int) []domain.Seen {
	sorted := slices.SortedFunc(slices.Values(seen), func(a, b domain.Seen) int {
		return cmp.Or(compare(a, b), b.At.Compare(a.At))
	})
	return slices.CompactFunc(sorted, func(a, b domain.Seen) bool { return compare(a, b) == 0 })
}

func touchDevices(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, seen []domain.Seen) error {
	var cases strings.Builder
	args := make([]any, 0, 5*len(seen)+1)
	for _, d := range seen {
		cases.WriteString(" WHEN device_id = ? AND user_id = ? AND last_seen_at < ? THEN ?")
		args = append(args, string(d.Device), int64(d.User), d.At.UnixMilli(), d.At.UnixMilli())
	}
	args = append(args, app)
	for _, d := range seen {
		args = append(args, string(d.Device))
	}
	_, err := tx.ExecContext(ctx, `UPDATE devices SET last_seen_at = CASE`+cases.String()+` ELSE last_seen_at END
		WHERE app_id = ? AND device_id IN `+in(len(seen)), args...)
	return err
}

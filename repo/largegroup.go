package repo

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// groupLog is the log of a group as a user stands to it.
type groupLog struct {
	num          domain.ConversationNum
	id           domain.GroupID
	isLarge      bool
	history      domain.HistoryRule
	liveAudience bool
	isDismissed  bool
	largeSince   int64
	head         int64
	joined       sql.NullInt64 // joined_seq of a member
}

// groupLogColumns are what groupLog.scan reads; the first argument is the user's
// number, and a condition on the group follows.
const groupLogColumns = `SELECT g.id, g.group_id, g.type, g.history, g.live_audience, g.dismissed_at, g.large_since, c.last_seq, m.joined_seq
	FROM chat_groups g JOIN conversations c ON c.app_id = g.app_id AND c.id = g.id
	LEFT JOIN members m ON m.app_id = g.app_id AND m.conversation_id = g.id AND m.user_id = ? WHERE g.app_id = ? AND `

// groupLogByID and groupLogByNum read the log of one group, or ErrGroupNotFound.
func (s *Store) groupLogByID(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.GroupID) (groupLog, error) {
	return s.groupLog(ctx, groupLogColumns+`g.group_id = ?`, user, app, string(id))
}

func (s *Store) groupLogByNum(ctx context.Context, app domain.AppNum, user domain.UserNum, num domain.ConversationNum) (groupLog, error) {
	return s.groupLog(ctx, groupLogColumns+`g.id = ?`, user, app, num)
}

func (s *Store) groupLog(ctx context.Context, query string, args ...any) (groupLog, error) {
	l, err := readGroupLog(ctx, s.read, query, args...)
	if err != nil && !errors.Is(err, domain.ErrGroupNotFound) {
		return l, s.readError("read group", err)
	}
	return l, err
}

func readGroupLog(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) (l groupLog, err error) {
	var typ domain.GroupType
	var dismissed int64
	err = q.QueryRowxContext(ctx, query, args...).
		Scan(&l.num, &l.id, &typ, &l.history, &l.liveAudience, &dismissed, &l.largeSince, &l.head, &l.joined)
	l.isLarge, l.isDismissed = typ == domain.GroupLarge, dismissed != 0
	if errors.Is(err, sql.ErrNoRows) {
		err = domain.ErrGroupNotFound
	}
	return l, err
}

// memberFrom is the number behind which a member may read, or ErrNotInGroup.
func (l *groupLog) memberFrom() (int64, error) {
	switch {
	case !l.joined.Valid:
		return 0, domain.ErrNotInGroup
	case l.history == domain.HistoryAll:
		return 0, nil
	}
	return l.joined.Int64, nil
}

// readerFrom is the number behind which a reader may read the log of a large group.
// An audience has no memory: it asks about what it has just missed.
func (l *groupLog) readerFrom(r domain.GroupReader) (from int64, err error) {
	if !r.Audience {
		if from, err = l.memberFrom(); err != nil {
			return 0, err
		}
	}
	switch {
	case !l.isLarge:
		return 0, domain.ErrNotLarge
	case r.Audience && (!l.liveAudience || l.isDismissed):
		return 0, domain.ErrNoAudience
	}
	return from, nil
}

// begin is what a device of a member that has confirmed nothing stands at. What came
// before is in the member's own log, or is not news to it.
func (l *groupLog) begin() int64 { return max(l.joined.Int64, l.largeSince) }

// largeGroups is the query for the large groups of a user as a device stands to them.
// Its last column is how many events come behind what is acknowledged.
func (d dialect) largeGroups(withEnds bool) string {
	which := `l.dismissed_at = 0`
	if withEnds { // only a device can confirm that it has seen one
		which += ` OR l.acked < l.head`
	}
	const begin = `CASE WHEN m.joined_seq > g.large_since THEN m.joined_seq ELSE g.large_since END`
	eventsUpTo := func(seq string) string {
		return `COALESCE((SELECT x.total FROM uncounted x WHERE x.app_id = l.app_id AND x.conversation_id = l.id AND x.seq <= ` + seq + `
			ORDER BY x.seq DESC LIMIT 1), 0)`
	}
	return `SELECT l.id, l.group_id, l.head, l.acked, ` + eventsUpTo(`l.head`) + ` - ` + eventsUpTo(`l.acked`) + ` FROM (
		SELECT g.app_id, g.id, g.group_id, g.dismissed_at, c.last_seq AS head, CASE WHEN a.acked_seq > ` + begin + ` THEN a.acked_seq ELSE ` + begin + ` END AS acked
		FROM ` + d.groupsOfUser() + d.then("conversations c") + ` ON c.app_id = g.app_id AND c.id = g.id
		LEFT JOIN group_acks a ON a.app_id = m.app_id AND a.user_id = m.user_id AND a.device_id = ? AND a.conversation_id = g.id
		WHERE m.app_id = ? AND m.user_id = ? AND m.kind = ` + strconv.Itoa(kindLarge) + `) l WHERE ` + which
}

// LargeGroups implements [domain.GroupLogStore].
func (s *Store) LargeGroups(ctx context.Context, app domain.AppNum, user domain.UserNum, device domain.DeviceID) ([]domain.LargeGroup, error) {
	var all []domain.LargeGroup
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		var g domain.LargeGroup
		var events int64
		err := rows.Scan(&g.Num, &g.ID, &g.Head, &g.Acked, &events)
		g.Unread = g.Head - g.Acked - events
		all = append(all, g)
		return err
	}, s.dialect.largeGroups(device != ""), string(device), app, user)
	if err != nil {
		return nil, s.readError("read large groups", err)
	}
	slices.SortFunc(all, func(a, b domain.LargeGroup) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// LargeGroup implements [domain.GroupLogStore].
func (s *Store) LargeGroup(ctx context.Context, app domain.AppNum, id domain.GroupID, reader domain.GroupReader) (domain.LargeGroup, error) {
	l, err := s.groupLogByID(ctx, app, reader.User, id)
	if err != nil {
		return domain.LargeGroup{}, err
	}
	if _, err := l.readerFrom(reader); err != nil {
		return domain.LargeGroup{}, err
	}
	return domain.LargeGroup{Num: l.num, ID: l.id, Head: l.head}, nil
}

// GroupHeads implements [domain.GroupLogStore].
func (s *Store) GroupHeads(ctx context.Context, app domain.AppNum, groups []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	heads, err := readHeads(ctx, s.read, app, groups)
	if err != nil {
		return nil, s.readError("read heads of groups", err)
	}
	return heads, nil
}

// readHeads reads the numbers of the last messages of conversations.
func readHeads(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, conversations []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	heads := make(map[domain.ConversationNum]int64, len(conversations))
	const query = `SELECT id, last_seq FROM conversations WHERE app_id = ? AND id IN`
	err := selectIn(ctx, q, query, "", []any{app}, conversations, func(rows *sqlx.Rows) error {
		var num domain.ConversationNum
		var head int64
		err := rows.Scan(&num, &head)
		heads[num] = head
		return err
	})
	return heads, err
}

// ReadGroup implements [domain.GroupLogStore]. As in [Store.ReadLog] the head is read
// first and bounds what is read after it.
func (s *Store) ReadGroup(ctx context.Context, app domain.AppNum, group domain.ConversationNum, reader domain.GroupReader, after int64, limit int) (domain.GroupPage, error) {
	l, err := s.groupLogByNum(ctx, app, reader.User, group)
	if err != nil {
		return domain.GroupPage{}, err
	}
	from, err := l.readerFrom(reader)
	if err != nil {
		return domain.GroupPage{}, err
	}
	page := domain.GroupPage{Num: group, First: from + 1, Head: l.head}
	const query = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq > ? AND m.seq <= ? ORDER BY m.seq LIMIT ?`
	if page.Messages, _, err = s.readMessages(ctx, app, reader.User, limit, domain.MaxPageBytes, query, app, group, max(after, from), l.head, limit); err != nil {
		return domain.GroupPage{}, s.readError("read the log of a group", err)
	}
	n := len(page.Messages)
	page.HasMore = n > 0 && page.Messages[n-1].ConversationSeq < page.Head
	return page, nil
}

// AckGroup implements [domain.DeviceStore].
func (s *Store) AckGroup(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.DeviceID, group domain.GroupID, seq int64, at time.Time) (int64, error) {
	l, err := s.groupLogByID(ctx, app, user, group)
	if err != nil {
		return 0, err
	}
	if _, err := l.readerFrom(domain.GroupReader{User: user}); err != nil {
		return 0, err
	}
	if seq > l.head {
		return 0, domain.ErrBadAck
	}
	var acked int64
	err = s.changeDevice(ctx, func(tx *sqlx.Tx) error {
		key := []string{"app_id", "user_id", "device_id", "conversation_id"}
		if _, err := tx.ExecContext(ctx, `INSERT INTO group_acks (app_id, user_id, device_id, conversation_id, acked_seq) VALUES (?, ?, ?, ?, ?)`+
			s.dialect.raise(key, "acked_seq"), app, user, string(id), l.num, max(seq, l.begin())); err != nil {
			return err
		}
		return tx.GetContext(ctx, &acked, `SELECT acked_seq FROM group_acks WHERE app_id = ? AND user_id = ? AND device_id = ? AND conversation_id = ?`,
			app, user, string(id), l.num)
	}, `UPDATE devices SET last_seen_at = ? WHERE app_id = ? AND device_id = ? AND user_id = ?`, at.UnixMilli(), app, string(id), user)
	return acked, err
}

package repo

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.ConversationStore = (*Store)(nil)

// membership is how a user stands to a conversation, as it is stored. Nothing in it
// but lastSeq, changed, what is shown and events changes when somebody else sends.
type membership struct {
	conv       domain.ConversationNum
	kind       int
	key        string // of the conversation
	lastSeq    int64
	changed    int64 // rises with the messages of the conversation
	shownSeq   int64 // of its last message that does not tell of a change of another, and
	shown      place // what that makes of its place in the list
	joinedSeq  int64
	readSeq    int64
	readOthers int64
	events     int64 // of the conversation, and
	sent       int64 // the user's messages in it, and
	deleted    int64 // those of others that it has deleted behind readSeq: all only where lastSeq is beyond readSeq
	read       int64 // when the user or, where it sees their positions, somebody else last read
	state      conversationState
}

// change is the last change of the membership.
func (m *membership) change() int64 { return max(m.changed, m.read, m.state.changed) }

// unread counts what came behind what was read or deleted, by what stands at the
// positions: nothing that is counted up and down could go wrong.
func (m *membership) unread() int64 {
	if m.lastSeq <= max(m.readSeq, m.state.cleared) {
		return 0
	}
	return m.lastSeq - m.events - m.sent - max(m.readOthers, m.state.clearedOthers) - m.deleted
}

func (m *membership) isDeleted() bool { return m.state.cleared >= m.shownSeq }
func (m *membership) isHidden() bool  { return m.state.hidden >= m.shownSeq }
func (m *membership) isListed() bool {
	isEmpty := m.shownSeq == 0 && m.kind == kindSingle // it has nothing but changes of messages elsewhere
	return m.kind != kindEnded && !isEmpty && !m.isDeleted() && !m.isHidden()
}

// membershipColumns are what scanMembership reads, of members m and conversations c.
const membershipColumns = `m.conversation_id, m.kind, c.conv_key, c.last_seq, c.changed, c.quiet_seq, c.shown_seq, c.shown_changed,
	m.joined_seq, m.read_seq, m.read_others, m.read_changed,
	COALESCE((SELECT r.changed FROM conversation_reads r WHERE r.app_id = m.app_id AND r.conversation_id = m.conversation_id), 0),
	CASE WHEN c.last_seq > m.read_seq THEN COALESCE((SELECT x.total FROM uncounted x
		WHERE x.app_id = c.app_id AND x.conversation_id = c.id AND x.seq <= c.last_seq ORDER BY x.seq DESC LIMIT 1), 0) ELSE 0 END,
	CASE WHEN c.last_seq > m.read_seq THEN COALESCE((SELECT n.total FROM sent_counts n
		WHERE n.app_id = m.app_id AND n.conversation_id = m.conversation_id AND n.user_id = m.user_id), 0) ELSE 0 END,
	CASE WHEN c.last_seq > m.read_seq THEN (SELECT COUNT(*) FROM message_deletes d WHERE d.app_id = m.app_id AND d.user_id = m.user_id
		AND d.conversation_id = m.conversation_id AND d.seq > m.read_seq AND d.counted = 1) ELSE 0 END`

func scanMembership(row interface{ Scan(dest ...any) error }) (m membership, err error) {
	m.state = noState
	var peers, quietSeq int64
	err = row.Scan(&m.conv, &m.kind, &m.key, &m.lastSeq, &m.changed, &quietSeq, &m.shownSeq, &m.shown.changed,
		&m.joinedSeq, &m.readSeq, &m.readOthers, &m.read, &peers, &m.events, &m.sent, &m.deleted)
	m.read = max(m.read, peers)
	m.shown.conv = m.conv
	if quietSeq == 0 || quietSeq != m.lastSeq {
		m.shownSeq, m.shown.changed = m.lastSeq, m.changed
	}
	return m, err
}

// memberships is the query for all of a user.
func (d dialect) memberships() string {
	return `SELECT ` + membershipColumns + ` FROM members m` + d.index("members_by_user") + d.then("conversations c") + `
		ON c.app_id = m.app_id AND c.id = m.conversation_id
		WHERE m.app_id = ? AND m.user_id = ? AND m.kind >= ` + strconv.Itoa(kindSingle)
}

// Conversations implements [domain.ConversationStore]. All of the user's are looked
// at, since that is what their total and their order depend on, and nobody writes
// anything about them when a message is sent; but only a page is read in full.
func (s *Store) Conversations(ctx context.Context, app domain.AppNum, user domain.UserNum, p domain.Page) (domain.ConversationList, error) {
	before, err := parsePlace(p.Cursor)
	if err != nil {
		return domain.ConversationList{}, err
	}
	view, err := s.readView(ctx, app, user)
	if err != nil {
		return domain.ConversationList{}, s.readError("read conversations", err)
	}
	out := domain.ConversationList{TotalUnread: view.totalUnread()}
	changes := view.changes()
	_, out.Changes, _ = domain.ChangesCursor{}.Page(changes, view.settled, len(changes))
	all := slices.DeleteFunc(view.all, func(m membership) bool { return !m.isListed() })
	slices.SortFunc(all, func(a, b membership) int { return b.shown.compare(a.shown) })
	if before != (place{}) {
		all = slices.DeleteFunc(all, func(m membership) bool { return m.shown.compare(before) >= 0 })
	}
	if len(all) > p.Limit {
		all = all[:p.Limit]
		out.NextCursor = all[p.Limit-1].shown.String()
	}
	out.Items, err = s.describe(ctx, app, user, all)
	if err != nil {
		return domain.ConversationList{}, s.readError("read conversations", err)
	}
	return out, nil
}

// place is where a conversation is in the list of its user.
type place struct {
	changed int64
	conv    domain.ConversationNum // of those that changed by one commit
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.changed, other.changed), cmp.Compare(p.conv, other.conv))
}

func (p place) String() string {
	return strconv.FormatInt(p.changed, 36) + "." + strconv.FormatInt(int64(p.conv), 36)
}

// parsePlace reads a cursor; the zero place is the start.
func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	changed, conv, _ := strings.Cut(cursor, ".")
	var errs [2]error
	var num int64
	p.changed, errs[0] = strconv.ParseInt(changed, 36, 64)
	num, errs[1] = strconv.ParseInt(conv, 36, 64)
	p.conv = domain.ConversationNum(num)
	if p.String() != cursor || errs != [2]error{} {
		return place{}, domain.Invalid("cursor", "is not a cursor that this list answered with")
	}
	return p, nil
}

// describe reads what memberships do not say: the ids of the other users and the last
// messages and mentions, by three statements however many there are, two more where the
// user has deleted some of these messages, and one where somebody has reacted to one.
func (s *Store) describe(ctx context.Context, app domain.AppNum, user domain.UserNum, all []membership) ([]domain.Conversation, error) {
	items := make([]domain.Conversation, len(all))
	peers, err := readPeers(ctx, s.read, app, user, all)
	if err != nil {
		return nil, err
	}
	var pairs []any
	at := make(map[domain.ConversationNum]int, len(all))
	var joined []domain.ConversationNum // groups in which nothing came since, by number
	for i := range all {
		m := &all[i]
		c := &items[i]
		c.ID, c.Type = m.name(peers[m.conv])
		c.Num, c.LastSeq, c.ReadSeq, c.Unread, c.Hidden = m.conv, m.lastSeq, m.readSeq, m.unread(), m.isHidden()
		c.Pinned, c.Muted, c.MarkedUnread = m.state.pinned, m.state.muted, m.state.marked
		at[m.conv] = i
		switch {
		case m.shownSeq > m.joinedSeq:
			pairs = append(pairs, m.conv, m.shownSeq)
		case m.kind == kindNormal || m.kind == kindLarge:
			joined = append(joined, m.conv)
		}
	}
	const withHistory = `SELECT id FROM chat_groups WHERE app_id = ? AND history = ? AND id IN`
	err = selectIn(ctx, s.read, withHistory, "", []any{app, string(domain.HistoryAll)}, joined, func(rows *sqlx.Rows) error {
		var conv domain.ConversationNum
		err := rows.Scan(&conv)
		pairs = append(pairs, conv, all[at[conv]].shownSeq)
		return err
	})
	if err != nil {
		return items, err
	}
	if err := s.addMentions(ctx, app, user, all, items); err != nil {
		return nil, err
	}
	var shown []*domain.Message
	put := func(m *domain.Message, sender domain.UserNum) {
		shown = append(shown, m)
		c := &items[at[m.Conversation]]
		c.LastMessage, c.LastIsSender = m, sender == user
	}
	deleted, err := s.messagesFor(ctx, app, user, pairs, put)
	if err != nil {
		return nil, err
	}
	if len(deleted) > 0 {
		last, err := s.lastKept(ctx, app, user, deleted)
		if err != nil {
			return nil, err
		}
		pairs = nil
		for conv, seq := range last {
			if seq > all[at[conv]].state.cleared {
				pairs = append(pairs, conv, seq)
			}
		}
		if _, err = s.messagesFor(ctx, app, user, pairs, put); err != nil {
			return nil, err
		}
	}
	return items, s.readReactions(ctx, s.read, app, user, shown...)
}

// messagesFor reads the messages at pairs, each of a conversation and a seq, and returns
// those of the pairs whose messages the user has deleted.
func (s *Store) messagesFor(ctx context.Context, app domain.AppNum, user domain.UserNum, pairs []any, put func(m *domain.Message, sender domain.UserNum)) (deleted []any, err error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	args := append(append([]any{user}, pairs...), app)
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		m := &domain.Message{}
		var isKept bool
		sender, err := scanMessage(rows, m, &isKept)
		switch {
		case err != nil:
			return err
		case isKept:
			put(m, sender)
		default:
			deleted = append(deleted, m.Conversation, m.ConversationSeq)
		}
		return nil
	}, s.dialect.messagesFor(len(pairs)/2), args...)
	return deleted, err
}

// messagesAt is the query for the messages at n pairs, each of a conversation and a seq.
func (d dialect) messagesAt(n int) string { return `SELECT ` + messageColumns + d.atPairs(n) }

// messagesFor is the same query, with whether a user, who comes first, has kept each.
func (d dialect) messagesFor(n int) string {
	return `SELECT ` + undeleted + `, ` + messageColumns + d.atPairs(n)
}

func (d dialect) atPairs(n int) string {
	return ` FROM ` + d.pairs(n) + ` p` + d.then("messages m") + ` ON m.app_id = ? AND m.conversation_id = p.a AND m.seq = p.b`
}

// name is what the user calls the conversation; peer is the other user of a chat.
func (m *membership) name(peer domain.UserID) (string, domain.ConversationType) {
	switch m.key[0] {
	case 'g':
		return (&domain.Message{To: domain.Target{Group: domain.GroupID(m.key[1:])}}).ConversationID(false), domain.ConversationGroup
	case 'b':
		return domain.BusinessConversation, domain.ConversationBusiness
	}
	return (&domain.Message{To: domain.Target{User: peer}}).ConversationID(true), domain.ConversationSingle
}

// peer is the number of the other user of a chat, who may be the same; 0 where there
// is none.
func (m *membership) peer(user domain.UserNum) domain.UserNum {
	if m.key[0] != 's' {
		return 0
	}
	a, b := peersOf(m.key)
	if a == user {
		return b
	}
	return a
}

// peersOf takes the key of a chat apart, see singleKey.
func peersOf(key string) (a, b domain.UserNum) {
	read := func(at int) domain.UserNum {
		return domain.UserNum(binary.BigEndian.Uint64([]byte(key[at:]))) //nolint:gosec // bits
	}
	return read(1), read(9)
}

// readPeers reads the ids of the other users of chats.
func readPeers(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, all []membership) (map[domain.ConversationNum]domain.UserID, error) {
	chats := make(map[domain.UserNum]domain.ConversationNum)
	nums := make([]domain.UserNum, 0, len(all))
	for i := range all {
		if peer := all[i].peer(user); peer != 0 {
			chats[peer] = all[i].conv
			nums = append(nums, peer)
		}
	}
	peers := make(map[domain.ConversationNum]domain.UserID, len(nums))
	err := selectIn(ctx, q, `SELECT id, user_id FROM users WHERE app_id = ? AND id IN`, "", []any{app}, nums, func(rows *sqlx.Rows) error {
		var num domain.UserNum
		var id domain.UserID
		err := rows.Scan(&num, &id)
		peers[chats[num]] = id
		return err
	})
	return peers, err
}

// Conversation implements [domain.ConversationStore].
func (s *Store) Conversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target) (domain.Conversation, error) {
	m, err := readMembership(ctx, s.read, app, user, target)
	if err != nil {
		return domain.Conversation{}, s.readError("read conversation", err)
	}
	items, err := s.describe(ctx, app, user, []membership{m})
	if err != nil {
		return domain.Conversation{}, s.readError("read conversation", err)
	}
	c := items[0]
	if m.kind == kindLarge {
		err = sqlx.GetContext(ctx, s.read, &c.MemberCount, `SELECT member_count FROM chat_groups WHERE app_id = ? AND id = ?`, app, m.conv)
	} else {
		c.Members, err = s.readPositions(ctx, app, m.conv)
		c.MemberCount = len(c.Members)
	}
	if err != nil {
		return domain.Conversation{}, s.readError("read members of conversation", err)
	}
	return c, nil
}

// readMembership reads how a user stands to one conversation that it has.
func readMembership(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, target domain.Target) (membership, error) {
	conv, _, err := conversationOf(ctx, q, app, user, target)
	if err != nil {
		return membership{}, err
	}
	state, err := readState(ctx, q, app, user, conv)
	if err != nil {
		return membership{}, err
	}
	var all []membership
	err = each(ctx, q, func(rows *sqlx.Rows) error {
		m, err := scanMembership(rows)
		m.state = state
		all = append(all, m)
		return err
	}, `SELECT `+membershipColumns+` FROM members m JOIN conversations c ON c.app_id = m.app_id AND c.id = m.conversation_id
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.user_id = ?`, app, conv, user)
	switch {
	case err != nil:
		return membership{}, err
	case len(all) == 0 && target.Group != "":
		return membership{}, domain.ErrNotInGroup
	case len(all) == 0 || all[0].isDeleted():
		return membership{}, domain.ErrConversationNotFound
	}
	return all[0], nil
}

// readPositions reads up to where the members of a conversation have come, by user id.
// What is noted of acks and what is still to be derived of them are of one moment, so
// that no position goes back.
func (s *Store) readPositions(ctx context.Context, app domain.AppNum, conv domain.ConversationNum) ([]domain.ConversationMember, error) {
	members := []domain.ConversationMember{}
	var all []acks
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		var m domain.ConversationMember
		var a acks
		var gone int64
		err := rows.Scan(&m.User, &a.user.Num, &m.ReadSeq, &m.DeliveredSeq, &a.acked, &gone, &a.settled)
		m.DeliveredSeq, a.acked = max(m.DeliveredSeq, m.ReadSeq), max(a.acked, gone)
		members, all = append(members, m), append(all, a)
		return err
	}, `SELECT `+userOfMember+`, m.user_id, m.read_seq,
		COALESCE((SELECT d.seq FROM deliveries d WHERE d.app_id = m.app_id AND d.conversation_id = m.conversation_id AND d.user_id = m.user_id), 0),
		`+s.dialect.ackColumns("m", "user_id")+`
		FROM members m LEFT JOIN user_acks a ON a.app_id = m.app_id AND a.user_id = m.user_id WHERE m.app_id = ? AND m.conversation_id = ?`, app, conv)
	if err == nil {
		err = s.addUnsettled(ctx, app, conv, all, members)
	}
	slices.SortFunc(members, func(a, b domain.ConversationMember) int { return cmp.Compare(a.User, b.User) })
	return members, err
}

package repo

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/words"
	"github.com/jmoiron/sqlx"
)

var _ domain.MessageSearcher = (*Store)(nil)

// What one search may do before it answers with what it has, and where to go on.
const (
	maxSearchReads    = 60  // of lists of where a term stands
	maxSearchMessages = 400 // that may turn out not to match
	searchLook        = 32  // messages that are read at once
)

// maxSearched is how many conversations are searched at once.
const maxSearched = 20_000

// search is one search under way. Each conversation that may have something is a
// stream of spots where all terms stand, newest first; the streams are merged.
type search struct {
	store   *Store
	app     domain.AppNum
	user    domain.UserNum
	query   words.Query
	terms   []words.Term
	filter  domain.Search
	from    int64   // the earliest time, in milliseconds
	start   spot    // the newest spot that is looked at
	streams streams // a heap
	reads   int     // that are left
}

// Search implements [domain.MessageSearcher].
func (s *Store) Search(ctx context.Context, app domain.AppNum, user domain.UserRef, filter domain.Search, p domain.Page) (domain.List[*domain.Message], error) {
	var out domain.List[*domain.Message]
	q := &search{store: s, app: app, user: user.Num, query: words.Parse(filter.Query), filter: filter, reads: maxSearchReads}
	if q.query.IsEmpty() {
		return out, domain.Invalid("q", "must have a word or a character to search for")
	}
	q.terms = q.query.Terms()
	q.start = spot{math.MaxInt64, math.MaxInt64, math.MaxInt64}
	if !filter.To.IsZero() {
		q.start.at = filter.To.UnixMilli() - 1
	}
	if !filter.From.IsZero() {
		q.from = filter.From.UnixMilli()
	}
	if p.Cursor != "" {
		at, err := parseSpot(p.Cursor)
		if err != nil {
			return out, err
		}
		if at.compare(q.start) < 0 {
			q.start = at
		}
	}
	if !slices.Contains(append(domain.SearchableTypes(), ""), filter.Type) {
		return out, nil
	}
	if err := q.begin(ctx, user, filter.Target); err != nil {
		return out, err
	}
	out, err := q.page(ctx, p.Limit)
	if err == nil {
		err = s.readReactions(ctx, s.read, app, user.Num, out.Items...)
	}
	if err != nil {
		return out, s.readError("search", err)
	}
	return out, nil
}

// begin finds the conversations that may have something.
func (q *search) begin(ctx context.Context, user domain.UserRef, target *domain.Target) error {
	if target != nil {
		conv, from, _, err := q.store.visible(ctx, q.app, user, *target)
		if conv != 0 && err == nil {
			q.streams.add(&stream{conv: conv, from: from, next: q.start.in(conv)})
		}
		return err
	}
	states, err := readStates(ctx, q.store.read, q.app, user.Num)
	if err != nil {
		return q.store.readError("search", err)
	}
	var all []*stream
	heads := q.terms[:min(2, len(q.terms))]
	query, args := q.store.dialect.searched(heads, q.app, user.Num, q.start.at)
	err = each(ctx, q.store.read, func(rows *sqlx.Rows) error {
		st := &stream{}
		newest := make([]sql.NullInt64, len(heads))
		into := []any{&st.conv, &st.from}
		for i := range newest {
			into = append(into, &newest[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		st.next = q.start.in(st.conv)
		for i, at := range newest {
			if !heads[i].IsPrefix {
				st.standsAt(at.Int64, at.Valid)
			}
		}
		if state, ok := states[st.conv]; ok {
			st.from = max(st.from, state.cleared)
		}
		all = append(all, st)
		return nil
	}, query, args...)
	if err == nil && len(all) <= maxSearched {
		err = q.findPrefixes(ctx, heads, all)
	}
	switch {
	case err != nil:
		return q.store.readError("search", err)
	case len(all) > maxSearched:
		return domain.Invalid("conversation_id", "is required for users with more than %d conversations", maxSearched)
	}
	for _, st := range all {
		if st.next.at >= q.from {
			q.streams.add(st)
		}
	}
	return nil
}

// searched is the query for the conversations that a user may read, from where, and
// when each of the terms last stands in them, not later than at; which is for
// [search.findPrefixes] to find where a term is a prefix.
func (d dialect) searched(terms []words.Term, app domain.AppNum, user domain.UserNum, at int64) (string, []any) {
	var query strings.Builder
	query.WriteString(`SELECT m.conversation_id, CASE WHEN g.history = 'all' THEN 0 ELSE m.joined_seq END`)
	var args []any
	for _, t := range terms {
		if t.IsPrefix {
			query.WriteString(`, NULL`)
			continue
		}
		query.WriteString(`, (SELECT t.sent_at FROM search_terms t
			WHERE t.app_id = m.app_id AND t.conversation_id = m.conversation_id AND t.term = ? AND t.sent_at <= ? ORDER BY t.sent_at DESC LIMIT 1)`)
		args = append(args, []byte(t.Text), at)
	}
	query.WriteString(` FROM members m` + d.index("members_by_user") + ` LEFT JOIN chat_groups g ON g.app_id = m.app_id AND g.id = m.conversation_id
		WHERE m.app_id = ? AND m.user_id = ? AND m.kind >= ? LIMIT ?`)
	return query.String(), append(args, app, user, kindSingle, maxSearched+1)
}

// findPrefixes moves streams to where those of the terms that are prefixes last stand in
// them. It names the conversations, for MySQL finds a range by the index only where it
// knows all that comes before it in the key.
func (q *search) findPrefixes(ctx context.Context, terms []words.Term, all []*stream) error {
	for _, t := range terms {
		if !t.IsPrefix {
			continue
		}
		convs := make([]domain.ConversationNum, len(all))
		for i, st := range all {
			convs[i] = st.conv
		}
		newest := make(map[domain.ConversationNum]int64)
		err := selectIn(ctx, q.store.read, `SELECT conversation_id, MAX(sent_at) FROM search_terms
			WHERE term >= ? AND term < ? AND sent_at <= ? AND app_id = ? AND conversation_id IN`, ` GROUP BY conversation_id`,
			[]any{[]byte(t.Text), behind(t.Text), q.start.at, q.app}, convs, func(rows *sqlx.Rows) error {
				var conv domain.ConversationNum
				var at int64
				err := rows.Scan(&conv, &at)
				newest[conv] = at
				return err
			})
		if err != nil {
			return err
		}
		for _, st := range all {
			at, stands := newest[st.conv]
			st.standsAt(at, stands)
		}
	}
	return nil
}

// behind is what comes behind all that begins with prefix, which is UTF-8.
func behind(prefix string) []byte { return append([]byte(prefix), 0xff) }

// page gathers what matches until there are enough or the search has done as much as it
// may.
func (q *search) page(ctx context.Context, limit int) (out domain.List[*domain.Message], err error) {
	bytes := 0
	for looked := 0; ; {
		spots, next, err := q.take(ctx, min(searchLook, limit-len(out.Items)+1))
		if err != nil {
			return out, err
		}
		messages, err := q.messages(ctx, spots)
		if err != nil {
			return out, err
		}
		for _, at := range spots {
			m := messages[at]
			if m == nil || !q.accepts(m) {
				continue
			}
			if bytes += len(m.Content); len(out.Items) == limit || bytes > domain.MaxPageBytes && len(out.Items) > 0 {
				out.NextCursor = at.String()
				return out, nil
			}
			out.Items = append(out.Items, m)
		}
		if looked += len(spots); next == nil {
			return out, nil
		} else if looked >= maxSearchMessages || q.reads <= 0 {
			out.NextCursor = next.String()
			return out, nil
		}
	}
}

// accepts reports that a message that the terms were found in is what is searched for.
// It may have been changed since, and pairs of neighbours are not yet what they make up.
func (q *search) accepts(m *domain.Message) bool {
	f := &q.filter
	return (f.Sender == "" || m.Sender.Type == domain.SenderUser && m.Sender.User == f.Sender) &&
		(f.Type == "" || m.Type == f.Type) && q.query.Match(m.SearchTexts()...)
}

// messages reads the messages at spots that the user has not deleted.
func (q *search) messages(ctx context.Context, spots []spot) (map[spot]*domain.Message, error) {
	if len(spots) == 0 {
		return nil, nil
	}
	args := []any{q.user}
	for _, at := range spots {
		args = append(args, at.conv, at.seq)
	}
	all := make(map[spot]*domain.Message, len(spots))
	err := each(ctx, q.store.read, func(rows *sqlx.Rows) error {
		m := &domain.Message{}
		var isKept bool
		_, err := scanMessage(rows, m, &isKept)
		if isKept {
			all[spot{m.SentAt.UnixMilli(), m.Conversation, m.ConversationSeq}] = m
		}
		return err
	}, q.store.dialect.messagesFor(len(spots)), append(args, q.app)...)
	return all, err
}

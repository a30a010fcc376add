package repo

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/words"
	"github.com/jmoiron/sqlx"
)

// indexTails indexes the next messages of conversations of one app, in one transaction
// that makes way for sends. It returns how many it came by, and what is left.
func (s *Store) indexTails(ctx context.Context, tails map[logTail]int64) (n int, left map[logTail]int64, err error) {
	convs := make([]domain.ConversationNum, 0, len(tails))
	var app domain.AppNum
	for tail := range tails {
		app = tail.app
		convs = append(convs, tail.conv)
	}
	slices.Sort(convs) // locks are taken in one order on every node
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		n, left = 0, make(map[logTail]int64)
		x := &indexing{store: s, tx: tx, app: app, convs: convs}
		if err := x.begin(ctx); err != nil {
			return err
		}
		for places := range slices.Chunk(x.places(), 2*indexLook) {
			if n > 0 && s.appends.isBusy() || len(x.rows) > indexRows {
				break
			}
			if err := x.add(ctx, places); err != nil {
				return err
			}
			n += len(places) / 2
		}
		for _, conv := range convs {
			if waiting := x.heads[conv] - x.indexed[conv]; waiting > 0 {
				left[logTail{app, conv}] = waiting
			}
		}
		return x.end(ctx)
	})
	return n, left, err
}

// indexing is a transaction that indexes messages.
type indexing struct {
	store   *Store
	tx      *sqlx.Tx
	app     domain.AppNum
	convs   []domain.ConversationNum
	indexed map[domain.ConversationNum]int64
	heads   map[domain.ConversationNum]int64
	rows    [][]any // of search_terms
}

// begin locks the cursors of the conversations and reads them and the heads.
func (x *indexing) begin(ctx context.Context) error {
	var err error
	if x.indexed, err = x.store.lockCursors(ctx, x.tx, x.app, x.convs); err != nil {
		return err
	}
	x.heads, err = readHeads(ctx, x.tx, x.app, x.convs)
	return err
}

// lockCursors locks and reads up to where conversations are indexed. That no message is
// indexed while it is edited, or the other way round, is what the lock is for, also
// where nothing is indexed yet.
func (s *Store) lockCursors(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, convs []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	if s.dialect.forUpdate != "" {
		var rows []any
		for _, conv := range convs {
			rows = append(rows, app, conv, 0)
		}
		if err := s.putCursors(ctx, tx, rows); err != nil {
			return nil, err
		}
	}
	indexed := make(map[domain.ConversationNum]int64, len(convs))
	err := selectIn(ctx, tx, `SELECT conversation_id, indexed_seq FROM search_cursors WHERE app_id = ? AND conversation_id IN`,
		" ORDER BY conversation_id"+s.dialect.forUpdate, []any{app}, convs, func(rows *sqlx.Rows) error {
			var conv domain.ConversationNum
			var seq int64
			err := rows.Scan(&conv, &seq)
			indexed[conv] = seq
			return err
		})
	return indexed, err
}

// putCursors writes rows of an app, a conversation and a seq; none goes back.
func (s *Store) putCursors(ctx context.Context, tx *sqlx.Tx, rows []any) error {
	return insert(ctx, tx, `INSERT INTO search_cursors (app_id, conversation_id, indexed_seq)`,
		s.dialect.raise([]string{"app_id", "conversation_id"}, "indexed_seq"), 3, rows)
}

// places are the next messages, each as a conversation and a seq.
func (x *indexing) places() []any {
	var places []any
	for _, conv := range x.convs {
		for seq := x.indexed[conv] + 1; seq <= x.heads[conv] && len(places) < 2*indexPiece; seq++ {
			places = append(places, conv, seq)
		}
	}
	return places
}

// add reads messages and gathers their terms.
func (x *indexing) add(ctx context.Context, places []any) error {
	err := each(ctx, x.tx, func(rows *sqlx.Rows) error {
		m := &domain.Message{}
		_, err := scanMessage(rows, m)
		x.rows = append(x.rows, termRows(x.app, m, words.Of(m.SearchTexts()...))...)
		return err
	}, x.store.dialect.messagesAt(len(places)/2), append(slices.Clone(places), x.app)...)
	for i := 0; i < len(places); i += 2 {
		conv, _ := places[i].(domain.ConversationNum)
		x.indexed[conv], _ = places[i+1].(int64)
	}
	return err
}

// termRows are the rows for terms of a message.
func termRows(app domain.AppNum, m *domain.Message, terms []string) [][]any {
	rows := make([][]any, len(terms))
	for i, term := range terms {
		rows[i] = []any{app, m.Conversation, []byte(term), m.SentAt.UnixMilli(), m.ConversationSeq}
	}
	return rows
}

// end writes what was gathered, in the order of the table.
func (x *indexing) end(ctx context.Context) error {
	slices.SortFunc(x.rows, func(a, b []any) int {
		convA, _ := a[1].(domain.ConversationNum)
		convB, _ := b[1].(domain.ConversationNum)
		termA, _ := a[2].([]byte)
		termB, _ := b[2].([]byte)
		return cmp.Or(cmp.Compare(convA, convB), bytes.Compare(termA, termB))
	})
	if err := x.store.putTerms(ctx, x.tx, x.rows); err != nil {
		return err
	}
	var cursors []any
	for _, conv := range x.convs {
		if seq := x.indexed[conv]; seq > 0 {
			cursors = append(cursors, x.app, conv, seq)
		}
	}
	return x.store.putCursors(ctx, x.tx, cursors)
}

func (s *Store) putTerms(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	key := []string{"app_id", "conversation_id", "term", "sent_at", "seq"}
	return insert(ctx, tx, `INSERT INTO search_terms (app_id, conversation_id, term, sent_at, seq)`, s.dialect.raise(key, "seq"), 5, slices.Concat(rows...))
}

// reindex gives a message that is indexed the terms that it has now, was being what it
// was until this transaction. The conversation is locked.
func (s *Store) reindex(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, was, is *domain.Message) error {
	before, now := words.Of(was.SearchTexts()...), words.Of(is.SearchTexts()...)
	if len(before) == 0 && len(now) == 0 {
		return nil
	}
	conv := is.Conversation
	indexed, err := s.lockCursors(ctx, tx, app, []domain.ConversationNum{conv})
	if err != nil || indexed[conv] < is.ConversationSeq { // what it is by then is indexed later
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(term string) bool { return slices.Contains(now, term) })
	for part := range slices.Chunk(gone, chunk) {
		args := []any{app, conv, is.SentAt.UnixMilli(), is.ConversationSeq}
		for _, term := range part {
			args = append(args, []byte(term))
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM search_terms WHERE app_id = ? AND conversation_id = ? AND sent_at = ? AND seq = ? AND term IN `+in(len(part)), args...); err != nil {
			return err
		}
	}
	fresh := slices.DeleteFunc(now, func(term string) bool { return slices.Contains(before, term) })
	return s.putTerms(ctx, tx, termRows(app, is, fresh))
}

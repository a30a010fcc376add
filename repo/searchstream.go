package repo

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/words"
	"github.com/jmoiron/sqlx"
)

// maxClockSkew bounds how much earlier a message may have been sent than one with a
// lower number: nodes have clocks of their own.
const maxClockSkew = 10 * time.Minute

// spot is where a message is among all of a user, of which the greatest is the newest.
type spot struct {
	at   int64 // when it was sent
	conv domain.ConversationNum
	seq  int64
}

func (p spot) compare(other spot) int {
	return cmp.Or(cmp.Compare(p.at, other.at), cmp.Compare(p.conv, other.conv), cmp.Compare(p.seq, other.seq))
}

// before is the greatest spot below p, of its conversation.
func (p spot) before() spot { return spot{p.at, p.conv, p.seq - 1} }

// in is the greatest spot of a conversation that is not above p.
func (p spot) in(conv domain.ConversationNum) spot {
	switch {
	case conv < p.conv:
		return spot{p.at, conv, math.MaxInt64}
	case conv > p.conv:
		return spot{p.at - 1, conv, math.MaxInt64}
	}
	return p
}

func (p spot) String() string {
	return strconv.FormatInt(p.at, 36) + "." + strconv.FormatInt(int64(p.conv), 36) + "." + strconv.FormatInt(p.seq, 36)
}

// parseSpot reads a cursor.
func parseSpot(cursor string) (p spot, err error) {
	at, rest, _ := strings.Cut(cursor, ".")
	conv, seq, _ := strings.Cut(rest, ".")
	var errs [3]error
	var num int64
	p.at, errs[0] = strconv.ParseInt(at, 36, 64)
	num, errs[1] = strconv.ParseInt(conv, 36, 64)
	p.seq, errs[2] = strconv.ParseInt(seq, 36, 64)
	p.conv = domain.ConversationNum(num)
	if p.String() != cursor || errs != [3]error{} {
		return spot{}, domain.Invalid("cursor", "is not a cursor that this list answered with")
	}
	return p, nil
}

// take returns the next spots of all streams, up to n, and where to go on behind them,
// nil at the end.
func (q *search) take(ctx context.Context, n int) (spots []spot, next *spot, err error) {
	for len(q.streams) > 0 {
		st := q.streams[0]
		top := st.top()
		switch {
		case len(spots) == n, len(st.found) == 0 && q.reads <= 0:
			return spots, &top, nil
		case len(st.found) > 0:
			spots = append(spots, top)
			st.found = st.found[1:]
		default:
			if err := q.fill(ctx, st); err != nil {
				return nil, nil, err
			}
		}
		q.streams.sink()
	}
	return spots, nil, nil
}

// fill reads the next part of a stream: of each term where it stands, and where all do.
func (q *search) fill(ctx context.Context, st *stream) error {
	if err := q.findStart(ctx, st); err != nil {
		return err
	}
	n := 64 << min(2*st.fills, 4) // most are short
	st.fills++
	lists := make([][]spot, len(q.terms))
	horizon := spot{at: math.MinInt64} // what is above it is known of all terms
	for i, t := range q.terms {
		var err error
		if lists[i], err = q.standing(ctx, st, t, n); err != nil {
			return err
		}
		if len(lists[i]) == 0 {
			st.ended = true
			return nil
		}
		if last := lists[i][len(lists[i])-1]; len(lists[i]) == n && last.compare(horizon) > 0 {
			horizon = last
		}
	}
	for _, at := range lists[0] {
		isInAll := !slices.ContainsFunc(lists[1:], func(list []spot) bool { return !hasSpot(list, at) })
		if at.compare(horizon) >= 0 && isInAll {
			st.found = append(st.found, at)
		}
	}
	st.next = horizon.before()
	if horizon.at == math.MinInt64 {
		st.ended = true
		return nil
	}
	for _, list := range lists {
		i, _ := slices.BinarySearchFunc(list, st.next, func(a, b spot) int { return b.compare(a) })
		switch {
		case i < len(list): // the term stands nowhere before
			st.next = list[i]
		case len(list) < n:
			st.ended = true
		}
	}
	return nil
}

func hasSpot(list []spot, at spot) bool {
	_, found := slices.BinarySearchFunc(list, at, func(a, b spot) int { return b.compare(a) })
	return found
}

// findStart finds how far back a stream is read, once: what came before a user joined
// need not be looked through.
func (q *search) findStart(ctx context.Context, st *stream) error {
	if st.fills > 0 {
		return nil
	}
	st.since = q.from
	if st.from <= 0 {
		return nil
	}
	q.reads--
	var at int64
	err := q.store.read.GetContext(ctx, &at, `SELECT sent_at FROM messages WHERE app_id = ? AND conversation_id = ? AND seq = ?`, q.app, st.conv, st.from)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	st.since = max(st.since, at-maxClockSkew.Milliseconds())
	return err
}

// standing reads where a term stands in a stream, n spots from its next on.
func (q *search) standing(ctx context.Context, st *stream, t words.Term, n int) ([]spot, error) {
	q.reads--
	is, which := `term = ?`, []any{[]byte(t.Text)}
	if t.IsPrefix {
		is, which = `term >= ? AND term < ?`, []any{[]byte(t.Text), behind(t.Text)}
	}
	query := `SELECT DISTINCT sent_at, seq FROM search_terms WHERE app_id = ? AND conversation_id = ? AND ` + is + `
		AND sent_at >= ? AND sent_at <= ? AND (sent_at < ? OR seq <= ?) AND seq > ? ORDER BY sent_at DESC, seq DESC LIMIT ?`
	if !t.IsPrefix {
		query = strings.Replace(query, "DISTINCT ", "", 1)
	}
	args := append([]any{q.app, st.conv}, which...)
	var list []spot
	err := each(ctx, q.store.read, func(rows *sqlx.Rows) error {
		at := spot{conv: st.conv}
		err := rows.Scan(&at.at, &at.seq)
		list = append(list, at)
		return err
	}, query, append(args, st.since, st.next.at, st.next.at, st.next.seq, st.from, n)...)
	return list, err
}

// stream is what is found in one conversation, newest first.
type stream struct {
	conv  domain.ConversationNum
	from  int64  // the user may read what is behind it
	since int64  // and nothing from before this time
	found []spot // and not yet taken
	next  spot   // where to look behind them; nothing is between
	fills int    // how often it was read
	ended bool   // nothing is behind what is found
}

// standsAt tells a stream that is not read yet when one of the terms last stands in it,
// if it does.
func (st *stream) standsAt(at int64, stands bool) {
	switch {
	case !stands:
		st.next.at = math.MinInt64
	case at < st.next.at:
		st.next = spot{at, st.conv, math.MaxInt64}
	}
}

// top is the newest spot that there may be.
func (st *stream) top() spot {
	if len(st.found) > 0 {
		return st.found[0]
	}
	return st.next
}

// streams is a heap, the newest first.
type streams []*stream

func (h *streams) add(st *stream) {
	all := append(*h, st)
	*h = all
	for i := len(all) - 1; i > 0; {
		up := (i - 1) / 2
		if all[up].top().compare(all[i].top()) >= 0 {
			return
		}
		all[up], all[i] = all[i], all[up]
		i = up
	}
}

// sink puts the first stream, which has changed, in its place, or removes it at its end.
func (h *streams) sink() {
	all := *h
	if st := all[0]; st.ended && len(st.found) == 0 {
		last := len(all) - 1
		all[0] = all[last]
		all[last] = nil
		all = all[:last]
		*h = all
	}
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(all) {
			return
		}
		if child+1 < len(all) && all[child+1].top().compare(all[child].top()) > 0 {
			child++
		}
		if all[i].top().compare(all[child].top()) >= 0 {
			return
		}
		all[i], all[child] = all[child], all[i]
		i = child
	}
}

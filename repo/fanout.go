package repo

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// On SQLite, which has one writer, a message to a group of some hundred members keeps
// everybody else from writing while its log entries are made. So it makes way: when
// others come, the transaction commits with the entries that it has, the heads of
// all receivers, and one row of pending_fanout that names the rest, which is written
// in pieces behind those who came. The message is stored, numbered and published
// as a whole at the commit; only the table user_log is behind, and a reader of a log
// that has an entry to come waits for it. One process has the file, so it knows which
// logs these are; after a crash Open writes the rest before anybody reads.

// fanoutPiece is how many log entries are written before a look at who waits.
const fanoutPiece = 100

// fanoutRetry is how long a store that could not write the rest leaves it.
const fanoutRetry = time.Second

// fanout is the log entries of one message that are not written yet.
type fanout struct {
	app     domain.AppNum
	conv    domain.ConversationNum
	seq     int64
	written int // entries that earlier transactions have written
	to      []domain.Recipient
}

// logKey names the log of a user.
type logKey struct {
	app  domain.AppNum
	user domain.UserNum
}

// fanouts knows what is left to write. The zero value has nothing.
type fanouts struct {
	mu      sync.Mutex
	pending []*fanout      // in order of their commits
	logs    map[logKey]int // how many entries of a log are to come
	retry   time.Time      // when writing failed: not before
	settled chan struct{}  // made by who waits; closed when entries are written, or writing fails
}

// add notes fan-outs whose transaction is about to commit: from then on readers see
// heads that count them.
func (p *fanouts) add(all []*fanout) {
	if len(all) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logs == nil {
		p.logs = make(map[logKey]int)
	}
	for _, f := range all {
		for _, to := range f.to {
			p.logs[logKey{f.app, to.User}]++
		}
	}
	p.pending = append(p.pending, all...)
}

// remove forgets fan-outs that were never committed.
func (p *fanouts) remove(all []*fanout) {
	for _, f := range all {
		p.wrote(f, len(f.to))
	}
}

// wrote notes that the next n entries of f are written, or will never be.
func (p *fanouts) wrote(f *fanout, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, to := range f.to[:n] {
		key := logKey{f.app, to.User}
		if p.logs[key]--; p.logs[key] == 0 {
			delete(p.logs, key)
		}
	}
	f.written += n
	if f.to = f.to[n:]; len(f.to) == 0 {
		for i, other := range p.pending {
			if other == f {
				p.pending = append(p.pending[:i:i], p.pending[i+1:]...)
				break
			}
		}
	}
	if len(p.logs) == 0 {
		p.logs = nil // a map keeps the size that it had in a storm
	}
	p.retry = time.Time{}
	p.wake()
}

// failed notes that entries could not be written.
func (p *fanouts) failed(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) > 0 {
		p.retry = now.Add(fanoutRetry)
		p.wake()
	}
}

func (p *fanouts) wake() {
	if p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// first returns what to write next, or nil, and after a failure how long to leave it.
func (p *fanouts) first(now time.Time) (*fanout, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return nil, 0
	}
	return p.pending[0], max(0, p.retry.Sub(now))
}

// isFailing reports that what is to come could not be written the last time.
func (p *fanouts) isFailing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.retry.IsZero()
}

// wait returns when no entry of a log is to come of those that were counted by the
// heads at the call. It fails with ErrUnavailable when they cannot be written for now,
// or not before ctx ends.
func (p *fanouts) wait(ctx context.Context, log logKey) error {
	for {
		p.mu.Lock()
		if p.logs[log] == 0 {
			p.mu.Unlock()
			return nil
		}
		if !p.retry.IsZero() {
			p.mu.Unlock()
			return domain.ErrUnavailable
		}
		if p.settled == nil {
			p.settled = make(chan struct{})
		}
		settled := p.settled
		p.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return domain.ErrUnavailable
		}
	}
}

// insertFanouts puts off log entries.
func insertFanouts(ctx context.Context, tx *sqlx.Tx, all []*fanout) error {
	var rows []any
	for _, f := range all {
		raw := make([]byte, 0, 16*len(f.to))
		for _, to := range f.to {
			raw = binary.BigEndian.AppendUint64(raw, uint64(to.User)) //nolint:gosec // bits
			raw = binary.BigEndian.AppendUint64(raw, uint64(to.Seq))  //nolint:gosec // bits
		}
		rows = append(rows, f.app, f.conv, f.seq, 0, raw)
	}
	return insert(ctx, tx, `INSERT INTO pending_fanout (app_id, conversation_id, conversation_seq, written, receivers)`, "", 5, rows)
}

// insertEntries writes log entries of one message.
func insertEntries(ctx context.Context, tx *sqlx.Tx, f *fanout, to []domain.Recipient) error {
	rows := make([]any, 0, 5*len(to))
	for _, r := range to {
		rows = append(rows, f.app, r.User, r.Seq, f.conv, f.seq)
	}
	return insert(ctx, tx, insertLog, "", 5, rows)
}

// writeFanout writes log entries that were put off until there are no more, somebody
// waits or the transaction is as large as one may be. It returns how many, to be noted
// behind the commit.
func (s *Store) writeFanout(ctx context.Context, tx *sqlx.Tx, f *fanout) (n int, err error) {
	for n < len(f.to) && n < maxBatchPointers && (n == 0 || !s.appends.isAwaited()) {
		piece := f.to[n:min(n+fanoutPiece, len(f.to))]
		if err := insertEntries(ctx, tx, f, piece); err != nil {
			return 0, err
		}
		n += len(piece)
	}
	const which = ` WHERE app_id = ? AND conversation_id = ? AND conversation_seq = ?`
	if n == len(f.to) {
		_, err = tx.ExecContext(ctx, `DELETE FROM pending_fanout`+which, f.app, f.conv, f.seq)
	} else {
		_, err = tx.ExecContext(ctx, `UPDATE pending_fanout SET written = ?`+which, f.written+n, f.app, f.conv, f.seq)
	}
	return n, err
}

// recoverFanouts writes what a process that ended left. Nobody else writes yet.
func (s *Store) recoverFanouts(ctx context.Context) error {
	var all []*fanout
	err := each(ctx, s.write, func(rows *sqlx.Rows) error {
		f := &fanout{}
		var raw []byte
		if err := rows.Scan(&f.app, &f.conv, &f.seq, &f.written, &raw); err != nil {
			return err
		}
		if len(raw)%16 != 0 || f.written*16 > len(raw) {
			return fmt.Errorf("what is left of message %d of conversation %d has %d bytes, %d entries are written", f.seq, f.conv, len(raw), f.written)
		}
		for raw = raw[f.written*16:]; len(raw) > 0; raw = raw[16:] {
			f.to = append(f.to, domain.Recipient{
				User: domain.UserNum(binary.BigEndian.Uint64(raw)), Seq: int64(binary.BigEndian.Uint64(raw[8:])), //nolint:gosec // bits
			})
		}
		all = append(all, f)
		return nil
	}, `SELECT app_id, conversation_id, conversation_seq, written, receivers FROM pending_fanout`)
	if err == nil && len(all) > 0 {
		s.log.InfoContext(ctx, "writing log entries that an earlier run left", slog.Int("messages", len(all)))
		err = s.inTx(ctx, func(tx *sqlx.Tx) error {
			for _, f := range all {
				if err := insertEntries(ctx, tx, f, f.to); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM pending_fanout`)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("write what is left of messages: %w", err)
	}
	return nil
}

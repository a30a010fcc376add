package repo

import (
	"context"
	"errors"
	"strconv"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

const (
	// digestEvery is how far the digests that are kept are apart.
	digestEvery = 1024
	// maxDigestWalk is how many entries one call digests at most: some 50 ms.
	maxDigestWalk = 8 * digestEvery
)

// What a digest in log_digests is of.
const (
	digestOfUser = iota
	digestOfConversation
)

// digested is a log that is digested.
type digested struct {
	app  domain.AppNum
	kind int
	num  int64 // of the user or the conversation
}

// LogDigest implements [domain.DigestStore].
func (s *Store) LogDigest(ctx context.Context, app domain.AppNum, user domain.UserNum, upto *int64) (domain.LogDigest, domain.LogHead, error) {
	head, err := s.logHead(ctx, app, user)
	if err != nil {
		return domain.LogDigest{}, head, err
	}
	end, err := domain.DigestUpTo(upto, head.First, head.Head)
	if err != nil {
		return domain.LogDigest{}, head, err
	}
	if err := s.appends.fanouts.wait(ctx, logKey{app, user}); err != nil {
		return domain.LogDigest{}, head, err
	}
	d, err := s.digest(ctx, digested{app, digestOfUser, int64(user)}, end, `SELECT l.seq, `+envelopeColumns+` FROM user_log l
		`+s.dialect.then("messages m")+` ON m.app_id = l.app_id AND m.conversation_id = l.conversation_id AND m.seq = l.conversation_seq
		WHERE l.app_id = ? AND l.user_id = ? AND l.seq > ? AND l.seq <= ? ORDER BY l.seq`)
	return d, head, err
}

// ConversationDigest implements [domain.DigestStore].
func (s *Store) ConversationDigest(ctx context.Context, app domain.AppNum, viewer domain.UserRef, target domain.Target, upto *int64) (domain.LogDigest, error) {
	conv, from, head, err := s.visible(ctx, app, viewer, target)
	if err != nil {
		return domain.LogDigest{}, err
	}
	end, err := domain.DigestUpTo(upto, max(from, 0)+1, head)
	if err != nil {
		return domain.LogDigest{}, err
	}
	return s.digest(ctx, digested{app, digestOfConversation, int64(conv)}, end, `SELECT m.seq, `+envelopeColumns+` FROM messages m
		WHERE m.app_id = ? AND m.conversation_id = ? AND m.seq > ? AND m.seq <= ? ORDER BY m.seq`)
}

// digest digests a log up to an entry, or as far as one call goes: from the last digest
// that is kept before it. It keeps those that it comes by. Sends know nothing of them;
// nodes that do the same work at one time write the same.
func (s *Store) digest(ctx context.Context, l digested, upto int64, entries string) (domain.LogDigest, error) {
	d, err := s.keptDigest(ctx, l, upto)
	if err != nil || d.Seq == upto {
		return d, err
	}
	end := min(upto, d.Seq+maxDigestWalk)
	next := d.Seq - d.Seq%digestEvery + digestEvery
	var kept []any
	passing := func(n int64) { // entries that are missing do not keep it from going on
		for ; next < n; next += digestEvery {
			kept = append(kept, l.app, l.kind, l.num, next, d.Sum[:])
		}
	}
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		var n int64
		var m domain.Message
		if _, err := scanMessage(rows, &m, &n); err != nil {
			return err
		}
		passing(n)
		d = d.With(n, &m)
		return nil
	}, entries, l.app, l.num, d.Seq, end)
	if err != nil {
		return domain.LogDigest{}, s.readError("digest log", err)
	}
	passing(end + 1)
	d.Seq = end
	if len(kept) == 0 {
		return d, nil
	}
	return d, s.inTx(ctx, func(tx *sqlx.Tx) error {
		return insert(ctx, tx, `INSERT INTO log_digests (app_id, kind, log_id, seq, digest)`,
			s.dialect.upsert([]string{"app_id", "kind", "log_id", "seq"}, []string{"digest"}), 5, kept)
	})
}

// keptDigest returns the last digest that is kept up to an entry.
func (s *Store) keptDigest(ctx context.Context, l digested, upto int64) (d domain.LogDigest, err error) {
	const query = `SELECT seq, digest FROM log_digests WHERE app_id = ? AND kind = ? AND log_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1`
	err = each(ctx, s.read, func(rows *sqlx.Rows) error {
		var sum []byte
		if err := rows.Scan(&d.Seq, &sum); err != nil {
			return err
		}
		if copy(d.Sum[:], sum) != len(d.Sum) {
			return errors.New("a kept digest has " + strconv.Itoa(len(sum)) + " bytes")
		}
		return nil
	}, query, l.app, l.kind, l.num, upto)
	if err != nil {
		return d, s.readError("read kept digest", err)
	}
	return d, nil
}

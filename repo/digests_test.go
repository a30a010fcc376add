package repo

import (
	"errors"
	"testing"

	"github.com/gim-im/gim/domain"
)

// A long log is digested in calls of bounded length, which keep what the next one begins
// with.
func TestDigest_OfALongLogTakesSeveralCalls(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{DataDir: t.TempDir()})
	const n = 2*maxDigestWalk + 100
	for _, statement := range []string{
		`INSERT INTO user_heads VALUES (1, 1, 1, 16484, 'e')`,
		`INSERT INTO conversations (app_id, id, conv_key, last_seq) VALUES (1, 7, x'62', 16484)`,
		`INSERT INTO messages (app_id, conversation_id, seq, sender_type, sender, sender_id, sender_device, to_group, to_id, type, content, mentions, client_msg_id, sent_at, status)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16484)
			SELECT 1, 7, i, 1, 0, '', '', 0, 'alice', 'text', x'7b7d', x'', '', i, 0 FROM n`,
		`INSERT INTO user_log SELECT app_id, 1, seq, conversation_id, seq FROM messages`,
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() domain.LogDigest {
		t.Helper()
		d, head, err := s.LogDigest(t.Context(), 1, 1, nil)
		if err != nil || head.Head != n {
			t.Fatalf("up to %d of %+v: %v", d.Seq, head, err)
		}
		return d
	}
	want := make(map[int64]domain.LogDigest, n)
	var chain domain.LogDigest
	err := s.eachOfLog(t, func(seq int64, m *domain.Message) {
		chain = chain.With(seq, m)
		want[seq] = chain
	})
	if err != nil || chain.Seq != n {
		t.Fatalf("read %d: %v", chain.Seq, err)
	}
	for _, upto := range []int64{maxDigestWalk, 2 * maxDigestWalk, n, n} {
		if d := digest(); d != want[upto] {
			t.Fatalf("digest up to %d is %x, want %x up to %d", d.Seq, d.Sum, want[upto].Sum, upto)
		}
	}
	var kept int
	if err := s.read.Get(&kept, `SELECT COUNT(*) FROM log_digests`); err != nil || kept != n/digestEvery {
		t.Errorf("%d digests are kept, %v, want %d", kept, err, n/digestEvery)
	}
	// What is kept is what a call begins with, so that it need not read all.
	if _, err := s.write.Exec(`DELETE FROM user_log WHERE seq <= ?`, 2*maxDigestWalk); err != nil {
		t.Fatal(err)
	}
	if d := digest(); d != want[n] {
		t.Errorf("digest is %x, want what was kept to be used", d.Sum)
	}
	// Where entries are missing, however many, it goes on, and is another.
	if _, err := s.write.Exec(`DELETE FROM log_digests`); err != nil {
		t.Fatal(err)
	}
	for _, upto := range []int64{maxDigestWalk, 2 * maxDigestWalk, n} {
		if d := digest(); d.Seq != upto || d.Sum == want[upto].Sum {
			t.Errorf("digest without entries is %x up to %d", d.Sum, d.Seq)
		}
	}
}

// eachOfLog reads the whole log of user 1 of app 1.
func (s *Store) eachOfLog(t *testing.T, f func(int64, *domain.Message)) error {
	t.Helper()
	for after := int64(0); ; {
		page, err := s.ReadLog(t.Context(), 1, 1, after, domain.MaxPageSize)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			f(e.Seq, e.Message)
			after = e.Seq
		}
		if !page.HasMore {
			return nil
		}
		if len(page.Entries) == 0 {
			return errors.New("an empty page has more")
		}
	}
}

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/gim-im/gim/wire"
)

// Digest is the running hash over a log as a program has received it, to be compared
// with the server's by [Digest.Verify]. A program keeps it with its cursor. The zero
// value is the user's log before its first entry; docs/verify.md has the rule.
type Digest struct {
	// Conversation is the id of the conversation that it is of, as the user names it;
	// "" is the user's log.
	Conversation string
	// Seq is the last entry that is in it: a seq, or a conversation_seq.
	Seq int64
	Sum [sha256.Size]byte
}

// Add puts messages of a page behind those that are in it. It takes those that belong
// to the log and passes over what comes again, so every page may be given to every Digest.
func (d *Digest) Add(page ...*wire.Message) {
	for _, m := range page {
		n := m.GetSeq()
		if d.Conversation != "" {
			if n = m.GetConversationSeq(); m.GetConversationId() != d.Conversation {
				continue
			}
		}
		if n > d.Seq {
			d.add(n, m)
		}
	}
}

func (d *Digest) add(n int64, m *wire.Message) {
	to := "user:" + m.GetTo().GetUserId()
	if group := m.GetTo().GetGroupId(); group != "" {
		to = "group:" + group
	}
	h := sha256.New()
	h.Write(d.Sum[:])
	for _, field := range []string{
		strconv.FormatInt(n, 10), m.GetMessageId(), strconv.FormatInt(m.GetConversationSeq(), 10),
		m.GetSender().GetType(), m.GetSender().GetUserId(), m.GetSender().GetDeviceId(),
		to, m.GetType(), strconv.FormatInt(m.GetSentAt(), 10),
	} {
		h.Write([]byte(field + "\n"))
	}
	h.Write([]byte(m.GetClientMsgId()))
	d.Seq = n
	h.Sum(d.Sum[:0])
}

// MismatchError says that the server has another log than the program has received.
type MismatchError struct {
	Ours, Theirs Digest
}

// Error implements error.
func (e *MismatchError) Error() string {
	log := "the log"
	if e.Ours.Conversation != "" {
		log = e.Ours.Conversation
	}
	return fmt.Sprintf("%s up to %d is not what the server has: %x here, %x there", log, e.Ours.Seq, e.Ours.Sum, e.Theirs.Sum)
}

// Verify compares with what the server has up to the same entry, and returns a
// *MismatchError when that is another. An *Error with the code resync_required says that
// the server has less. rest acts for the user.
func (d Digest) Verify(ctx context.Context, rest ClientWithResponsesInterface) error {
	theirs, err := DigestAt(ctx, rest, d.Conversation, d.Seq)
	if err == nil && !bytes.Equal(theirs.Sum[:], d.Sum[:]) {
		err = &MismatchError{Ours: d, Theirs: theirs}
	}
	return err
}

// DigestAt returns the server's digest of a conversation, or of the user's log for "", up
// to seq. Where a history does not begin at 1, as for who joined late, that of the
// entry before its first is what a Digest of it begins with.
func DigestAt(ctx context.Context, rest ClientWithResponsesInterface, conversation string, seq int64) (Digest, error) {
	for {
		at, err := askDigest(ctx, rest, conversation, seq)
		if err != nil {
			return Digest{}, err
		}
		d := Digest{Conversation: conversation, Seq: at.Seq}
		if n, err := hex.Decode(d.Sum[:], []byte(at.Digest)); err != nil || n != len(d.Sum) {
			return Digest{}, fmt.Errorf("the server answered with the digest %q", at.Digest)
		}
		if at.Seq >= seq { // else one call did not get so far
			return d, nil
		}
	}
}

func askDigest(ctx context.Context, rest ClientWithResponsesInterface, conversation string, seq int64) (*LogDigest, error) {
	if conversation == "" {
		answer, err := rest.GetSyncDigestWithResponse(ctx, &GetSyncDigestParams{Upto: &seq})
		if err := Check(answer, err); err != nil {
			return nil, err
		}
		return answer.JSON200, nil
	}
	answer, err := rest.GetConversationDigestWithResponse(ctx, conversation, &GetConversationDigestParams{Upto: &seq})
	if err := Check(answer, err); err != nil {
		return nil, err
	}
	return answer.JSON200, nil
}

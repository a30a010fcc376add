package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// groupRules are what sends to a group depend on, whoever sends.
type groupRules struct {
	large     bool // messages are in the log of the group only
	dismissed bool
	muted     bool // only the owner and admins may send
	mentions  domain.MentionPolicy
	history   domain.HistoryRule
}

// speaker is a user who sends to a group.
type speaker struct {
	group domain.ConversationNum
	user  domain.UserNum
}

// voice is what the membership of a speaker says about its sends.
type voice struct {
	role       domain.Role
	mutedUntil int64 // in ms; 0 for never
	joinedSeq  int64
}

// allow returns why a send to the group is refused, or nil. v is the sender's, nil
// for no member.
func (r groupRules) allow(out *domain.Outgoing, v *voice) error {
	switch {
	case r.dismissed:
		return domain.ErrGroupDismissed
	case out.User == 0:
		return nil
	case v == nil:
		return domain.ErrNotInGroup
	case r.muted && !v.role.MaySpeakMuted():
		return domain.Failure(domain.CodeMuted, "Only the owner and the admins may send to this group now.")
	case time.UnixMilli(v.mutedUntil).After(out.Message.SentAt):
		until := time.UnixMilli(v.mutedUntil).UTC()
		return domain.Failure(domain.CodeMuted, "The user is muted in this group until %s.", until.Format("2006-01-02T15:04:05.000Z07:00"))
	case out.Message.MentionsAll() && !v.role.MayMentionAll(r.mentions):
		return domain.Failure(domain.CodeForbidden, "Only the owner and the admins may mention everybody in this group.")
	}
	return nil
}

// readableFrom is the number behind which a sender may read the group; v is nil for
// the business.
func (r groupRules) readableFrom(v *voice) int64 {
	if v == nil || r.history == domain.HistoryAll {
		return 0
	}
	return v.joinedSeq
}

// readRules reads the rules of groups.
func readRules(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, groups []domain.ConversationNum) (map[domain.ConversationNum]groupRules, error) {
	all := make(map[domain.ConversationNum]groupRules, len(groups))
	const query = `SELECT id, type, mute_all, mention_all_by, history, dismissed_at FROM chat_groups WHERE app_id = ? AND id IN`
	err := selectIn(ctx, q, query, "", []any{app}, groups, func(rows *sqlx.Rows) error {
		var num domain.ConversationNum
		var typ domain.GroupType
		var r groupRules
		var dismissed int64
		err := rows.Scan(&num, &typ, &r.muted, &r.mentions, &r.history, &dismissed)
		r.large, r.dismissed = typ == domain.GroupLarge, dismissed != 0
		all[num] = r
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	return all, nil
}

// readVoices reads the voices of those of speakers who are members, by one statement
// that reads no other members, or by none where there are no speakers.
func (s *Store) readVoices(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, speakers []speaker) (map[speaker]*voice, error) {
	if len(speakers) == 0 {
		return nil, nil
	}
	args := make([]any, 0, 2*len(speakers)+1)
	for _, p := range speakers {
		args = append(args, p.group, p.user)
	}
	args = append(args, app)
	voices := make(map[speaker]*voice, len(speakers))
	err := each(ctx, q, func(rows *sqlx.Rows) error {
		var p speaker
		v := &voice{}
		err := rows.Scan(&p.group, &p.user, &v.role, &v.mutedUntil, &v.joinedSeq)
		voices[p] = v
		return err
	}, s.dialect.voicesOf(len(speakers)), args...)
	if err != nil {
		return nil, fmt.Errorf("read who may speak: %w", err)
	}
	return voices, nil
}

// voicesOf is the query for n pairs, each of a group and a user.
func (d dialect) voicesOf(n int) string {
	return `SELECT m.conversation_id, m.user_id, m.role, COALESCE(x.muted_until, 0), m.joined_seq FROM ` + d.pairs(n) + ` p
		` + d.then("members m") + ` ON m.app_id = ? AND m.conversation_id = p.a AND m.user_id = p.b
		LEFT JOIN mutes x ON x.app_id = m.app_id AND x.conversation_id = m.conversation_id AND x.user_id = m.user_id`
}

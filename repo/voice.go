package repo

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// voice says who may speak in a group.
type voice struct {
	dismissed bool
	muted     bool                        // the whole group
	until     map[domain.UserNum]int64    // mutes of single members, in ms; nil when there are none
	despite   map[domain.UserNum]struct{} // who may speak in a group that is muted as a whole
}

// allow returns why a send to the group is refused, or nil.
func (v *voice) allow(out *domain.Outgoing, member bool) error {
	switch {
	case v.dismissed:
		return domain.ErrGroupDismissed
	case out.User == 0:
		return nil
	case !member:
		return domain.ErrNotInGroup
	}
	if _, may := v.despite[out.User]; v.muted && !may {
		return domain.Failure(domain.CodeMuted, "Only the owner and the admins may send to this group now.")
	}
	if ms, muted := v.until[out.User]; muted && time.UnixMilli(ms).After(out.Message.SentAt) {
		until := time.UnixMilli(ms).UTC()
		return domain.Failure(domain.CodeMuted, "The user is muted in this group until %s.", until.Format("2006-01-02T15:04:05.000Z07:00"))
	}
	return nil
}

// readVoices fills in the voices of groups, which are few rows each: those who
// are muted, and the admins of groups that are muted as a whole.
func readVoices(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, groups map[domain.ConversationNum]*voice) error {
	nums := slices.Sorted(maps.Keys(groups))
	var silent []domain.ConversationNum
	const settings = `SELECT id, mute_all, dismissed_at FROM chat_groups WHERE app_id = ? AND id IN`
	err := selectIn(ctx, q, settings, "", []any{app}, nums, func(rows *sqlx.Rows) error {
		var num domain.ConversationNum
		var muted bool
		var dismissed int64
		if err := rows.Scan(&num, &muted, &dismissed); err != nil {
			return err
		}
		groups[num].muted, groups[num].dismissed = muted, dismissed != 0
		if muted {
			silent = append(silent, num)
		}
		return nil
	})
	if err != nil {
		return err
	}
	const mutes = `SELECT conversation_id, user_id, muted_until FROM mutes WHERE app_id = ? AND conversation_id IN`
	err = selectIn(ctx, q, mutes, "", []any{app}, nums, func(rows *sqlx.Rows) error {
		var num domain.ConversationNum
		var user domain.UserNum
		var until int64
		if err := rows.Scan(&num, &user, &until); err != nil {
			return err
		}
		if groups[num].until == nil {
			groups[num].until = make(map[domain.UserNum]int64)
		}
		groups[num].until[user] = until
		return nil
	})
	if err != nil || len(silent) == 0 {
		return err
	}
	const admins = `SELECT conversation_id, user_id, role FROM members WHERE app_id = ? AND role <> 'member' AND conversation_id IN`
	return selectIn(ctx, q, admins, "", []any{app}, silent, func(rows *sqlx.Rows) error {
		var num domain.ConversationNum
		var user domain.UserNum
		var role domain.Role
		if err := rows.Scan(&num, &user, &role); err != nil {
			return err
		}
		if groups[num].despite == nil {
			groups[num].despite = make(map[domain.UserNum]struct{})
		}
		if role.MaySpeakMuted() {
			groups[num].despite[user] = struct{}{}
		}
		return nil
	})
}

package repo

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gim-im/gim/domain"
)

var _ domain.GroupSizer = (*Store)(nil)

// GroupSize implements [domain.GroupSizer].
func (s *Store) GroupSize(ctx context.Context, app domain.AppNum, group domain.GroupID) (int, error) {
	var members int
	err := s.read.GetContext(ctx, &members, `SELECT member_count FROM chat_groups WHERE app_id = ? AND group_id = ?`, app, string(group))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, s.readError("read the size of a group", err)
	}
	return members, nil
}

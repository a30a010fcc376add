package repo

import (
	"context"
	"time"

	"github.com/gim-im/gim/domain"
)

// LargeGroups implements [domain.GroupLogStore].
func (s *Store) LargeGroups(context.Context, domain.AppNum, domain.UserNum, domain.DeviceID) ([]domain.LargeGroup, error) {
	return nil, nil
}

// LargeGroup implements [domain.GroupLogStore].
func (s *Store) LargeGroup(context.Context, domain.AppNum, domain.GroupID, domain.GroupReader) (domain.LargeGroup, error) {
	return domain.LargeGroup{}, domain.ErrUnavailable
}

// GroupHeads implements [domain.GroupLogStore].
func (s *Store) GroupHeads(context.Context, domain.AppNum, []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	return nil, domain.ErrUnavailable
}

// ReadGroup implements [domain.GroupLogStore].
func (s *Store) ReadGroup(context.Context, domain.AppNum, domain.ConversationNum, domain.GroupReader, int64, int) (domain.GroupPage, error) {
	return domain.GroupPage{}, domain.ErrUnavailable
}

// AckGroup implements [domain.DeviceStore].
func (s *Store) AckGroup(context.Context, domain.AppNum, domain.UserNum, domain.DeviceID, domain.GroupID, int64, time.Time) (int64, error) {
	return 0, domain.ErrUnavailable
}

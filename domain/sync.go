package domain

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is one entry of a user's log.
type Entry struct {
	Seq     int64
	Message *Message
	// IsSender tells that the log's user sent the message.
	IsSender bool
}

// LogHead is the state of a user's log.
type LogHead struct {
	First int64  // lowest entry that is kept; Head+1 when the log is empty
	Head  int64  // highest entry; 0 when there never was one
	Epoch string // changes when the log starts anew
}

// LogPage is a part of a user's log, ascending and contiguous.
type LogPage struct {
	LogHead
	Entries []Entry
	HasMore bool // exact at the moment of reading
}

// LogStore reads what was appended.
type LogStore interface {
	GroupLogStore
	DigestStore
	// ReadLog returns up to limit entries after after, or from the first that is
	// kept, cut at MaxPageBytes of content but never empty when there is one; one
	// consistent view. ErrUserNotFound.
	ReadLog(ctx context.Context, app AppNum, user UserNum, after int64, limit int) (LogPage, error)
	// Heads returns the heads of the logs of users; absent users are left out.
	Heads(ctx context.Context, app AppNum, users []UserNum) (map[UserNum]int64, error)
	// History returns a page of the conversation that viewer (the zero value is
	// the business) names target, ascending. ErrUserNotFound, ErrGroupNotFound, ErrNotInGroup.
	History(ctx context.Context, app AppNum, viewer UserRef, target Target, r HistoryRange) (HistoryPage, error)
}

// SyncParams asks for a part of the caller's log.
type SyncParams struct {
	After int64
	Epoch string        // of the log that After belongs to; "" does not check
	Limit int           // 1 to MaxPageSize
	Wait  time.Duration // how long to wait for an entry when there is none, up to MaxSyncWait
	// MinSeq is an entry that the page has to know of, see untilVisible; 0 is none.
	MinSeq int64
	// Groups are positions in large groups: Wait ends as well when one has more.
	Groups map[GroupID]int64
}

// ParsePositions reads positions in large groups, as "team:12,news:7"; parameter is
// the name to blame. bad_request.
func ParsePositions(parameter, list string) (map[GroupID]int64, error) {
	if list == "" {
		return nil, nil
	}
	positions := make(map[GroupID]int64)
	for entry := range strings.SplitSeq(list, ",") {
		id, number, _ := strings.Cut(entry, ":")
		seq, err := strconv.ParseInt(number, 10, 64)
		_, twice := positions[GroupID(id)]
		if err != nil || seq < 0 || twice || ValidateID(parameter, id) != nil {
			return nil, Invalid(parameter, "must be ids of groups, each once and with a position that is not negative, as team:12,news:7")
		}
		positions[GroupID(id)] = seq
	}
	return positions, nil
}

// SyncPage is a part of a user's log and how its device stands to the user's large
// groups, which is read after the log.
type SyncPage struct {
	LogPage
	Groups []LargeGroup // by id
}

// moreThan reports whether a group has gone beyond one of the positions.
func (p *SyncPage) moreThan(positions map[GroupID]int64) bool {
	return slices.ContainsFunc(p.Groups, func(g LargeGroup) bool {
		seq, named := positions[g.ID]
		return named && g.Head > seq
	})
}

// Sync returns the caller's log after a position. With Wait it answers as soon
// as there is an entry, or empty when the time is over. bad_request, forbidden,
// resync_required, unavailable.
func (m *Messenger) Sync(ctx context.Context, by Principal, p SyncParams) (SyncPage, error) {
	if err := by.RequireUser(); err != nil {
		return SyncPage{}, err
	}
	if err := p.validate(); err != nil {
		return SyncPage{}, err
	}
	if err := m.awaitEntry(ctx, by, p); err != nil {
		return SyncPage{}, err
	}
	page, err := m.readSync(ctx, by, p)
	if p.Wait == 0 || err != nil || len(page.Entries) > 0 || page.moreThan(p.Groups) {
		return page, err
	}
	var groups []ConversationNum
	for _, g := range page.Groups {
		if _, named := p.Groups[g.ID]; named {
			groups = append(groups, g.Num)
		}
	}
	changed, stop := m.notify.Watch(by.App.Num, by.User.Num, groups...)
	defer stop()
	deadline := time.NewTimer(p.Wait)
	defer deadline.Stop()
	for {
		page, err := m.readSync(ctx, by, p)
		if err != nil || len(page.Entries) > 0 || page.moreThan(p.Groups) {
			return page, err
		}
		select {
		case <-changed:
		case <-deadline.C:
			return page, nil
		case <-ctx.Done():
			return SyncPage{}, ctx.Err()
		}
	}
}

func (m *Messenger) readSync(ctx context.Context, by Principal, p SyncParams) (SyncPage, error) {
	page, err := m.logs.ReadLog(ctx, by.App.Num, by.User.Num, p.After, p.Limit)
	if err != nil {
		return SyncPage{}, err
	}
	if err := page.CheckCursor(p.After, p.Epoch); err != nil {
		return SyncPage{}, err
	}
	groups, err := m.logs.LargeGroups(ctx, by.App.Num, by.User.Num, by.Device)
	return SyncPage{LogPage: page, Groups: groups}, err
}

// CheckCursor returns ErrResyncRequired when a cursor does not belong to the log.
func (h LogHead) CheckCursor(after int64, epoch string) error {
	if after > h.Head || (epoch != "" && epoch != h.Epoch) {
		return ErrResyncRequired
	}
	return nil
}

func (p SyncParams) validate() error {
	var fails []*Error
	if p.After < 0 {
		fails = append(fails, Invalid("after", "must not be negative"))
	}
	if p.Limit < 1 || p.Limit > MaxPageSize {
		fails = append(fails, Invalid("limit", "must be between 1 and %d", MaxPageSize))
	}
	if p.Wait < 0 || p.Wait > MaxSyncWait {
		fails = append(fails, Invalid("wait", "must be between 0 and %d", int(MaxSyncWait/time.Second)))
	}
	if p.MinSeq < 0 {
		fails = append(fails, Invalid("min_seq", "must not be negative"))
	}
	return join(fails...)
}

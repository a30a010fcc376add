package domain

import (
	"context"
	"slices"
	"strings"
	"time"
)

// HistoryRange asks for a part of a conversation: what comes before Before, after
// After or from a time on, half before and half from Around on, or the newest when
// none of them is set. At most one is.
type HistoryRange struct {
	Before, After, Around *int64
	// From begins with the first message that was sent then or later; zero is none.
	From  time.Time
	Limit int
	// Types and Sender leave out messages of other types and senders; zero leaves out none.
	Types  []ContentType
	Sender UserID
	// MinSeq is a message of the conversation that has to be visible first, see
	// untilVisible; 0 is none. Stores do not look at it.
	MinSeq int64
}

// IsFiltered reports whether the range leaves out messages.
func (r *HistoryRange) IsFiltered() bool { return len(r.Types) > 0 || r.Sender != "" }

// HistoryPage is a part of a conversation, ascending by ConversationSeq.
type HistoryPage struct {
	Messages []*Message
	// NextBefore and NextAfter are what to ask with for more, nil where there is none or
	// it was not asked for. Of a range that leaves out messages a part is looked at: the
	// page may be short, or empty, with more to look at.
	NextBefore, NextAfter *int64
	Head                  int64 // of the conversation, whether the viewer may read it or not
}

// HasMore reports whether there is more in a direction that was asked for.
func (p *HistoryPage) HasMore() bool { return p.NextBefore != nil || p.NextAfter != nil }

// ParseContentTypes reads a list as "image,file"; parameter is the name to blame. bad_request.
func ParseContentTypes(parameter, list string) ([]ContentType, error) {
	if list == "" {
		return nil, nil
	}
	var types []ContentType
	for name := range strings.SplitSeq(list, ",") {
		t := ContentType(name)
		if _, known := newContent(t); !known || slices.Contains(types, t) {
			return nil, Invalid(parameter, "must be some of %s, each once and with commas between them", contentTypes)
		}
		types = append(types, t)
	}
	return types, nil
}

// ParseMoment reads a time; parameter is the name to blame. bad_request.
func ParseMoment(parameter, value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || at.IsZero() {
		return time.Time{}, Invalid(parameter, "must be a time as 2026-01-31T12:00:00Z (RFC 3339; write + as %%2B)")
	}
	return at, nil
}

// History returns messages of a conversation that the caller takes part in; the
// back end reads any group, and its own conversation with a user. bad_request,
// forbidden, user_not_found, group_not_found, not_in_group, unavailable.
func (m *Messenger) History(ctx context.Context, by Principal, conversationID string, r HistoryRange) (HistoryPage, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return HistoryPage{}, err
	}
	target, err := ParseConversationID("conversation_id", conversationID, !by.ActsForUser())
	if err != nil {
		return HistoryPage{}, err
	}
	if err := r.validate(); err != nil {
		return HistoryPage{}, err
	}
	if err := m.awaitMessage(ctx, by, target, r.MinSeq); err != nil {
		return HistoryPage{}, err
	}
	return m.logs.History(ctx, by.App.Num, by.User, target, r)
}

func (r *HistoryRange) validate() error {
	var fails []*Error
	if r.Limit < 1 || r.Limit > MaxPageSize {
		fails = append(fails, Invalid("limit", "must be between 1 and %d", MaxPageSize))
	}
	var places []string
	for _, p := range []struct {
		name string
		seq  *int64
	}{{"before", r.Before}, {"after", r.After}, {"around", r.Around}} {
		if p.seq == nil {
			continue
		}
		places = append(places, p.name)
		if *p.seq < 0 {
			fails = append(fails, Invalid(p.name, "must not be negative"))
		}
	}
	if !r.From.IsZero() {
		places = append(places, "from")
	}
	if len(places) > 1 {
		fails = append(fails, Invalid(places[0], "must not be given together with %s", strings.Join(places[1:], " and ")))
	}
	if r.Sender != "" {
		fails = append(fails, ValidateID("sender", string(r.Sender)))
	}
	if r.MinSeq < 0 {
		fails = append(fails, Invalid("min_seq", "must not be negative"))
	}
	return join(fails...)
}

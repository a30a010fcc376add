package domain

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Search asks for messages that a user may read in its histories.
type Search struct {
	Query  string    // words, all of which a message must have
	Target *Target   // in this conversation only, or in all when nil
	Sender UserID    // of this user only, or of all when empty
	From   time.Time // sent then or later, when not zero
	To     time.Time // sent before, when not zero
	Type   ContentType
}

// SearchableTypes are those of the messages that a search finds.
func SearchableTypes() []ContentType {
	return []ContentType{ContentText, ContentFile, ContentLocation}
}

// MaxQuery is the greatest length of what is searched for, in characters.
const MaxQuery = 200

// SearchTexts returns what a message is found by: what people read in it. A custom
// content is the app's own business: nobody knows what in it is shown.
func (m *Message) SearchTexts() []string {
	switch m.Type {
	case ContentText, ContentFile, ContentLocation:
	default:
		return nil
	}
	if m.Status == StatusRecalled {
		return nil
	}
	var content struct{ Text, Name, Desc string }
	_ = json.Unmarshal(m.Content, &content) // what cannot be read is not found
	var texts []string
	for _, text := range []string{content.Text, content.Name, content.Desc} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// MessageSearcher searches messages.
type MessageSearcher interface {
	// Search returns a page of the messages that user may read in a history and that
	// match, newest first; it may have fewer than the limit, or none, although there
	// are more. bad_request for a query without words; ErrUserNotFound,
	// ErrGroupNotFound and ErrNotInGroup of the target.
	Search(ctx context.Context, app AppNum, user UserRef, s Search, p Page) (List[*Message], error)
}

// Searches lets users search their messages.
type Searches struct{ store MessageSearcher }

// NewSearches returns the use case; without a store there is nothing to search with.
func NewSearches(store MessageSearcher) *Searches { return &Searches{store} }

// Search returns a page of the caller's messages that match, newest first. conversation
// is what the caller calls the one to search, or empty. bad_request, forbidden,
// search_unavailable, user_not_found, group_not_found, not_in_group.
func (c *Searches) Search(ctx context.Context, by Principal, conversation string, s Search, p Page) (List[*Message], error) {
	if err := by.RequireUser(); err != nil {
		return List[*Message]{}, err
	}
	if err := s.validate(); err != nil {
		return List[*Message]{}, err
	}
	if conversation != "" {
		target, err := ParseConversationID("conversation_id", conversation, false)
		if err != nil {
			return List[*Message]{}, err
		}
		s.Target = &target
	}
	if c.store == nil {
		return List[*Message]{}, ErrSearchUnavailable
	}
	return c.store.Search(ctx, by.App.Num, by.User, s, p)
}

func (s *Search) validate() error {
	var fails []*Error
	if n := utf8.RuneCountInString(s.Query); n > MaxQuery {
		fails = append(fails, Invalid("q", "has %d characters; %d are allowed", n, MaxQuery))
	}
	if s.Sender != "" {
		fails = append(fails, ValidateID("sender", string(s.Sender)))
	}
	if !s.From.IsZero() && !s.To.IsZero() && !s.From.Before(s.To) {
		fails = append(fails, Invalid("from", "must be before to"))
	}
	return join(fails...)
}

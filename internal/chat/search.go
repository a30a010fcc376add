package chat

import (
	"context"

	"github.com/gim-im/gim/client"
)

const (
	// maxFound is how many messages a search shows.
	maxFound = 20
	// searchPages is how many pages are looked through for them: one may be empty while
	// there is more.
	searchPages = 10
)

// Found is what a search has found, newest first.
type Found struct {
	Query string
	Items []FoundMessage
	More  bool // there may be more
	Err   error
}

// FoundMessage is a message that a search has found.
type FoundMessage struct {
	Conversation string
	Message
}

func (Found) isEvent() {}

// Search looks for the messages that have all words of query, in all conversations.
// What is found is an event.
func (s *Session) Search(query string) {
	s.Go(func(ctx context.Context) Event {
		found := Found{Query: query}
		found.Err = s.again(ctx, func() error { return s.search(ctx, &found) })
		return found
	})
}

func (s *Session) search(ctx context.Context, found *Found) error {
	found.Items = nil
	limit := maxFound
	params := &client.SearchMessagesParams{Q: found.Query, Limit: &limit}
	for range searchPages {
		answer, err := s.api.SearchMessagesWithResponse(ctx, params)
		if err := client.Check(answer, err); err != nil {
			return err
		}
		for _, m := range answer.JSON200.Items {
			found.Items = append(found.Items, FoundMessage{m.ConversationId, fromHistory(m)})
		}
		params.Cursor = answer.JSON200.NextCursor
		if found.More = params.Cursor != nil; !found.More || len(found.Items) >= maxFound {
			break
		}
	}
	return nil
}

package client

import (
	"context"
	"encoding/json"
	"slices"
)

// conversationsPage is how many conversations are asked for at a time.
const conversationsPage = 100

// ConversationChanges is what a list of conversations has become.
type ConversationChanges struct {
	// Items are the conversations that changed; of a whole list all, newest first.
	Items []Conversation
	// Removed are those that left the list: take them off, then put Items in.
	Removed     []string
	TotalUnread int64
	Changes     string // what to ask with the next time
}

// Conversations lists the user's conversations or, where changes is that of an
// earlier answer, what has changed since. It asks until there is no more; an error
// leaves changes as good as it was.
func (c *ClientWithResponses) Conversations(ctx context.Context, changes string) (*ConversationChanges, error) {
	limit := conversationsPage
	params := &ListConversationsParams{Limit: &limit}
	if changes != "" {
		params.ChangedSince = &changes
	}
	list := &ConversationChanges{}
	for {
		page, err := c.ListConversationsWithResponse(ctx, params)
		if err := Check(page, err); err != nil {
			return nil, err
		}
		list.add(page.JSON200)
		if changes != "" || list.Changes == "" { // of a whole list, that of the first page
			list.Changes = page.JSON200.Changes
		}
		switch {
		case page.JSON200.NextCursor == nil:
			return list, nil
		case changes != "":
			params.ChangedSince = &list.Changes
		default:
			params.Cursor = page.JSON200.NextCursor
		}
	}
}

// add takes in a page, which is later than those before.
func (l *ConversationChanges) add(page *ConversationList) {
	l.TotalUnread = page.TotalUnread
	for _, id := range page.Removed {
		l.drop(id)
		l.Removed = append(l.Removed, id)
	}
	for _, conversation := range page.Items {
		l.drop(conversation.ConversationId)
		l.Items = append(l.Items, conversation)
	}
}

// drop forgets what an earlier page said of a conversation.
func (l *ConversationChanges) drop(id string) {
	l.Removed = slices.DeleteFunc(l.Removed, func(other string) bool { return other == id })
	l.Items = slices.DeleteFunc(l.Items, func(other Conversation) bool { return other.ConversationId == id })
}

// MarkRead says that the user has read a conversation up to seq, its last_seq for
// all of it, and returns it as it now is.
func (c *ClientWithResponses) MarkRead(ctx context.Context, conversation string, seq int64) (*Conversation, error) {
	read, err := c.ReadConversationWithResponse(ctx, conversation, nil, ReadConversationRequest{ConversationSeq: seq})
	if err := Check(read, err); err != nil {
		return nil, err
	}
	return read.JSON200, nil
}

// Recall takes a message back. An *Error with the code message_recalled says that
// this was done before, be it by a call that got no answer; too_late that the
// app's time for it is over.
func (c *ClientWithResponses) Recall(ctx context.Context, messageID string) (*Message, error) {
	recalled, err := c.RecallMessageWithResponse(ctx, messageID, nil)
	if err := Check(recalled, err); err != nil {
		return nil, err
	}
	return recalled.JSON200, nil
}

// Edit makes a message say something else, and may be repeated. An *Error with the
// code too_late says that the app's time for it is over.
func (c *ClientWithResponses) Edit(ctx context.Context, messageID string, content json.RawMessage) (*Message, error) {
	edited, err := c.EditMessageWithResponse(ctx, messageID, nil, EditMessageRequest{Content: content})
	if err := Check(edited, err); err != nil {
		return nil, err
	}
	return edited.JSON200, nil
}

package domain

import (
	"context"
	"slices"
	"time"
)

// Limits of reactions.
const (
	MaxReactionBytes    = 64  // of a reaction
	MaxReactions        = 50  // different ones on a message
	MaxReactionsOfUser  = 20  // different ones of a user on a message
	MaxAllowedReactions = 200 // that an app names
)

// Reaction is what users have answered a message with, all with the same.
type Reaction struct {
	Reaction string // an emoji, or a name that the app allows
	Count    int64
	Me       bool // the reader is one of them
}

// Reactor is a user who has reacted to a message.
type Reactor struct {
	User     UserID
	Reaction string
	At       time.Time
}

// React gives a message the caller's reaction, once, and returns the message as it
// then is. bad_request, forbidden, message_not_found, message_recalled, rate_limited,
// and what refuses a send to the conversation.
func (m *Messenger) React(ctx context.Context, by Principal, id MessageID, reaction string) (*Message, error) {
	if err := mayNameReaction(by, reaction); err != nil {
		return nil, err
	}
	return m.change(ctx, by, id, func(settings AppSettings, s *MessageState) error {
		if s.Refusal != nil {
			return s.Refusal
		}
		if err := settings.allowReaction(reaction); err != nil {
			return err
		}
		return s.addReaction(by, reaction)
	})
}

// Unreact takes the caller's reaction from a message. Being muted or blocked keeps
// nobody from it. bad_request, forbidden, message_not_found, message_recalled,
// reaction_not_found, group_dismissed, rate_limited.
func (m *Messenger) Unreact(ctx context.Context, by Principal, id MessageID, reaction string) error {
	if err := mayNameReaction(by, reaction); err != nil {
		return err
	}
	_, err := m.change(ctx, by, id, func(_ AppSettings, s *MessageState) error {
		if CodeOf(s.Refusal) == CodeGroupDismissed {
			return s.Refusal
		}
		return s.removeReaction(by, reaction)
	})
	return err
}

// Reactors returns a page of who has reacted to a message: all, by their reactions in
// the order of their first use, or only those with one reaction. bad_request,
// forbidden, message_not_found.
func (m *Messenger) Reactors(ctx context.Context, by Principal, id MessageID, reaction string, p Page) (List[Reactor], error) {
	if _, err := m.Message(ctx, by, id); err != nil {
		return List[Reactor]{}, err
	}
	if reaction != "" {
		if err := join(validateReaction("reaction", reaction)); err != nil {
			return List[Reactor]{}, err
		}
	}
	return m.messages.Reactors(ctx, by.App.Num, id, reaction, p)
}

func mayNameReaction(by Principal, reaction string) error {
	if err := by.RequireUser(); err != nil {
		return err
	}
	return join(validateReaction("reaction", reaction))
}

// validateReaction refuses what no app can allow.
func validateReaction(pointer, reaction string) *Error {
	switch {
	case len(reaction) > MaxReactionBytes:
		return Invalid(pointer, "is longer than %d bytes", MaxReactionBytes)
	case !isEmoji(reaction) && !isReactionName(reaction):
		return Invalid(pointer, "must be one emoji, or a name of 1 to 32 of a-z, 0-9, _, + and - that the app allows")
	}
	return nil
}

func isReactionName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '+' && c != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 32
}

// allowReaction refuses what the app does not allow: any emoji where it names none.
func (s AppSettings) allowReaction(reaction string) error {
	switch {
	case len(s.Reactions) == 0 && !isEmoji(reaction):
		return Invalid("reaction", "must be one emoji")
	case len(s.Reactions) > 0 && !slices.Contains(s.Reactions, reaction):
		return Invalid("reaction", "is not one of those that this app allows")
	}
	return nil
}

func validateAllowedReactions(pointer string, all []string) *Error {
	if len(all) > MaxAllowedReactions {
		return Invalid(pointer, "has more than %d entries", MaxAllowedReactions)
	}
	for i, reaction := range all {
		if slices.Contains(all[:i], reaction) {
			return Invalid(pointer, "has an entry twice")
		}
		if err := validateReaction(pointer, reaction); err != nil {
			return err
		}
	}
	return nil
}

func (s *MessageState) addReaction(by Principal, reaction string) error {
	all := slices.Clone(s.Message.Reactions)
	i, mine := len(all), 0
	for j, r := range all {
		if r.Reaction == reaction {
			i = j
		}
		if r.Me {
			mine++
		}
	}
	switch {
	case i < len(all) && all[i].Me:
		return nil
	case mine >= MaxReactionsOfUser:
		return Invalid("reaction", "would be more than %d different ones of a user on a message", MaxReactionsOfUser)
	case i == MaxReactions:
		return Invalid("reaction", "would be more than %d different ones on a message", MaxReactions)
	case i == len(all):
		all = append(all, Reaction{Reaction: reaction})
	}
	all[i].Count++
	all[i].Me = true
	s.Message.Reactions = all
	s.tellReaction(by, EventReactionAdded, all[i])
	return nil
}

func (s *MessageState) removeReaction(by Principal, reaction string) error {
	all := slices.Clone(s.Message.Reactions)
	i := slices.IndexFunc(all, func(r Reaction) bool { return r.Reaction == reaction && r.Me })
	if i < 0 {
		return ErrReactionNotFound
	}
	all[i].Count--
	all[i].Me = false
	s.tellReaction(by, EventReactionRemoved, all[i])
	if all[i].Count == 0 {
		all = slices.Delete(all, i, i+1)
	}
	s.Message.Reactions = all
	return nil
}

// tellReaction tells of a reaction with its count by then.
func (s *MessageState) tellReaction(by Principal, code MessageEventCode, r Reaction) {
	s.tell(by, code)
	s.Event.Data.Reaction, s.Event.Data.Count = r.Reaction, &r.Count
}

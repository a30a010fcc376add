package domain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"
)

// EditPolicy is what an app allows users to do with messages that are sent.
type EditPolicy struct {
	RecallWindowSeconds int  `json:"recall_window_seconds"` // 0 to MaxEditWindow
	EditWindowSeconds   int  `json:"edit_window_seconds"`   // 0 to MaxEditWindow
	EditHistory         bool `json:"edit_history"`          // keep what edits replace
}

// How long a user may recall and edit a message, in seconds.
const (
	DefaultRecallWindow = 120
	DefaultEditWindow   = 15 * 60
	MaxEditWindow       = 365 * 24 * 60 * 60
)

func (p EditPolicy) validate(pointer string) *Error {
	check := func(name string, seconds int) *Error {
		if seconds < 0 || seconds > MaxEditWindow {
			return Invalid(pointer+name, "must be between 0 and %d", MaxEditWindow)
		}
		return nil
	}
	return first(check("/recall_window_seconds", p.RecallWindowSeconds), check("/edit_window_seconds", p.EditWindowSeconds))
}

// MessageEdit is what a message said until it was edited.
type MessageEdit struct {
	Seq        int64 // conversation_seq of the entry that told of the edit
	Content    json.RawMessage
	ReplacedAt time.Time
}

// MessageState is a message and how somebody stands to it, while both are locked.
type MessageState struct {
	Message Message
	Sender  UserNum // of the message; 0 for the business and the system
	Role    Role    // of who changes it, in a group
	// Refusal is why who changes it may not send to the conversation now, or nil.
	Refusal error

	// Of a change: what it tells, nil when nothing changed, and whether the content
	// that it replaces is kept.
	Event    *MessageEvent
	KeepEdit bool
}

// StoredMessages finds and changes messages by their ids. reader and by are users, or
// zero for the business, which may read every message of its app.
type StoredMessages interface {
	// Message returns a message that reader may read, or ErrMessageNotFound.
	Message(ctx context.Context, app AppNum, reader UserRef, id MessageID) (*Message, error)
	// ChangeMessage applies change to a message that by may read, with its conversation
	// locked, stores what is other in it, and tells of it, all or nothing. It returns the
	// message as it then is; change may run more than once. ErrMessageNotFound.
	ChangeMessage(ctx context.Context, app AppNum, by UserRef, id MessageID, change func(*MessageState) error) (*Message, error)
	// DeleteMessage takes a message that user may read from it, and tells it so, all or
	// nothing. ErrUnauthorized when user is gone, ErrMessageNotFound.
	DeleteMessage(ctx context.Context, app AppNum, user UserRef, id MessageID) error
	// MessageReads counts who has read a message that reader may read, and lists them where
	// the group is not large, or those only who have read it or have not.
	// ErrMessageNotFound, and what RefuseReads says.
	MessageReads(ctx context.Context, app AppNum, reader UserRef, id MessageID, read *bool, p Page) (MessageReads, error)
	// MessageEdits lists what edits of a message replaced, oldest first.
	MessageEdits(ctx context.Context, app AppNum, id MessageID, p Page) (List[MessageEdit], error)
	// Reactors lists who has reacted to a message, those with one reaction after those
	// with another in the order of their first use; with a reaction only those with it.
	Reactors(ctx context.Context, app AppNum, id MessageID, reaction string, p Page) (List[Reactor], error)
}

// AppReader reads the settings of an app.
type AppReader interface {
	// AppByNum returns a live app or ErrAppNotFound.
	AppByNum(ctx context.Context, app AppNum) (App, error)
}

// Message returns a message that the caller may read. bad_request, forbidden,
// message_not_found.
func (m *Messenger) Message(ctx context.Context, by Principal, id MessageID) (*Message, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return nil, err
	}
	if err := join(id.validate("message_id")); err != nil {
		return nil, err
	}
	return m.messages.Message(ctx, by.App.Num, by.User, id)
}

// MessageEdits returns a page of what a message said before it was edited, oldest
// first, as far as that was kept. bad_request, forbidden, message_not_found.
func (m *Messenger) MessageEdits(ctx context.Context, by Principal, id MessageID, p Page) (List[MessageEdit], error) {
	if _, err := m.Message(ctx, by, id); err != nil {
		return List[MessageEdit]{}, err
	}
	return m.messages.MessageEdits(ctx, by.App.Num, id, p)
}

// Recall blanks a message for everybody and returns it as it then is. bad_request,
// forbidden, message_not_found, message_recalled, too_late, group_dismissed,
// rate_limited.
func (m *Messenger) Recall(ctx context.Context, by Principal, id MessageID) (*Message, error) {
	return m.change(ctx, by, id, func(settings AppSettings, s *MessageState) error {
		if err := s.mayRecall(by, settings.EditPolicy, m.clock.Now()); err != nil {
			return err
		}
		s.Message.Status, s.Message.Content, s.Message.Mentions, s.Message.Reactions = StatusRecalled, json.RawMessage("{}"), nil, nil
		s.Message.ReplyTo, s.Message.Forwarded = "", false
		s.tell(by, EventMessageRecalled)
		return nil
	})
}

// Edit replaces the content of a message and returns it as it then is. A content that
// is the same is no edit. bad_request, too_large, forbidden, message_not_found,
// message_recalled, too_late, and what refuses a send to the conversation.
func (m *Messenger) Edit(ctx context.Context, by Principal, id MessageID, content json.RawMessage) (*Message, error) {
	return m.change(ctx, by, id, func(settings AppSettings, s *MessageState) error {
		now := Millis(m.clock.Now())
		if err := s.mayEdit(by, settings.EditPolicy, now); err != nil {
			return err
		}
		content, err := ParseContent(s.Message.Type, content)
		if err != nil || bytes.Equal(content, s.Message.Content) {
			return err
		}
		s.Message.Status, s.Message.Content, s.Message.EditedAt = StatusEdited, content, now
		s.KeepEdit = settings.EditHistory
		s.tell(by, EventMessageEdited)
		s.Event.Data.Content, s.Event.Data.EditedAt = content, now.Format("2006-01-02T15:04:05.000Z07:00")
		return nil
	})
}

// change charges the caller for a message to the conversation, as which the change is
// told, and applies it.
func (m *Messenger) change(ctx context.Context, by Principal, id MessageID, change func(AppSettings, *MessageState) error) (*Message, error) {
	known, err := m.Message(ctx, by, id)
	if err != nil {
		return nil, err
	}
	app, err := m.apps.AppByNum(ctx, by.App.Num)
	if err != nil {
		return nil, err
	}
	deliveries, err := m.charge(ctx, by, known.Sender, known.To)
	if err != nil {
		return nil, err
	}
	told := false
	changed, err := m.messages.ChangeMessage(ctx, by.App.Num, by.User, id, func(s *MessageState) error {
		if s.Message.isEvent() {
			return Failure(CodeForbidden, "This entry tells what happened; it cannot be changed.")
		}
		if s.Message.Status == StatusRecalled {
			return ErrMessageRecalled
		}
		err := change(app.Settings, s)
		told = s.Event != nil
		return err
	})
	if !told || !delivered(Receipt{}, err) {
		deliveries.giveBack()
	}
	return changed, err
}

func (s *MessageState) tell(by Principal, code MessageEventCode) {
	s.Event = &MessageEvent{Code: code, Data: MessageEventData{By: by.User.ID, Message: s.Message.ID, Seq: s.Message.ConversationSeq}}
}

// isBy reports whether a user has sent the message.
func (s *MessageState) isBy(by Principal) bool {
	return by.ActsForUser() && s.Sender == by.User.Num
}

func (s *MessageState) mayRecall(by Principal, p EditPolicy, now time.Time) error {
	switch {
	case !by.ActsForUser():
		return nil
	case errors.Is(s.Refusal, ErrGroupDismissed):
		return ErrGroupDismissed
	case s.Role.rank() >= RoleAdmin.rank():
		return nil
	case !s.isBy(by) && s.Message.To.Group != "":
		return Failure(CodeForbidden, "Only the sender of the message, the owner and the admins of the group may recall it.")
	case !s.isBy(by):
		return Failure(CodeForbidden, "Only the sender of the message may recall it.")
	}
	return s.inWindow(p.RecallWindowSeconds, now)
}

func (s *MessageState) mayEdit(by Principal, p EditPolicy, now time.Time) error {
	switch {
	case !by.ActsForUser():
		return s.Refusal
	case !s.isBy(by):
		return Failure(CodeForbidden, "Only the sender of the message may edit it.")
	case s.Message.Forwarded:
		return Failure(CodeForbidden, "A forwarded message says what another one said; it cannot be edited.")
	case s.Refusal != nil:
		return s.Refusal
	}
	return s.inWindow(p.EditWindowSeconds, now)
}

// inWindow refuses when the message was sent so many seconds ago, or earlier.
func (s *MessageState) inWindow(seconds int, now time.Time) error {
	if now.Sub(s.Message.SentAt) >= time.Duration(seconds)*time.Second {
		return Failure(CodeTooLate, "The message was sent more than %d seconds ago.", seconds)
	}
	return nil
}

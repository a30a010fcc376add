package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// do carries out a line.
func (s *script) do(l line) {
	if l.err != nil {
		s.refuse(l, badLine("the line cannot be read: %v", l.err))
		return
	}
	text := strings.TrimRight(l.text, "\r")
	switch {
	case strings.TrimSpace(text) == "":
	case s.o.JSON && strings.HasPrefix(strings.TrimSpace(text), "{"):
		s.frame(l, []byte(text))
	default:
		s.text(l, text)
	}
}

// badLine is the refusal of a line by gim chat itself.
func badLine(format string, args ...any) *client.Error {
	return &client.Error{Code: "bad_request", Message: fmt.Sprintf(format, args...)}
}

// text sends a line of text.
func (s *script) text(l line, text string) {
	if s.o.To == "" {
		s.refuse(l, badLine("--to says where lines of text go; it is not given"))
		return
	}
	to := chat.TargetOf(s.o.To)
	if to == nil {
		s.refuse(l, badLine("nobody can write to %s", s.o.To))
		return
	}
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		s.refuse(l, err)
		return
	}
	s.send(l, &wire.Send{To: to, Type: "text", Content: content})
}

func (s *script) send(l line, send *wire.Send) {
	if send.GetTo() == nil || (send.GetTo().GetUserId() == "") == (send.GetTo().GetGroupId() == "") {
		s.refuse(l, badLine("to names a user or a group"))
		return
	}
	s.o.Session.Send(send)
	l.clientMsgID = send.GetClientMsgId()
	s.busy = &l
}

// frame carries out a line of JSON: a frame of the long connection, or {"watch":
// [...]} for short.
func (s *script) frame(l line, raw []byte) {
	if f, ok := shorthand(raw); ok {
		s.watch(l, f)
		return
	}
	if call, known := restCall(raw); known {
		l.id = call.ID
		s.call(l, call)
		return
	}
	f, err := wire.DecodeClient(wire.JSON, raw)
	l.id = f.GetId()
	if err != nil {
		s.refuse(l, badLine("%s", strings.TrimPrefix(err.Error(), "bad_request: ")))
		return
	}
	switch body := f.GetBody().(type) {
	case *wire.ClientFrame_Send:
		s.send(l, body.Send)
	case *wire.ClientFrame_Signal:
		s.begin(l, func(ctx context.Context, stream *client.Stream) any {
			if err := stream.Signal(ctx, body.Signal); err != nil {
				return err
			}
			return nil
		})
	case *wire.ClientFrame_Presence:
		s.watch(l, body.Presence)
	default:
		s.refuse(l, badLine("a line is a send, a signal, a watch, a read, a recall, an edit, a react, an unreact or a search; gim chat does the rest itself"))
	}
}

func (s *script) watch(l line, w *wire.PresenceWatch) {
	s.begin(l, func(ctx context.Context, stream *client.Stream) any {
		users, err := stream.Watch(ctx, w.GetWatch(), w.GetUnwatch())
		if err != nil {
			return err
		}
		return users
	})
}

// call is a line that is carried out by the REST API.
type call struct {
	ID   uint64 `json:"id"`
	Read *struct {
		Conversation string `json:"conversation_id"`
		Seq          int64  `json:"conversation_seq"`
	} `json:"read"`
	Recall *struct {
		Message string `json:"message_id"`
	} `json:"recall"`
	Edit *struct {
		Message string          `json:"message_id"`
		Content json.RawMessage `json:"content"`
	} `json:"edit"`
	React   *reaction `json:"react"`
	Unreact *reaction `json:"unreact"`
	Search  *struct {
		Query        string  `json:"q"`
		Conversation *string `json:"conversation_id"`
		Cursor       *string `json:"cursor"`
	} `json:"search"`
}

// reaction names what to answer a message with, or to do so no more.
type reaction struct {
	Message  string `json:"message_id"`
	Reaction string `json:"reaction"`
}

// restCall reads a line as a call; known is false where it is none.
func restCall(raw []byte) (c call, known bool) {
	err := json.Unmarshal(raw, &c)
	return c, err == nil && (c.Read != nil || c.Recall != nil || c.Edit != nil || c.React != nil || c.Unreact != nil || c.Search != nil)
}

func (s *script) call(l line, c call) {
	s.begin(l, func(ctx context.Context, _ *client.Stream) any {
		var done any
		err := s.o.Session.REST(ctx, func(rest *client.ClientWithResponses) (err error) {
			done, err = c.do(ctx, rest)
			return err
		})
		if err != nil {
			return err
		}
		return done
	})
}

// do makes the call and returns what is told of it.
func (c *call) do(ctx context.Context, rest *client.ClientWithResponses) (done any, err error) {
	switch {
	case c.Read != nil:
		_, err = rest.MarkRead(ctx, c.Read.Conversation, c.Read.Seq)
		return acted("read"), err
	case c.Recall != nil:
		_, err = rest.Recall(ctx, c.Recall.Message)
		return acted("recalled"), err
	case c.Edit != nil:
		_, err = rest.Edit(ctx, c.Edit.Message, c.Edit.Content)
		return acted("edited"), err
	case c.React != nil:
		answer, err := rest.AddReactionWithResponse(ctx, c.React.Message, c.React.Reaction, nil)
		return acted("reacted"), client.Check(answer, err)
	case c.Unreact != nil:
		answer, err := rest.RemoveReactionWithResponse(ctx, c.Unreact.Message, c.Unreact.Reaction, nil)
		return acted("unreacted"), client.Check(answer, err)
	}
	params := &client.SearchMessagesParams{Q: c.Search.Query, ConversationId: c.Search.Conversation, Cursor: c.Search.Cursor}
	answer, err := rest.SearchMessagesWithResponse(ctx, params)
	if err := client.Check(answer, err); err != nil {
		return nil, err
	}
	return answer.JSON200, nil
}

// acted is the event by which a call that went well is told.
type acted string

// begin starts what a line asks for; finish gets the result.
func (s *script) begin(l line, work func(context.Context, *client.Stream) any) {
	s.busy = &l
	s.o.Session.Go(func(ctx context.Context) chat.Event {
		return chat.Done{Result: work(ctx, s.o.Session.Stream())}
	})
}

// shorthand reads {"watch":[...],"unwatch":[...]}.
func shorthand(raw []byte) (*wire.PresenceWatch, bool) {
	var names map[string]json.RawMessage
	if json.Unmarshal(raw, &names) != nil || names["watch"] == nil && names["unwatch"] == nil {
		return nil, false
	}
	var body struct {
		Watch   []string `json:"watch"`
		Unwatch []string `json:"unwatch"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return nil, false
	}
	return &wire.PresenceWatch{Watch: body.Watch, Unwatch: body.Unwatch}, true
}

// codeOf returns what to call an error, and a sentence about it.
func codeOf(err error) (code, message string) {
	if refused, ok := errors.AsType[*client.Error](err); ok {
		return refused.Code, refused.Message
	}
	switch {
	case errors.Is(err, client.ErrNotConnected):
		return "not_connected", "There is no connection."
	case errors.Is(err, client.ErrUnsettled):
		return "unsettled", err.Error()
	}
	return "failed", err.Error()
}

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/e2e/history"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// sender is one lane of a user: it sends one message after the other and
// repeats each, under the same client_msg_id, until it is settled.
type sender struct {
	rec  *history.Recorder
	user string
	lane int
	try  func(ctx context.Context, s history.Send) attempt

	sent    int
	repeats atomic.Int64 // attempts that settled nothing
	why     atomic.Value // string: what the last of them got
}

// attempt is what came of one try.
type attempt struct {
	receipt *history.Receipt // acknowledged
	refused bool             // not to be tried again
	again   string           // otherwise: why it is to be tried again
}

// send settles one more message and fails only with ctx.
func (s *sender) send(ctx context.Context, to history.Conversation) error {
	s.sent++
	m := history.Send{ClientMsgID: fmt.Sprintf("%s-%d-%d", s.user, s.lane, s.sent), Sender: s.user, To: to, Lane: s.lane}
	s.rec.Sends(m)
	for {
		switch got := s.try(ctx, m); {
		case got.receipt != nil:
			s.rec.Acked(m.ClientMsgID, *got.receipt)
			return nil
		case got.refused:
			s.rec.Refused(m.ClientMsgID)
			return fmt.Errorf("%s was refused: %s", m.ClientMsgID, got.again)
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			s.repeats.Add(1)
			s.why.Store(got.again)
			pause(ctx)
		}
	}
}

// sendMany sends until enough says so.
func (s *sender) sendMany(ctx context.Context, enough func(sent int) bool, to ...history.Conversation) error {
	for i := 0; !enough(s.sent); i++ {
		if err := s.send(ctx, to[i%len(to)]); err != nil {
			return err
		}
	}
	return nil
}

// byREST sends as user through the node at address.
func byREST(t *testing.T, rec *history.Recorder, app gimtest.App, user string, lane int, address string) *sender {
	t.Helper()
	gim := gimtest.Caller{URL: address}.Client(t, app.Key, user)
	return &sender{rec: rec, user: user, lane: lane, try: func(ctx context.Context, s history.Send) attempt {
		body := client.SendMessageRequest{To: restTarget(s), Type: "text", Content: content(s), ClientMsgId: &s.ClientMsgID}
		got, err := gim.SendMessageWithResponse(ctx, nil, body)
		switch {
		case err != nil:
			return attempt{again: err.Error()}
		case got.JSON201 != nil:
			return settled(got.JSON201)
		case got.JSON200 != nil:
			return settled(got.JSON200)
		}
		problem := got.ApplicationproblemJSONDefault
		return attempt{refused: problem == nil || !problem.Retryable, again: string(got.Body)}
	}}
}

func settled(m *client.SentMessage) attempt {
	return attempt{receipt: &history.Receipt{MessageID: m.MessageId, ConversationSeq: m.ConversationSeq, Seq: *m.Seq}}
}

// byPhone sends over the connection of p, whichever it has.
func byPhone(p *phone, lane int) *sender {
	return &sender{rec: p.rec, user: p.user, lane: lane, try: p.send}
}

// send tries once, on the connection of the moment.
func (p *phone) send(ctx context.Context, s history.Send) attempt {
	reply := make(chan *wire.ServerFrame, 1)
	p.mu.Lock()
	conn := p.conn
	p.lastID++
	id := p.lastID + 1 // that of the sign-in is 1
	if conn != nil {
		p.waiting[id] = reply
		p.own[id] = s
	}
	p.mu.Unlock()
	if conn == nil {
		return attempt{again: "not connected"}
	}
	user, group := target(s)
	frame := &wire.ClientFrame{Id: id, Body: &wire.ClientFrame_Send{Send: &wire.Send{
		To: &wire.Target{UserId: user, GroupId: group}, Type: "text", Content: content(s), ClientMsgId: s.ClientMsgID,
	}}}
	if err := conn.Write(ctx, frame); err != nil {
		return attempt{again: err.Error()}
	}
	select {
	case f, ok := <-reply:
		switch {
		case !ok:
			return attempt{again: "the connection ended"}
		case f.GetSent() != nil:
			sent := f.GetSent()
			return attempt{receipt: &history.Receipt{
				MessageID: sent.GetMessageId(), ConversationSeq: sent.GetConversationSeq(), Seq: sent.GetSeq(),
			}}
		}
		return attempt{refused: !f.GetError().GetRetryable(), again: f.GetError().GetCode()}
	case <-ctx.Done():
		return attempt{again: ctx.Err().Error()}
	}
}

// content is the text of s.
func content(s history.Send) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"text":"this is %s"}`, s.ClientMsgID))
}

// target is whom s is for, as its sender names them.
func target(s history.Send) (user, group string) {
	if group, ok := strings.CutPrefix(string(s.To), "group:"); ok {
		return "", group
	}
	a, b, _ := strings.Cut(string(s.To), "|")
	if a == s.Sender {
		return b, ""
	}
	return a, ""
}

func restTarget(s history.Send) (to client.Target) {
	user, group := target(s)
	if group != "" {
		to.GroupId = &group
	} else {
		to.UserId = &user
	}
	return to
}

// judge reads the logs of the users to their ends, waits until the phones have
// all of them, and reports what is wrong with the history.
func judge(t *testing.T, rec *history.Recorder, app gimtest.App, users []string, phones ...*phone) {
	t.Helper()
	heads := make(map[string]int64)
	for _, user := range users {
		entries := wholeLog(t, app, user)
		rec.Log(user, entries)
		heads[user] = int64(len(entries))
	}
	for _, p := range phones {
		p.has(heads[p.user])
		p.mu.Lock()
		if len(p.finals) > 0 {
			t.Errorf("%s's %s was closed for good with %v", p.user, p.id, p.finals)
		}
		p.mu.Unlock()
	}
	verdict(t, rec)
}

func verdict(t *testing.T, rec *history.Recorder) {
	t.Helper()
	problems := rec.Check()
	for _, p := range problems[:min(len(problems), 20)] {
		t.Error(p)
	}
	if n := len(problems); n > 20 {
		t.Errorf("and %d more", n-20)
	}
}

// wholeLog reads a user's log from its beginning.
func wholeLog(t *testing.T, app gimtest.App, user string) (entries []history.Entry) {
	t.Helper()
	gim, limit := app.For(t, user), 200
	for after := int64(0); ; {
		got, err := gim.SyncWithResponse(t.Context(), &client.SyncParams{After: &after, Limit: &limit})
		if err != nil || got.JSON200 == nil {
			t.Fatalf("read the log of %s: %v, %+v", user, err, got)
		}
		for _, m := range got.JSON200.Items {
			e := history.Entry{Seq: m.Seq, MessageID: m.MessageId, ConversationSeq: m.ConversationSeq}
			e.ClientMsgID, e.Sender = value(m.ClientMsgId), value(m.Sender.UserId)
			e.To = conversation(e.Sender, value(m.To.UserId), value(m.To.GroupId))
			entries = append(entries, e)
			after = m.Seq
		}
		if !got.JSON200.HasMore {
			return entries
		}
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func clientGroup(id string, members []string) client.CreateGroupRequest {
	return client.CreateGroupRequest{GroupId: &id, Members: &members}
}

package handlers

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

// storedID is the only message that there is, of alice to bob.
var storedID = string(domain.NewMessageID(testTime, 5, 3))

func storedMessage() domain.Message {
	return domain.Message{
		ID: domain.MessageID(storedID), Conversation: 5, ConversationSeq: 3, Sender: domain.Sender{Type: domain.SenderUser, User: alice.ID}, To: domain.Target{User: bob.ID},
		Type: domain.ContentText, Content: json.RawMessage(`{"text":"<hi>"}`), SentAt: testTime, Status: domain.StatusNormal,
		Reactions: []domain.Reaction{{Reaction: "😀", Count: 2, Me: true}},
	}
}

func (f *fake) Message(_ context.Context, _ domain.AppNum, _ domain.UserRef, id domain.MessageID) (*domain.Message, error) {
	if string(id) != storedID {
		return nil, domain.ErrMessageNotFound
	}
	m := storedMessage()
	return &m, nil
}

func (f *fake) ChangeMessage(_ context.Context, _ domain.AppNum, _ domain.UserRef, _ domain.MessageID, change func(*domain.MessageState) error) (*domain.Message, error) {
	state := domain.MessageState{Message: storedMessage(), Sender: alice.Num}
	err := change(&state)
	return &state.Message, err
}

func (f *fake) DeleteMessage(_ context.Context, _ domain.AppNum, _ domain.UserRef, id domain.MessageID) error {
	if string(id) != storedID {
		return domain.ErrMessageNotFound
	}
	return nil
}

func (f *fake) MessageReads(_ context.Context, _ domain.AppNum, _ domain.UserRef, id domain.MessageID, read *bool, _ domain.Page) (domain.MessageReads, error) {
	if string(id) != storedID {
		return domain.MessageReads{}, domain.ErrMessageNotFound
	}
	all := []domain.MessageRead{{Num: bob.Num, User: bob.ID, Read: read == nil || *read}}
	return domain.MessageReads{List: domain.List[domain.MessageRead]{Items: all, NextCursor: "4"}, MemberCount: 2, ReadCount: 1}, nil
}

func (f *fake) MessageEdits(_ context.Context, _ domain.AppNum, _ domain.MessageID, p domain.Page) (domain.List[domain.MessageEdit], error) {
	edits := []domain.MessageEdit{{Seq: 4, Content: json.RawMessage(`{"text":"<was>"}`), ReplacedAt: testTime}}
	return domain.List[domain.MessageEdit]{Items: edits, NextCursor: "4"}, nil
}

func (f *fake) Reactors(_ context.Context, _ domain.AppNum, _ domain.MessageID, reaction string, _ domain.Page) (domain.List[domain.Reactor], error) {
	return domain.List[domain.Reactor]{Items: []domain.Reactor{{User: "bob", Reaction: "👎" + reaction, At: testTime}}, NextCursor: "4"}, nil
}

func TestMessages_AreLookedUpEditedAndRecalled(t *testing.T) {
	t.Parallel()
	const (
		now    = `"2026-01-31T12:00:00.000Z"`
		middle = `,"conversation_id":"user:bob","conversation_seq":3,`
		smile  = `"reactions":[{"count":2,"me":true,"reaction":"😀"}],`
		rest   = `"mentions":[],"message_id":"ID",` + smile + `"sender":{"type":"user","user_id":"alice"},"sent_at":` + now + `,"seq":0,"status":`
		end    = `,"to":{"user_id":"bob"},"type":"text"}`
		normal = `{"content":{"text":"<hi>"}` + middle + rest + `"normal"` + end
	)
	path := "/v1/messages/" + storedID
	other := "/v1/messages/" + string(domain.NewMessageID(testTime, 5, 4))
	patch := func(path, body string, header ...string) request { return request{"PATCH", path, body, header} }
	recall := func(path string, header ...string) request { return request{"POST", path + "/recall", "", header} }
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{get(path), 200, normal},
		{request{"GET", path, "", []string{asApp}}, 200, normal},
		{request{"GET", path, "", []string{asApp, forBob}}, 200, strings.Replace(normal, "user:bob", "user:alice", 1)},
		{patch(path, `{"content":{"text": "<b>"}}`, asAlice), 200, `{"content":{"text":"<b>"}` + middle + `"edited_at":` + now + `,` + rest + `"edited"` + end},
		{recall(path, asAlice), 200, `{"content":{}` + middle + strings.Replace(rest, smile, "", 1) + `"recalled"` + end},
		{recall(path, asApp), 200, `"status":"recalled"`},
		{get(path + "/edits"), 200, `{"items":[{"content":{"text":"<was>"},"replaced_at":` + now + `}],"next_cursor":"NA"}`},

		{get(path + "/reads"), 200, `{"items":[{"read":true,"user_id":"bob"}],"member_count":2,"next_cursor":"NA","read_count":1}`},
		{get(path + "/reads?read=false"), 200, `"read":false`},
		{get(path + "/reads?read=yes"), 400, `"pointer":"read"`},
		{get(path + "/reads?limit=201"), 400, `"pointer":"limit"`},
		{get(other + "/reads"), 404, `"code":"message_not_found"`},
		{request{"DELETE", path, "", []string{asAlice}}, 204, ""},
		{request{"DELETE", path, "", []string{asApp, forBob}}, 204, ""},
		{request{"DELETE", path, "", []string{asApp}}, 403, `"code":"forbidden"`},
		{request{"DELETE", other, "", []string{asAlice}}, 404, `"code":"message_not_found"`},
		{request{"DELETE", "/v1/messages/x", "", []string{asAlice}}, 400, `"pointer":"message_id"`},
		{recall(path, asApp, forBob), 403, `"code":"forbidden"`},
		{patch(path, `{"content":{"text":"x"}}`, asApp, forBob), 403, `"code":"forbidden"`},
		{patch(path, `{"content":{"text":""}}`, asAlice), 400, `"pointer":"/content/text"`},
		{patch(path, `{"content":{"text":"x"},"type":"text"}`, asAlice), 400, `"pointer":"/type"`},
		{patch(path, `{}`, asAlice), 400, `"pointer":"/content"`},
		{get(other), 404, `"code":"message_not_found"`},
		{get(other + "/edits"), 404, `"code":"message_not_found"`},
		{get(path + "/edits?limit=0"), 400, `"pointer":"limit"`},
		{recall(other, asAlice), 404, `"code":"message_not_found"`},
		{patch(other, `{"content":{"text":"x"}}`, asAlice), 404, `"code":"message_not_found"`},
		{get("/v1/messages/x"), 400, `"pointer":"message_id"`},
		{recall("/v1/messages/"+strings.ToUpper(storedID), asAlice), 400, `"pointer":"message_id"`},
		{patch("/v1/messages/x", `{"content":{"text":"x"}}`, asAlice), 400, `"pointer":"message_id"`},
	} {
		w := tt.call.do(newAPI(t, newFake().options()))
		if got := strings.ReplaceAll(w.Body.String(), storedID, "ID"); w.Code != tt.status || !strings.Contains(got, tt.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.call.method, tt.call.path, w.Code, got, tt.status, tt.part)
		}
	}
}

func TestRecall_IsRepeatedByItsKey(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for _, replayed := range []string{"", "true"} {
		w := (request{"POST", "/v1/messages/" + storedID + "/recall", "", []string{asAlice, "Idempotency-Key: k"}}).do(h)
		if w.Code != 200 || w.Header().Get(headerReplayed) != replayed {
			t.Errorf("%d, replayed %q, want %q: %s", w.Code, w.Header().Get(headerReplayed), replayed, w.Body)
		}
	}
}

package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/google/go-cmp/cmp"
)

// The fake has one conversation, of alice with bob, with 7 messages. The back end may
// act for bob, whose conversation with alice it is as well.
func (f *fake) Conversation(_ context.Context, _ domain.AppNum, user domain.UserNum, target domain.Target) (domain.Conversation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case target.Group != "":
		return domain.Conversation{ID: "group:" + string(target.Group), Type: domain.ConversationGroup, LastSeq: 3, MemberCount: 90_000}, nil
	case target.User == bob.ID:
		return domain.Conversation{
			ID: "user:bob", Type: domain.ConversationSingle, LastSeq: 7, ReadSeq: f.readSeq, Unread: 7 - f.readSeq, MentionSeq: 6, Pinned: f.pinned,
			LastMessage: &domain.Message{ConversationSeq: 7, ID: "m7", Sender: domain.Sender{Type: domain.SenderUser, User: bob.ID},
				To: domain.Target{User: alice.ID}, Type: domain.ContentText, Content: []byte(`{"text":"<b>"}`), SentAt: testTime, Status: domain.StatusNormal},
			MemberCount: 2, Members: []domain.ConversationMember{{User: alice.ID, ReadSeq: f.readSeq, DeliveredSeq: 7}, {User: bob.ID}},
		}, nil
	case target.User == "ghost":
		return domain.Conversation{}, domain.ErrUserNotFound
	}
	return domain.Conversation{}, domain.ErrConversationNotFound
}

func (f *fake) Conversations(ctx context.Context, app domain.AppNum, user domain.UserNum, p domain.Page) (domain.ConversationList, error) {
	list := domain.ConversationList{TotalUnread: 7}
	if p.Cursor != "" {
		return list, nil
	}
	c, err := f.Conversation(ctx, app, user, domain.Target{User: bob.ID})
	c.Members = nil
	list.Items, list.NextCursor = []domain.Conversation{c}, "next"
	return list, err
}

// ChangedConversations knows one change behind the first cursor, and another one behind
// that.
func (f *fake) ChangedConversations(ctx context.Context, app domain.AppNum, user domain.UserNum, since domain.ChangesCursor, limit int) (domain.ConversationList, bool, error) {
	list := domain.ConversationList{Removed: []string{"user:carol"}, TotalUnread: 7, Changes: domain.ChangesCursor{Upto: since.Upto + 1}}
	if limit != domain.DefaultPageSize {
		list.Removed = nil
	}
	return list, limit == 1, nil
}

func (f *fake) ChangeConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target, c domain.ConversationChange) error {
	if c.Pinned != nil {
		f.mu.Lock()
		f.pinned = *c.Pinned
		f.mu.Unlock()
	}
	_, err := f.Conversation(ctx, app, user, target)
	return err
}

func (f *fake) DeleteConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target) error {
	_, err := f.Conversation(ctx, app, user, target)
	return err
}

func (f *fake) ReadConversation(ctx context.Context, app domain.AppNum, user domain.UserNum, target domain.Target, seq int64) (domain.ReadResult, error) {
	c, err := f.Conversation(ctx, app, user, target)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		return domain.ReadResult{}, err
	case seq > c.LastSeq:
		return domain.ReadResult{}, domain.ReadBeyondHead(c.LastSeq)
	case seq <= f.readSeq:
		return domain.ReadResult{ReadSeq: f.readSeq}, nil
	}
	f.readSeq = seq
	r := domain.ReadResult{Advanced: true, ReadSeq: seq}
	if target.User != "" {
		r.Peers = []domain.UserNum{bob.Num}
	}
	return r, nil
}

func (f *fake) PublishSignal(s *domain.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signals = append(f.signals, s)
}

func TestConversations_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	const (
		path  = "/v1/conversations/user:bob"
		entry = `{"conversation_id":"user:bob","first_mention_seq":6,"hidden":false,"last_message":{"content":{"text":"<b>"},"conversation_id":"user:bob","conversation_seq":7`
		group = `{"conversation_id":"group:stage","hidden":false,"last_message":null,"last_seq":3,"marked_unread":false,"member_count":90000,"mentioned":false,"muted":false,"pinned":false`
	)
	patch := func(id, body string) request {
		return request{"PATCH", "/v1/conversations/" + id, body, []string{asAlice}}
	}
	read := func(id, body string) request {
		return request{"PUT", "/v1/conversations/" + id + "/read", body, []string{asAlice}}
	}
	f := newFake()
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{get("/v1/conversations"), 200, `{"changes":"AA","items":[` + entry},
		{get("/v1/conversations"), 200, `}],"next_cursor":"bmV4dA","removed":[],"total_unread":7}`},
		{get("/v1/conversations?cursor=bmV4dA"), 200, `{"changes":"AA","items":[],"next_cursor":null,"removed":[],"total_unread":7}`},
		{get("/v1/conversations?changed_since=AA"), 200, `{"changes":"AQ","items":[],"next_cursor":null,"removed":["user:carol"],"total_unread":7}`},
		{get("/v1/conversations?changed_since=AQ&limit=1"), 200, `{"changes":"Ag","items":[],"next_cursor":"Ag","removed":[],"total_unread":7}`},
		{get("/v1/conversations?changed_since="), 400, `"pointer":"changed_since"`},
		{get("/v1/conversations?changed_since=*"), 400, `"pointer":"changed_since"`},
		{get("/v1/conversations?changed_since=AA&cursor=bmV4dA"), 400, `"pointer":"cursor"`},
		{get("/v1/conversations?cursor=*"), 400, `"pointer":"cursor"`},
		{get("/v1/conversations?limit=201"), 400, `"pointer":"limit"`},
		{request{"GET", "/v1/conversations", "", []string{asApp}}, 403, `"code":"forbidden"`},
		{get(path), 200, entry},
		{get(path), 200, `"member_count":2,"members":[{"delivered_seq":7,"read_seq":0,"user_id":"alice"},{"delivered_seq":0,"read_seq":0,"user_id":"bob"}],"mentioned":true,"muted":false,"pinned":false,"read_seq":0,"type":"single","unread":7}`},
		{get("/v1/conversations/group:stage"), 200, group},
		{get("/v1/conversations/business"), 404, `"code":"conversation_not_found"`},
		{get("/v1/conversations/user:ghost"), 404, `"code":"user_not_found"`},
		{get("/v1/conversations/team"), 400, `"pointer":"conversation_id"`},
		{get("/v1/conversations/user:"), 400, `"pointer":"conversation_id"`},
		{patch("user:bob", `{"pinned":true}`), 200, `"pinned":true`},
		{patch("user:bob", `{}`), 200, `"pinned":true`},
		{patch("user:bob", `{"pinned":1}`), 400, `"pointer":"/pinned"`},
		{patch("user:bob", `{"unread":0}`), 400, `"pointer":"/unread"`},
		{patch("user:me", `{"pinned":true}`), 400, `"pointer":"conversation_id"`},
		{patch("business", `{"pinned":true}`), 404, `"code":"conversation_not_found"`},
		{read("user:bob", `{"conversation_seq":5}`), 200, `"read_seq":5,"type":"single","unread":2}`},
		{read("user:bob", `{"conversation_seq":4}`), 200, `"read_seq":5,"type":"single","unread":2}`},
		{read("user:bob", `{"conversation_seq":8}`), 400, `{"detail":"must not be beyond the last message, which is 7","pointer":"/conversation_seq"}`},
		{read("user:bob", `{"conversation_seq":-1}`), 400, `"pointer":"/conversation_seq"`},
		{read("user:bob", `{}`), 400, `"pointer":"/conversation_seq"`},
		{read("user:bob", `{"conversation_seq":1.5}`), 400, `"pointer":"/conversation_seq"`},
		{read("business", `{"conversation_seq":1}`), 404, `"code":"conversation_not_found"`},
		{request{"DELETE", path, "", []string{asAlice}}, 204, ``},
		{request{"DELETE", "/v1/conversations/business", "", []string{asAlice}}, 404, `"code":"conversation_not_found"`},
		{request{"DELETE", "/v1/conversations/x", "", []string{asAlice}}, 400, `"pointer":"conversation_id"`},
	} {
		w := tt.call.do(newAPI(t, f.options()))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.call.method, tt.call.path, w.Code, w.Body, tt.status, tt.part)
		}
	}
}

// The devices of who reads are told under their own name of the conversation, the
// others under theirs, and nobody when nothing was read.
func TestConversations_ReadingIsSignalled(t *testing.T) {
	t.Parallel()
	f := newFake()
	h := newAPI(t, f.options())
	for _, call := range []request{
		{"PUT", "/v1/conversations/user:bob/read", `{"conversation_seq":5}`, []string{asAlice}},
		{"PUT", "/v1/conversations/user:bob/read", `{"conversation_seq":5}`, []string{asAlice}},
		{"PUT", "/v1/conversations/user:bob/read", `{"conversation_seq":8}`, []string{asAlice}},
	} {
		call.do(h)
	}
	f.readSeq = 0
	request{"PUT", "/v1/conversations/group:stage/read", `{"conversation_seq":2}`, []string{asAlice}}.do(h)
	type told struct {
		Name, Kind, Data string
		To               []domain.UserNum
		Device           domain.DeviceID
	}
	var got []told
	for _, s := range f.signals {
		got = append(got, told{s.ConversationID(), s.Kind, string(s.Data), s.Receivers, s.Sender.Device})
	}
	want := []told{
		{"user:bob", "read", `{"conversation_seq":5}`, []domain.UserNum{alice.Num}, "phone"},
		{"user:alice", "read", `{"conversation_seq":5}`, []domain.UserNum{bob.Num}, "phone"},
		{"group:stage", "read", `{"conversation_seq":2}`, []domain.UserNum{alice.Num}, "phone"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

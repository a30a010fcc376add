package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

// ChangeContact knows that bob is alice's contact and that carol has asked her; dave
// has blocked everybody.
func (f *fake) ChangeContact(ctx context.Context, app domain.AppNum, user domain.UserRef, other domain.UserID, limit int, change func(*domain.ContactPair) error) (*domain.Contact, error) {
	if other == "one-too-many" {
		return nil, domain.TooManyContacts(limit)
	}
	if _, err := f.User(ctx, app, other); err != nil {
		return nil, err
	}
	pair := &domain.ContactPair{User: user.ID, Other: other, IsBlocked: other == "dave"}
	if c, err := f.Contact(ctx, app, user.Num, other); err == nil && user == alice {
		pair.Contact = &c
	}
	if err := change(pair); err != nil {
		return nil, err
	}
	return pair.Contact, nil
}

func (f *fake) Contact(_ context.Context, _ domain.AppNum, _ domain.UserNum, id domain.UserID) (domain.Contact, error) {
	switch id {
	case bob.ID:
		return domain.Contact{User: id, Status: domain.ContactMutual, Remark: "plumber", CreatedAt: testTime}, nil
	case "carol":
		return domain.Contact{User: id, Status: domain.ContactIncoming, Message: "hi", CreatedAt: testTime}, nil
	}
	return domain.Contact{}, domain.ErrContactNotFound
}

func (f *fake) Contacts(ctx context.Context, app domain.AppNum, user domain.UserNum, status domain.ContactStatus, p domain.Page) (domain.List[domain.Contact], error) {
	if p.Cursor != "" {
		return domain.List[domain.Contact]{}, nil
	}
	id := map[domain.ContactStatus]domain.UserID{domain.ContactMutual: bob.ID, domain.ContactIncoming: "carol"}[status]
	c, err := f.Contact(ctx, app, user, id)
	return domain.List[domain.Contact]{Items: []domain.Contact{c}, NextCursor: string(id)}, err
}

func TestContacts_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	const (
		entry = `{"created_at":"2026-01-31T12:00:00.000Z","message":"","remark":"plumber","status":"contact","user_id":"bob"}`
		asks  = `{"created_at":"2026-01-31T12:00:00.000Z","message":"hi","remark":"","status":"incoming","user_id":"carol"}`
		self  = `{"detail":"names the caller; nobody can be one's own contact","pointer":"user_id"}`
	)
	do := func(method, id, body string) request {
		return request{method, "/v1/contacts/" + id, body, []string{asAlice}}
	}
	business := []string{asApp, "Gim-User: alice"}
	f := newFake()
	for i, id := range []domain.UserID{"carol", "dave", "erin"} {
		f.users[id] = domain.User{Num: domain.UserNum(i + 3), ID: id}
	}
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{do("PUT", "bob", `{}`), 200, entry},
		{do("PUT", "bob", `{"remark":"B"}`), 200, `"remark":"B"`},
		{do("PUT", "carol", `{"message":"unused"}`), 200, `"message":"","remark":"","status":"contact"`},
		{do("PUT", "erin", `{"message":"It is Alice","remark":"E"}`), 201, `"message":"It is Alice","remark":"E","status":"outgoing","user_id":"erin"`},
		{do("PUT", "dave", `{}`), 403, `"code":"blocked"`},
		{do("PUT", "dave", `{"accepted":true}`), 403, `"code":"forbidden"`},
		{request{"PUT", "/v1/contacts/dave", `{"accepted":true}`, business}, 201, `"status":"contact"`},
		{request{"PUT", "/v1/contacts/dave", `{}`, business}, 403, `"code":"blocked"`},
		{do("PUT", "ghost", `{}`), 404, `"code":"user_not_found"`},
		{do("PUT", "me", `{}`), 400, self},
		{do("PUT", "alice", `{}`), 400, self},
		{do("PUT", "batch", `{}`), 400, `"pointer":"user_id"`},
		{do("PUT", "one-too-many", `{}`), 400, `would be one more than the 10000 contacts and requests`},
		{do("PUT", "erin", `{"message":"`+strings.Repeat("é", 1025)+`"}`), 400, `"pointer":"/message"`},
		{do("PUT", "erin", `{"remark":"`+strings.Repeat("é", 129)+`"}`), 400, `"pointer":"/remark"`},
		{do("PUT", "erin", `{"remark":"\u0000"}`), 400, `"pointer":"/remark"`},
		{do("PUT", "erin", `{"note":""}`), 400, `"pointer":"/note"`},
		{do("PUT", "erin", ``), 400, `"code":"bad_request"`},
		{do("PATCH", "bob", `{"remark":"B"}`), 200, `"remark":"B","status":"contact"`},
		{do("PATCH", "bob", `{}`), 200, entry},
		{do("PATCH", "erin", `{"remark":"E"}`), 404, `"code":"contact_not_found"`},
		{do("PATCH", "ghost", `{"remark":"E"}`), 404, `"code":"contact_not_found"`},
		{do("PATCH", "bob", `{"remark":"`+strings.Repeat("é", 129)+`"}`), 400, `"pointer":"/remark"`},
		{do("PATCH", "me", `{}`), 400, self},
		{get("/v1/contacts/bob"), 200, entry},
		{get("/v1/contacts/erin"), 404, `"code":"contact_not_found"`},
		{get("/v1/contacts/me"), 400, self},
		{get("/v1/contacts"), 200, `{"items":[` + entry + `],"next_cursor":"Ym9i"}`},
		{get("/v1/contacts?status=incoming&limit=1"), 200, `{"items":[` + asks + `],"next_cursor":"`},
		{get("/v1/contacts?cursor=Ym9i"), 200, `{"items":[],"next_cursor":null}`},
		{get("/v1/contacts?status=friend"), 400, `"pointer":"status"`},
		{get("/v1/contacts?cursor=*"), 400, `"pointer":"cursor"`},
		{do("DELETE", "bob", ""), 204, ``},
		{do("DELETE", "erin", ""), 404, `"code":"contact_not_found"`},
		{do("DELETE", "ghost", ""), 404, `"code":"contact_not_found"`},
		{do("DELETE", "me", ""), 400, self},
	} {
		w := tt.call.do(newAPI(t, f.options()))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %s %s: %d %s, want %d with %s", tt.call.method, tt.call.path, tt.call.body, w.Code, w.Body, tt.status, tt.part)
		}
	}
}

func TestContacts_ChangesAreLimited(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.limited = 2 * time.Second
	h := newAPI(t, f.options())
	for method, body := range map[string]string{"PUT": `{}`, "PATCH": `{"remark":"B"}`, "DELETE": ""} {
		w := request{method, "/v1/contacts/bob", body, []string{asAlice}}.do(h)
		if w.Code != 429 || w.Header().Get("Retry-After") != "2" {
			t.Errorf("%s: %d %s, header %v", method, w.Code, w.Body, w.Header())
		}
	}
	w := request{"PUT", "/v1/contacts/bob", `{"accepted":true}`, []string{asApp, "Gim-User: alice"}}.do(h)
	if w.Code != 200 {
		t.Errorf("the business is limited: %d %s", w.Code, w.Body)
	}
}

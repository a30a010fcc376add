package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

var bobBlocked = domain.Block{User: bob.ID, CreatedAt: testTime}

// PutBlock knows that alice has blocked bob.
func (f *fake) PutBlock(ctx context.Context, app domain.AppNum, user domain.UserRef, b domain.Block, limit int) (domain.Block, bool, error) {
	if b.User == "one-too-many" {
		return domain.Block{}, false, domain.TooManyBlocks(limit)
	}
	if _, err := f.User(ctx, app, b.User); err != nil {
		return domain.Block{}, false, err
	}
	return b, user != alice || b.User != bob.ID, nil
}

func (f *fake) Block(_ context.Context, _ domain.AppNum, _ domain.UserNum, id domain.UserID) (domain.Block, error) {
	if id != bob.ID {
		return domain.Block{}, domain.ErrBlockNotFound
	}
	return bobBlocked, nil
}

func (f *fake) Blocks(_ context.Context, _ domain.AppNum, _ domain.UserNum, p domain.Page) (domain.List[domain.Block], error) {
	if p.Cursor != "" {
		return domain.List[domain.Block]{}, nil
	}
	return domain.List[domain.Block]{Items: []domain.Block{bobBlocked}, NextCursor: "bob"}, nil
}

func (f *fake) DeleteBlock(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.UserID) error {
	_, err := f.Block(ctx, app, user, id)
	return err
}

func TestBlocks_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	const (
		entry = `{"created_at":"2026-01-31T12:00:00.000Z","user_id":"bob"}`
		self  = `{"detail":"names the caller; nobody can block oneself","pointer":"user_id"}`
	)
	put := func(id string) request { return request{"PUT", "/v1/blocks/" + id, "", []string{asAlice}} }
	f := newFake()
	f.users["carol"] = domain.User{Num: 3, ID: "carol"}
	for _, tt := range []struct {
		call   request
		status int
		part   string
	}{
		{put("bob"), 200, entry},
		{put("carol"), 201, strings.ReplaceAll(entry, "bob", "carol")},
		{request{"PUT", "/v1/blocks/alice", "", []string{asApp, "Gim-User: bob"}}, 201, strings.ReplaceAll(entry, "bob", "alice")},
		{put("ghost"), 404, `"code":"user_not_found"`},
		{put("me"), 400, self},
		{put("alice"), 400, self},
		{put("batch"), 400, `{"detail":"is a reserved id; \"me\" and \"batch\" cannot be used","pointer":"user_id"}`},
		{put("a%20b"), 400, `{"detail":"may contain only`},
		{put("one-too-many"), 400, `{"detail":"would be one more than the 10000 users that a user may block","pointer":"user_id"}`},
		{request{"PUT", "/v1/blocks/bob", "", []string{asApp}}, 403, `"code":"forbidden"`},
		{get("/v1/blocks/bob"), 200, entry},
		{get("/v1/blocks/alice"), 404, `"code":"block_not_found"`},
		{get("/v1/blocks/me"), 400, `"pointer":"user_id"`},
		{get("/v1/blocks"), 200, `{"items":[` + entry + `],"next_cursor":"Ym9i"}`},
		{get("/v1/blocks?cursor=Ym9i&limit=1"), 200, `{"items":[],"next_cursor":null}`},
		{get("/v1/blocks?cursor=*"), 400, `"pointer":"cursor"`},
		{get("/v1/blocks?limit=201"), 400, `"pointer":"limit"`},
		{request{"DELETE", "/v1/blocks/bob", "", []string{asAlice}}, 204, ``},
		{request{"DELETE", "/v1/blocks/carol", "", []string{asAlice}}, 404, `"code":"block_not_found"`},
		{request{"DELETE", "/v1/blocks/me", "", []string{asAlice}}, 400, `"pointer":"user_id"`},
	} {
		w := tt.call.do(newAPI(t, f.options()))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.part) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.call.method, tt.call.path, w.Code, w.Body, tt.status, tt.part)
		}
	}
}

func TestBlocks_ASendToWhoBlocksIsForbidden(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.fail = domain.ErrBlocked
	w := post("/v1/messages", sendHi.body).do(newAPI(t, f.options()))
	for _, part := range []string{`"code":"blocked"`, `"retryable":false`, `"detail":"The receiver does not take messages from this user."`} {
		if w.Code != 403 || !strings.Contains(w.Body.String(), part) {
			t.Errorf("%d %s, want 403 with %s", w.Code, w.Body, part)
		}
	}
}

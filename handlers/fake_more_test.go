package handlers

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	gim "github.com/gim-im/gim"
	"github.com/gim-im/gim/domain"
)

func (f *fake) CreateGroup(ctx context.Context, _ domain.AppNum, g domain.Group, members []domain.UserID, _ ...domain.GroupEvent) (domain.Group, error) {
	if f.hold != nil {
		close(f.holding)
		select {
		case <-f.hold:
		case <-ctx.Done():
			return g, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return g, f.fail
	}
	f.created++
	domain.NoteMade(ctx, []domain.Delivery{{Message: &domain.Message{Conversation: 9, ConversationSeq: 7}, To: []domain.Recipient{{User: alice.Num, Seq: 41}}}})
	g.MemberCount = len(members)
	return g, nil
}

// Group knows the group team of alice and bob, club, which anybody may ask to join,
// and stage, which is large and has a live audience.
func (f *fake) Group(_ context.Context, _ domain.AppNum, id domain.GroupID, viewer domain.UserNum) (domain.Group, error) {
	g := domain.Group{
		Num: 1, ID: id, Type: domain.GroupNormal, Extra: json.RawMessage("{}"), Owner: alice.ID, MemberCount: 2, CreatedAt: testTime, UpdatedAt: testTime,
		Settings: domain.GroupSettings{Join: domain.JoinApproval, InviteBy: domain.InviteByAdmins, MentionAllBy: domain.MentionAllByAdmins, History: domain.HistoryJoined},
	}
	switch {
	case id == "stage":
		g.Type, g.Settings.LiveAudience = domain.GroupLarge, true
	case id == "club":
		g.Owner = "carol"
	case id != "team":
		return domain.Group{}, domain.ErrGroupNotFound
	case viewer == alice.Num:
		g.MyRole = domain.RoleOwner
	}
	return g, nil
}

func (f *fake) Groups(ctx context.Context, app domain.AppNum, member domain.UserNum, _ domain.Page) (domain.List[domain.Group], error) {
	g, err := f.Group(ctx, app, "team", member)
	return domain.List[domain.Group]{Items: []domain.Group{g}}, err
}

func (f *fake) ChangeGroup(ctx context.Context, app domain.AppNum, id domain.GroupID, by domain.UserNum, users []domain.UserID, change func(*domain.GroupState) error) (domain.GroupState, error) {
	g, err := f.Group(ctx, app, id, by)
	if err != nil {
		return domain.GroupState{}, err
	}
	state := domain.GroupState{Group: g, Users: make([]domain.GroupUser, len(users))}
	for i, user := range users {
		known, _ := f.User(ctx, app, user)
		u := domain.GroupUser{ID: user, Num: known.Num}
		if id == "team" && user == bob.ID {
			m := bobsMembership()
			u.Member, u.Request = &m, &domain.JoinRequest{User: user, CreatedAt: testTime}
		}
		state.Users[i] = u
	}
	return state, change(&state)
}

func bobsMembership() domain.Member {
	return domain.Member{User: bob.ID, Role: domain.RoleMember, Extra: json.RawMessage("{}"), JoinedAt: testTime}
}

func (f *fake) Members(context.Context, domain.AppNum, domain.ConversationNum, domain.Page) (domain.List[domain.Member], error) {
	return domain.List[domain.Member]{Items: []domain.Member{bobsMembership()}}, nil
}

func (f *fake) Member(context.Context, domain.AppNum, domain.ConversationNum, domain.UserID) (domain.Member, error) {
	return bobsMembership(), nil
}

func (f *fake) Heir(context.Context, domain.AppNum, domain.ConversationNum, domain.UserNum) (domain.UserID, error) {
	return bob.ID, nil
}

func (f *fake) JoinRequests(context.Context, domain.AppNum, domain.ConversationNum, domain.Page) (domain.List[domain.JoinRequest], error) {
	return domain.List[domain.JoinRequest]{Items: []domain.JoinRequest{{User: bob.ID, CreatedAt: testTime}}}, nil
}

func (f *fake) JoinRequest(context.Context, domain.AppNum, domain.ConversationNum, domain.UserID) (domain.JoinRequest, error) {
	return domain.JoinRequest{User: bob.ID, CreatedAt: testTime}, nil
}

func (f *fake) Append(_ context.Context, out domain.Outgoing) (domain.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics != nil {
		panic(f.panics)
	}
	f.outgoing = out
	return f.receipt, f.fail
}

func (f *fake) Receivers(context.Context, domain.Outgoing) (domain.Receivers, error) {
	return domain.Receivers{}, nil
}

func (f *fake) LargeGroups(context.Context, domain.AppNum, domain.UserNum, domain.DeviceID) ([]domain.LargeGroup, error) {
	return nil, nil
}

func (f *fake) LargeGroup(context.Context, domain.AppNum, domain.GroupID, domain.GroupReader) (domain.LargeGroup, error) {
	return domain.LargeGroup{}, domain.ErrGroupNotFound
}

func (f *fake) GroupHeads(context.Context, domain.AppNum, []domain.ConversationNum) (map[domain.ConversationNum]int64, error) {
	return nil, nil
}

func (f *fake) ReadGroup(context.Context, domain.AppNum, domain.ConversationNum, domain.GroupReader, int64, int) (domain.GroupPage, error) {
	return domain.GroupPage{}, domain.ErrGroupNotFound
}

func (f *fake) AckGroup(context.Context, domain.AppNum, domain.UserNum, domain.DeviceID, domain.GroupID, int64, time.Time) (int64, error) {
	return 0, domain.ErrGroupNotFound
}

func (f *fake) Connections(context.Context, domain.AppNum, domain.ConversationNum) (int, error) {
	return 7, nil
}

// Acked is told nobody.
func (f *fake) Acked(domain.AppNum, domain.UserNum) {}

func (f *fake) Publish([]domain.Delivery) {}

func (f *fake) ReadLog(_ context.Context, _ domain.AppNum, _ domain.UserNum, after int64, _ int) (domain.LogPage, error) {
	page := domain.LogPage{LogHead: domain.LogHead{First: 1, Head: 99, Epoch: "e1"}}
	for i, m := range f.messages {
		page.Entries = append(page.Entries, domain.Entry{Seq: after + int64(i) + 1, Message: m, IsSender: m.Sender.User == alice.ID})
	}
	return page, nil
}

// Watch never tells of anything.
func (f *fake) Watch(domain.AppNum, domain.UserNum, ...domain.ConversationNum) (changed <-chan struct{}, stop func()) {
	return nil, func() {}
}

func (f *fake) Heads(context.Context, domain.AppNum, []domain.UserNum) (map[domain.UserNum]int64, error) {
	return map[domain.UserNum]int64{}, nil
}

func (f *fake) History(context.Context, domain.AppNum, domain.UserRef, domain.Target, domain.HistoryRange) (domain.HistoryPage, error) {
	return domain.HistoryPage{Messages: f.messages, NextBefore: new(int64(7))}, nil
}

func (f *fake) LogDigest(_ context.Context, _ domain.AppNum, _ domain.UserNum, upto *int64) (domain.LogDigest, domain.LogHead, error) {
	return domain.LogDigest{Seq: *upto}, domain.LogHead{First: 1, Head: 99, Epoch: "e1"}, nil
}

func (f *fake) ConversationDigest(_ context.Context, _ domain.AppNum, _ domain.UserRef, _ domain.Target, upto *int64) (domain.LogDigest, error) {
	return domain.LogDigest{Seq: *upto}, nil
}

func (f *fake) Mint(_ context.Context, _ domain.AppRef, _ domain.UserID, device domain.DeviceID, ttl time.Duration) (domain.MintedToken, error) {
	return domain.MintedToken{Token: "secret-token", ID: "jti1", ExpiresAt: testTime.Add(ttl), Device: device}, nil
}

func (f *fake) CheckJWK(_ string, jwk json.RawMessage) (json.RawMessage, error) { return jwk, nil }

func (f *fake) PutSigningKey(_ context.Context, _ domain.AppNum, key domain.SigningKey) (domain.SigningKey, error) {
	return key, nil
}

func (f *fake) SigningKey(_ context.Context, _ domain.AppNum, kid string) (domain.SigningKey, error) {
	return domain.SigningKey{KID: kid, Alg: "EdDSA", JWK: json.RawMessage("{}"), CreatedAt: testTime}, nil
}

func (f *fake) RevokeSigningKey(context.Context, domain.AppNum, string, time.Time) error { return nil }
func (f *fake) RevokeTokens(context.Context, domain.AppNum, domain.UserID, time.Time) error {
	return nil
}

func (f *fake) RevokeToken(context.Context, domain.AppNum, domain.UserID, string, time.Time) error {
	return nil
}

func (f *fake) BeginIdempotent(_ context.Context, _ domain.AppNum, r domain.IdempotencyRecord, stale, expired time.Time) (domain.IdempotencyRecord, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun != nil {
		f.begun <- struct{}{}
	}
	known, ok := f.records[string(r.Key)]
	if !ok || (known.Status == 0 && known.At.Before(stale)) || (known.Status != 0 && known.At.Before(expired)) {
		f.records[string(r.Key)] = r
		return r, true, nil
	}
	return known, false, nil
}

func (f *fake) SettleIdempotent(_ context.Context, _ domain.AppNum, r domain.IdempotencyRecord) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records[string(r.Key)] = r
	return nil
}

func (f *fake) ForgetIdempotent(_ context.Context, _ domain.AppNum, key []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.records, string(key))
	return nil
}

func (f *fake) options() Options {
	devices := domain.NewDevices(f, f, f, f)
	return Options{
		Apps: domain.NewApps(f, f, f), Users: domain.NewUsers(f, domain.NewGroups(f, f, f), f), Devices: devices, Blocks: domain.NewBlocks(f, f), Conversations: domain.NewConversations(f, f, f), Contacts: domain.NewContacts(f, f, f), Groups: domain.NewGroups(f, f, f),
		Credentials: domain.NewCredentials(f, f, devices, f, f, f),
		Messenger: domain.NewMessenger(domain.MessengerOptions{
			Messages: f, Logs: f, Notifier: f, Publisher: f, Limiter: f, IDs: f, Clock: f, Apps: f,
		}),
		Presences: domain.NewPresences(f, f), Searches: domain.NewSearches(f), Traces: domain.NewTraces(tracer{}, tracer{}, tracer{}), Occupancies: domain.NewOccupancies(f, f),
		Auth: f, Idempotency: f, Clock: f, IDs: f, Spec: gim.OpenAPI, Logger: slog.New(slog.DiscardHandler),
	}
}

// operationsOnce reads the contract once for all tests; doing it is most of the
// time that New takes.
var operationsOnce = sync.OnceValues(func() (map[string]map[string]*operation, error) {
	return loadOperations(gim.OpenAPI)
})

// newAPI is New with o complete.
func newAPI(tb testing.TB, o Options) http.Handler {
	tb.Helper()
	operations, err := operationsOnce()
	if err != nil {
		tb.Fatal(err)
	}
	h, err := (&server{Options: o, log: o.Logger, operations: operations}).routes()
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// request is one call in a table: method, path and body, and header fields as
// "Name: value".
type request struct {
	method, path, body string
	header             []string
}

func (q request) do(h http.Handler) *httptest.ResponseRecorder {
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r := httptest.NewRequest(q.method, q.path, body)
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range q.header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	asAdmin = "Authorization: Bearer admin"
	asApp   = "Authorization: Bearer app"
	asAlice = "Authorization: Bearer alice"
	forBob  = "Gim-User: bob"
)

package handlers

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

// fake stands for everything below the use cases: app demo with users alice and
// bob, the device phone of alice and the group team of alice. What a test does not
// use is left to the embedded nil interfaces.
type fake struct {
	domain.CredentialStore
	domain.DeviceStore
	domain.BlockStore
	domain.ConversationStore
	domain.GroupStore
	domain.MessageStore
	domain.LogStore
	domain.UserStore
	domain.AppStore
	domain.Publisher
	domain.Notifier

	mu       sync.Mutex
	users    map[domain.UserID]domain.User
	records  map[string]domain.IdempotencyRecord
	begun    chan struct{} // gets a value for each BeginIdempotent, when set
	created  int           // groups
	fail     error         // of Append and CreateGroup, when set
	panics   any           // of Append, when set
	hold     chan struct{} // CreateGroup waits for it, when set
	holding  chan struct{} // closed when CreateGroup waits
	receipt  domain.Receipt
	outgoing domain.Outgoing // the last one
	messages []*domain.Message
	limited  time.Duration
	online   []domain.OnlineSession // of alice
	unknown  bool                   // who else is online
	signals  []*domain.Signal
	readSeq  int64         // of alice with bob
	search   domain.Search // the last one
	pinned   bool
}

var (
	demo     = domain.AppRef{Num: 7, ID: "demo"}
	alice    = domain.UserRef{Num: 1, ID: "alice"}
	bob      = domain.UserRef{Num: 2, ID: "bob"}
	testTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
)

func newFake() *fake {
	f := &fake{
		users: map[domain.UserID]domain.User{}, records: map[string]domain.IdempotencyRecord{},
		receipt: domain.Receipt{MessageID: "m1", ConversationID: "user:bob", ConversationSeq: 7, Seq: 41, SentAt: testTime, Durable: true},
	}
	for _, u := range []domain.UserRef{alice, bob} {
		f.users[u.ID] = domain.User{Num: u.Num, ID: u.ID, Sex: domain.SexUnknown, Extra: json.RawMessage("{}"), CreatedAt: testTime, UpdatedAt: testTime}
	}
	return f
}

func (f *fake) Now() time.Time { return testTime }
func (f *fake) NewID() string  { return "made-by-gim" }

func (f *fake) AllowN(domain.LimitKey, int) (bool, time.Duration) { return f.limited == 0, f.limited }
func (f *fake) GiveBack(domain.LimitKey, int)                     {}

// Bearer knows one credential of each kind.
func (f *fake) Bearer(ctx context.Context, authorization, gimUser string) (domain.Principal, error) {
	var p domain.Principal
	switch authorization {
	case "Bearer admin":
		p = domain.Principal{Kind: domain.PrincipalAdmin}
	case "Bearer app", "Bearer app2":
		p = domain.Principal{Kind: domain.PrincipalApp, App: demo, KeyID: authorization}
	case "Bearer alice", "Bearer alice2":
		p = domain.Principal{Kind: domain.PrincipalUser, App: demo, User: alice, Device: "phone", KeyID: "k1"}
	case "Bearer boundless":
		p = domain.Principal{Kind: domain.PrincipalUser, App: demo, User: bob, KeyID: "k1"}
	default:
		return p, domain.Failure(domain.CodeUnauthorized, "The token ran out at noon.")
	}
	if gimUser != "" && p.Kind == domain.PrincipalApp {
		u, err := f.User(ctx, demo.Num, domain.UserID(gimUser))
		if err != nil {
			return p, err
		}
		p.User = u.Ref()
	}
	return p, nil
}

func (f *fake) app() domain.App {
	return domain.App{Num: demo.Num, ID: demo.ID, Settings: domain.DefaultAppSettings(), CreatedAt: testTime}
}

func (f *fake) CreateApp(_ context.Context, a domain.App, _ domain.AppKey, _ []byte) (domain.App, error) {
	return a, nil
}

func (f *fake) App(_ context.Context, id domain.AppID) (domain.App, error) {
	if id != demo.ID {
		return domain.App{}, domain.ErrAppNotFound
	}
	return f.app(), nil
}

func (f *fake) Apps(context.Context, domain.Page) (domain.List[domain.App], error) {
	return domain.List[domain.App]{Items: []domain.App{f.app()}, NextCursor: "demo"}, nil
}

func (f *fake) UpdateApp(ctx context.Context, id domain.AppID, change func(*domain.App) error) (domain.App, error) {
	a, err := f.App(ctx, id)
	if err == nil {
		err = change(&a)
	}
	return a, err
}

func (f *fake) DeleteApp(context.Context, domain.AppID, time.Time) error { return nil }
func (f *fake) AddAppKey(context.Context, domain.AppNum, domain.AppKey, []byte) error {
	return nil
}

func (f *fake) AppKeys(context.Context, domain.AppNum, domain.Page) (domain.List[domain.AppKey], error) {
	return domain.List[domain.AppKey]{Items: []domain.AppKey{{ID: "k1", CreatedAt: testTime}}}, nil
}
func (f *fake) RevokeAppKey(context.Context, domain.AppNum, string, time.Time) error { return nil }
func (f *fake) NewAppKey() (string, string, []byte, error)                           { return "k1", "gim_k1_secret", nil, nil }

func (f *fake) AppByNum(context.Context, domain.AppNum) (domain.App, error) { return f.app(), nil }

func (f *fake) UpsertUsers(_ context.Context, _ domain.AppNum, users []domain.User) ([]domain.User, []bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	isNew := make([]bool, len(users))
	for i, u := range users {
		known, ok := f.users[u.ID]
		isNew[i] = !ok
		u.Num = known.Num
		f.users[u.ID] = u
	}
	return users, isNew, nil
}

func (f *fake) User(_ context.Context, _ domain.AppNum, id domain.UserID) (domain.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, ok := f.users[id]
	if !ok {
		return u, domain.ErrUserNotFound
	}
	return u, nil
}

func (f *fake) Users(_ context.Context, _ domain.AppNum, _ domain.Page) (domain.List[domain.User], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return domain.List[domain.User]{Items: []domain.User{f.users["alice"]}, NextCursor: "alice"}, nil
}

func (f *fake) UpdateUser(ctx context.Context, app domain.AppNum, id domain.UserID, change func(*domain.User) error) (domain.User, error) {
	u, err := f.User(ctx, app, id)
	if err == nil {
		err = change(&u)
	}
	return u, err
}

func (f *fake) DeleteUser(ctx context.Context, app domain.AppNum, id domain.UserID, _ time.Time) error {
	_, err := f.User(ctx, app, id)
	return err
}

func (f *fake) device(id domain.DeviceID) domain.Device {
	return domain.Device{ID: id, User: alice, Type: "ios", CreatedAt: testTime}
}

func (f *fake) CreateDevice(_ context.Context, _ domain.AppNum, d domain.Device) (domain.Device, error) {
	return d, nil
}

func (f *fake) Device(_ context.Context, _ domain.AppNum, _ domain.UserNum, id domain.DeviceID) (domain.Device, error) {
	if id != "phone" {
		return domain.Device{}, domain.ErrDeviceNotFound
	}
	return f.device(id), nil
}

func (f *fake) Devices(context.Context, domain.AppNum, domain.UserNum, domain.Page) (domain.List[domain.Device], error) {
	seen := f.device("phone")
	seen.LastSeenAt = testTime
	return domain.List[domain.Device]{Items: []domain.Device{seen}}, nil
}

func (f *fake) DeleteDevice(context.Context, domain.AppNum, domain.UserNum, domain.DeviceID, time.Time) error {
	return nil
}

func (f *fake) AckDevice(_ context.Context, _ domain.AppNum, _ domain.UserNum, _ domain.DeviceID, seq int64, _ time.Time) (int64, error) {
	if seq > 99 {
		return 0, domain.ErrBadAck
	}
	return seq, nil
}

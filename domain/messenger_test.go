package domain

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeBack stands for everything a Messenger works with.
type fakeBack struct {
	DigestStore
	appended  []Outgoing
	published []Delivery
	members   []Recipient
	refuse    time.Duration // what the limiter says; 0 allows

	signals  []*Signal
	stored   *MessageState // what Message and ChangeMessage find
	settings AppSettings
	page     LogPage
	reads    int
	onRead   func(reads int)
	changed  chan struct{}
	watching int
}

func (f *fakeBack) Append(_ context.Context, out Outgoing) (Receipt, error) {
	f.appended = append(f.appended, out)
	return Receipt{Durable: true}, nil
}

func (f *fakeBack) Receivers(context.Context, Outgoing) (Receivers, error) {
	return Receivers{Each: f.members}, nil
}

func (f *fakeBack) LargeGroups(context.Context, AppNum, UserNum, DeviceID) ([]LargeGroup, error) {
	return nil, nil
}

func (f *fakeBack) LargeGroup(context.Context, AppNum, GroupID, GroupReader) (LargeGroup, error) {
	return LargeGroup{}, ErrGroupNotFound
}

func (f *fakeBack) GroupHeads(context.Context, AppNum, []ConversationNum) (map[ConversationNum]int64, error) {
	return nil, nil
}

func (f *fakeBack) ReadGroup(context.Context, AppNum, ConversationNum, GroupReader, int64, int) (GroupPage, error) {
	return GroupPage{}, ErrGroupNotFound
}

func (f *fakeBack) Publish(d []Delivery)                       { f.published = append(f.published, d...) }
func (f *fakeBack) AllowN(LimitKey, int) (bool, time.Duration) { return f.refuse == 0, f.refuse }
func (f *fakeBack) GiveBack(LimitKey, int)                     {}
func (f *fakeBack) PublishSignal(s *Signal)                    { f.signals = append(f.signals, s) }
func (f *fakeBack) NewID() string                              { return "fresh" }
func (f *fakeBack) Heads(context.Context, AppNum, []UserNum) (map[UserNum]int64, error) {
	return nil, nil
}

func (f *fakeBack) ReadLog(context.Context, AppNum, UserNum, int64, int) (LogPage, error) {
	f.reads++
	if f.onRead != nil {
		f.onRead(f.reads)
	}
	return f.page, nil
}

func (f *fakeBack) History(context.Context, AppNum, UserRef, Target, HistoryRange) (HistoryPage, error) {
	return HistoryPage{}, nil
}

func (f *fakeBack) Watch(AppNum, UserNum, ...ConversationNum) (<-chan struct{}, func()) {
	f.watching++
	return f.changed, func() { f.watching-- }
}

func newTestMessenger(f *fakeBack) *Messenger {
	if f.changed == nil {
		f.changed = make(chan struct{}, 1)
	}
	return NewMessenger(MessengerOptions{
		Messages: f, Logs: f, Notifier: f, Publisher: f, Limiter: f, IDs: f, Clock: SystemClock{}, Signals: f, SignalLimiter: f, Apps: f,
	})
}

var (
	alice    = Principal{Kind: PrincipalUser, App: AppRef{1, "demo"}, User: UserRef{7, "alice"}, Device: "phone"}
	business = Principal{Kind: PrincipalApp, App: AppRef{1, "demo"}}
	asAlice  = Principal{Kind: PrincipalApp, App: AppRef{1, "demo"}, User: UserRef{7, "alice"}}
	operator = Principal{Kind: PrincipalAdmin}
)

func hello() SendParams {
	return SendParams{To: Target{User: "bob"}, Type: ContentText, Content: json.RawMessage(`{"text":"hi"}`)}
}

func TestSend_TheSenderIsWhoTheCredentialSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		by   Principal
		as   SenderType
		want Sender
		code Code
	}{
		{"user", alice, "", Sender{SenderUser, "alice", "phone"}, ""},
		{"app for a user", asAlice, "", Sender{SenderUser, "alice", ""}, ""},
		{"app", business, "", Sender{Type: SenderBusiness}, ""},
		{"app as business", business, SenderBusiness, Sender{Type: SenderBusiness}, ""},
		{"app as system", business, SenderSystem, Sender{Type: SenderSystem}, ""},
		{"app as user", business, SenderUser, Sender{}, CodeBadRequest},
		{"user as system", alice, SenderSystem, Sender{}, CodeForbidden},
		{"app for a user as business", asAlice, SenderBusiness, Sender{}, CodeForbidden},
		{"operator", operator, "", Sender{}, CodeForbidden},
	} {
		f := &fakeBack{}
		p := hello()
		p.SenderType = c.as
		_, err := newTestMessenger(f).Send(t.Context(), c.by, p)
		if CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
		if stored := len(f.appended) > 0; stored != (c.code == "") || stored && f.appended[0].Message.Sender != c.want {
			t.Errorf("%s: appended %+v", c.name, f.appended)
		}
	}
}

func TestSend_RefusesWhatBreaksARule(t *testing.T) {
	t.Parallel()
	many := make([]string, MaxMentions+1)
	for i := range many {
		many[i] = "u" + strings.Repeat("x", i%50) + string(rune('a'+i%26))
	}
	for name, change := range map[string]func(*SendParams){
		"nobody":              func(p *SendParams) { p.To = Target{} },
		"user and group":      func(p *SendParams) { p.To.Group = "team" },
		"malformed user":      func(p *SendParams) { p.To.User = "b ob" },
		"reserved user":       func(p *SendParams) { p.To.User = "me" },
		"malformed group":     func(p *SendParams) { p.To = Target{Group: "."} },
		"long client_msg_id":  func(p *SendParams) { p.ClientMsgID = strings.Repeat("ä", MaxClientMsgID+1) },
		"NUL client_msg_id":   func(p *SendParams) { p.ClientMsgID = "a\x00" },
		"bytes client_msg_id": func(p *SendParams) { p.ClientMsgID = "\xff" },
		"too many mentions":   func(p *SendParams) { p.Mentions = many },
		"malformed mention":   func(p *SendParams) { p.Mentions = []string{"a b"} },
		"double mention":      func(p *SendParams) { p.Mentions = []string{"bob", "bob"} },
		"all and one":         func(p *SendParams) { p.Mentions = []string{MentionAll, "bob"} },
		"unknown type":        func(p *SendParams) { p.Type = "video" },
		"wrong content":       func(p *SendParams) { p.Content = json.RawMessage(`{"text":1}`) },
	} {
		f := &fakeBack{}
		p := hello()
		change(&p)
		_, err := newTestMessenger(f).Send(t.Context(), alice, p)
		wrong, ok := errors.AsType[*Error](err)
		if !ok || wrong.Code != CodeBadRequest || len(wrong.Fields) == 0 {
			t.Errorf("%s: %v, want bad_request naming a field", name, err)
		}
		if len(f.appended)+len(f.published) != 0 {
			t.Errorf("%s: something was done", name)
		}
	}
}

func TestSend_LimitsUsersAndNotTheBusiness(t *testing.T) {
	t.Parallel()
	f := &fakeBack{refuse: time.Second}
	m := newTestMessenger(f)
	for _, by := range []Principal{alice, asAlice} {
		_, err := m.Send(t.Context(), by, hello())
		limited, ok := errors.AsType[*Error](err)
		if !ok || limited.Code != CodeRateLimited || limited.RetryAfter != time.Second {
			t.Errorf("user: %v, want rate_limited with RetryAfter", err)
		}
	}
	if _, err := m.Send(t.Context(), business, hello()); err != nil {
		t.Errorf("business: %v", err)
	}
}

func TestSend_EphemeralIsPublishedAndNotStored(t *testing.T) {
	t.Parallel()
	f := &fakeBack{members: []Recipient{{User: 8}, {User: 7, IsSender: true}}}
	p := hello()
	p.Ephemeral, p.Origin = true, "session"
	r, err := newTestMessenger(f).Send(t.Context(), alice, p)
	if err != nil || r.Durable || r.MessageID == "" || len(f.appended) != 0 || len(f.published) != 1 {
		t.Fatalf("receipt %+v, %v, appended %d, published %d", r, err, len(f.appended), len(f.published))
	}
	if d := f.published[0]; d.Origin != "session" || len(d.To) != 2 || d.To[0].Seq != 0 || d.Message.ConversationSeq != 0 {
		t.Errorf("delivery %+v", d)
	}
}

func TestSend_DigestTellsRequestsApart(t *testing.T) {
	t.Parallel()
	f := &fakeBack{}
	m := newTestMessenger(f)
	variants := []func(*SendParams){
		func(*SendParams) {},
		func(p *SendParams) { p.To = Target{Group: "bob"} },
		func(p *SendParams) { p.To.User = "carol" },
		func(p *SendParams) { p.Type = ContentCustom },
		func(p *SendParams) { p.Content = json.RawMessage(`{"text":"ho"}`) },
		func(p *SendParams) { p.Mentions = []string{"bob"} },
		func(p *SendParams) { p.Mentions = []string{"bo", "b"} },
	}
	for _, change := range variants {
		p := hello()
		p.ClientMsgID = "c1"
		change(&p)
		if _, err := m.Send(t.Context(), alice, p); err != nil {
			t.Fatal(err)
		}
	}
	p := hello()
	p.ClientMsgID, p.Content = "c1", json.RawMessage(`{ "text": "hi" }`) // the same but for white space
	if _, err := m.Send(t.Context(), alice, p); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, out := range f.appended {
		digests = append(digests, string(out.Digest))
	}
	if digests[0] != digests[len(digests)-1] {
		t.Error("the same request has two digests")
	}
	slices.Sort(digests)
	if n := len(slices.Compact(digests)); n != len(variants) {
		t.Errorf("%d digests for %d requests", n, len(variants))
	}
}

func TestSync_WaitAnswersAsSoonAsThereIsAnEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBack{changed: make(chan struct{}, 1)}
		f.onRead = func(reads int) {
			if reads == 4 { // before it watches, after it does, and at the first change
				f.page = LogPage{LogHead: LogHead{First: 1, Head: 1}, Entries: []Entry{{Seq: 1}}}
			}
		}
		go func() {
			for range 2 { // the first one comes without cause
				time.Sleep(time.Second)
				f.changed <- struct{}{}
			}
		}()
		start := time.Now()
		page, err := newTestMessenger(f).Sync(t.Context(), alice, SyncParams{Limit: 10, Wait: 20 * time.Second})
		if err != nil || len(page.Entries) != 1 || time.Since(start) != 2*time.Second || f.watching != 0 {
			t.Errorf("%+v, %v after %s, still watching %d", page, err, time.Since(start), f.watching)
		}
	})
}

func TestSync_WaitEndsEmptyWhenTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBack{}
		start := time.Now()
		page, err := newTestMessenger(f).Sync(t.Context(), alice, SyncParams{Limit: 10, Wait: 5 * time.Second})
		if err != nil || len(page.Entries) != 0 || time.Since(start) != 5*time.Second {
			t.Errorf("%+v, %v after %s", page, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := newTestMessenger(f).Sync(ctx, alice, SyncParams{Limit: 10, Wait: 5 * time.Second}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who left: %v", err)
		}
	})
}

func TestSync_ChecksParametersAndCursor(t *testing.T) {
	t.Parallel()
	f := &fakeBack{page: LogPage{LogHead: LogHead{First: 1, Head: 5, Epoch: "e"}}}
	m := newTestMessenger(f)
	for _, c := range []struct {
		by   Principal
		p    SyncParams
		code Code
	}{
		{alice, SyncParams{After: 5, Limit: 200, Epoch: "e"}, ""},
		{asAlice, SyncParams{After: 0, Limit: 1}, ""},
		{alice, SyncParams{After: 6, Limit: 1}, CodeResyncRequired},
		{alice, SyncParams{After: 5, Limit: 1, Epoch: "f"}, CodeResyncRequired},
		{alice, SyncParams{After: -1, Limit: 1}, CodeBadRequest},
		{alice, SyncParams{Limit: 0}, CodeBadRequest},
		{alice, SyncParams{Limit: 201}, CodeBadRequest},
		{alice, SyncParams{Limit: 1, Wait: -1}, CodeBadRequest},
		{alice, SyncParams{Limit: 1, Wait: 31 * time.Second}, CodeBadRequest},
		{business, SyncParams{Limit: 1}, CodeForbidden},
		{operator, SyncParams{Limit: 1}, CodeForbidden},
	} {
		if _, err := m.Sync(t.Context(), c.by, c.p); CodeOf(err) != c.code {
			t.Errorf("Sync(%+v) = %v, want %q", c.p, err, c.code)
		}
	}
}

func TestHistory_ChecksParameters(t *testing.T) {
	t.Parallel()
	m := newTestMessenger(&fakeBack{})
	n, negative := int64(3), int64(-1)
	for _, c := range []struct {
		by   Principal
		id   string
		r    HistoryRange
		code Code
	}{
		{alice, "user:bob", HistoryRange{Limit: 1}, ""},
		{business, "group:team", HistoryRange{Limit: 200, Before: &n}, ""},
		{alice, "bob", HistoryRange{Limit: 1}, CodeBadRequest},
		{business, "business", HistoryRange{Limit: 1}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 201}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, Before: &n, After: &n}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, Before: &negative}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, After: &negative}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, Around: &n, Sender: "bob", Types: []ContentType{ContentImage}}, ""},
		{alice, "user:bob", HistoryRange{Limit: 1, From: time.Unix(0, 0)}, ""},
		{alice, "user:bob", HistoryRange{Limit: 1, Around: &negative}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, Around: &n, Before: &n}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, From: time.Unix(0, 0), After: &n}, CodeBadRequest},
		{alice, "user:bob", HistoryRange{Limit: 1, Sender: "b/b"}, CodeBadRequest},
		{operator, "user:bob", HistoryRange{Limit: 1}, CodeForbidden},
	} {
		if _, err := m.History(t.Context(), c.by, c.id, c.r); CodeOf(err) != c.code {
			t.Errorf("History(%s, %+v) = %v, want %q", c.id, c.r, err, c.code)
		}
	}
}

func TestRevocation_CoversWhatItMeans(t *testing.T) {
	t.Parallel()
	now := time.Now()
	token := Principal{Kind: PrincipalUser, App: AppRef{Num: 1}, User: UserRef{Num: 7}, Device: "phone", KeyID: "k1", TokenID: "j1", IssuedAt: now}
	key := Principal{Kind: PrincipalApp, App: AppRef{Num: 1}, KeyID: "a1"}
	acting := key
	acting.User = UserRef{Num: 7}
	for _, c := range []struct {
		r    Revocation
		want [3]bool // token, key, acting
	}{
		{Revocation{Kind: RevokedApp, App: 1}, [3]bool{true, true, true}},
		{Revocation{Kind: RevokedApp, App: 2}, [3]bool{}},
		{Revocation{Kind: RevokedAppKey, App: 1, Name: "a1"}, [3]bool{false, true, true}},
		{Revocation{Kind: RevokedAppKey, App: 1, Name: "k1"}, [3]bool{}},
		{Revocation{Kind: RevokedSigningKey, App: 1, Name: "k1"}, [3]bool{true, false, false}},
		{Revocation{Kind: RevokedSigningKey, App: 1, Name: "a1"}, [3]bool{}},
		{Revocation{Kind: RevokedUser, App: 1, User: 7}, [3]bool{true, false, true}},
		{Revocation{Kind: RevokedUser, App: 1, User: 8}, [3]bool{}},
		{Revocation{Kind: RevokedTokens, App: 1, User: 7, At: now}, [3]bool{true, false, false}},
		{Revocation{Kind: RevokedTokens, App: 1, User: 7, At: now.Add(-time.Millisecond)}, [3]bool{}},
		{Revocation{Kind: RevokedToken, App: 1, User: 7, Name: "j1"}, [3]bool{true, false, false}},
		{Revocation{Kind: RevokedToken, App: 1, User: 7, Name: "j2"}, [3]bool{}},
		{Revocation{Kind: RevokedDevice, App: 1, User: 7, Name: "phone"}, [3]bool{true, false, false}},
		{Revocation{Kind: RevokedDevice, App: 1, User: 7, Name: "tablet"}, [3]bool{}},
	} {
		got := [3]bool{c.r.Covers(token), c.r.Covers(key), c.r.Covers(acting)}
		if got != c.want {
			t.Errorf("%+v covers %v, want %v", c.r, got, c.want)
		}
	}
}

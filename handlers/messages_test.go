package handlers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
)

func TestSendMessage_AnswersByWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	const sent = `{"conversation_id":"user:bob","conversation_seq":7,"message_id":"m1","sent_at":"2026-01-31T12:00:00.000Z","seq":41}`
	for _, tt := range []struct {
		name    string
		part    string
		receipt func(*domain.Receipt)
		status  int
		body    string
	}{
		{"stored", "", func(*domain.Receipt) {}, 201, sent},
		{"stored before", `,"client_msg_id":"c1"`, func(r *domain.Receipt) { r.Repeated = true }, 200, sent},
		{"stored for the business", "", func(r *domain.Receipt) { r.Seq = 0 }, 201, strings.Replace(sent, `,"seq":41`, "", 1)},
		{"pushed only", `,"persist":false`, nil, 202, ""},
		{"stored on demand", `,"persist":true`, func(*domain.Receipt) {}, 201, sent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			if tt.receipt != nil {
				tt.receipt(&f.receipt)
			}
			w := message(tt.part).do(newAPI(t, f.options()))
			if w.Code != tt.status {
				t.Errorf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			got := strings.TrimSpace(w.Body.String())
			if tt.body != "" && got != tt.body {
				t.Error(cmp.Diff(tt.body, got))
			}
			if tt.status == 202 && !strings.HasPrefix(got, `{"durable":false,"message_id":"`) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestSendMessage_TranslatesAllOfIt(t *testing.T) {
	t.Parallel()
	f := newFake()
	body := `{"to":{"group_id":"team"},"type":"custom","content":{ "a" : "<1>" },"client_msg_id":"c1","mentions":["bob","carol"],"sender_type":"system"}`
	if w := post("/v1/messages", body).do(newAPI(t, f.options())); w.Code != 201 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	want := domain.Message{
		Sender: domain.Sender{Type: domain.SenderSystem}, To: domain.Target{Group: "team"}, Type: domain.ContentCustom,
		Content: json.RawMessage(`{"a":"<1>"}`), Mentions: []string{"bob", "carol"}, ClientMsgID: "c1",
		SentAt: testTime, Status: domain.StatusNormal,
	}
	if diff := cmp.Diff(want, f.outgoing.Message); diff != "" {
		t.Error(diff)
	}
}

// TestReaders_SeeAMessageFromTheirSide reads the same messages by sync and by
// history, as their sender, as another receiver and as the business.
func TestReaders_SeeAMessageFromTheirSide(t *testing.T) {
	t.Parallel()
	f := newFake()
	byAlice := domain.Sender{Type: domain.SenderUser, User: alice.ID, Device: "phone"}
	for i, m := range []domain.Message{
		{Sender: byAlice, To: domain.Target{User: "bob"}, Mentions: []string{"bob"}, ClientMsgID: "c1"},
		{Sender: domain.Sender{Type: domain.SenderUser, User: "bob"}, To: domain.Target{User: alice.ID}},
		{Sender: domain.Sender{Type: domain.SenderBusiness}, To: domain.Target{User: alice.ID}},
		{Sender: byAlice, To: domain.Target{Group: "team"}},
	} {
		m.ID, m.ConversationSeq, m.Type, m.Content = domain.MessageID(rune('a'+i)), int64(i+1), domain.ContentText, json.RawMessage(`{"text":"hi"}`)
		m.SentAt, m.Status = testTime, domain.StatusNormal
		f.messages = append(f.messages, &m)
	}
	h := newAPI(t, f.options())
	const first = `"conversation_seq":1,"mentions":["bob"],"message_id":"a","sender":{"device_id":"phone","type":"user","user_id":"alice"},` +
		`"sent_at":"2026-01-31T12:00:00.000Z",`
	for _, tt := range []struct {
		name  string
		call  request
		names []string
		with  string
	}{
		{"sync", get("/v1/sync?after=4"), []string{"user:bob", "user:bob", "business", "group:team"}, first + `"seq":5,"status":"normal","to":{"user_id":"bob"},"type":"text"}`},
		{"history", get("/v1/conversations/user:bob/messages"), []string{"user:bob", "user:bob", "business", "group:team"}, first + `"seq":0,`},
		{"history of another", get("/v1/conversations/user:bob/messages", "Authorization: Bearer boundless"), nil, ""},
		{"history by an app key", request{"GET", "/v1/conversations/user:alice/messages", "", []string{asApp}}, []string{"user:alice", "user:bob", "user:alice", "group:team"}, ""},
		{"history for bob", request{"GET", "/v1/conversations/user:alice/messages", "", []string{asApp, forBob}}, []string{"user:alice", "user:alice", "business", "group:team"}, ""},
	} {
		w := tt.call.do(h)
		if tt.names == nil { // two credentials are none
			if w.Code != 401 {
				t.Errorf("%s: status %d", tt.name, w.Code)
			}
			continue
		}
		var page struct {
			Items []struct {
				ConversationID string `json:"conversation_id"`
			} `json:"items"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%s: status %d, %v: %s", tt.name, w.Code, err, w.Body)
		}
		var names []string
		for _, item := range page.Items {
			names = append(names, item.ConversationID)
		}
		if diff := cmp.Diff(tt.names, names); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if !strings.Contains(w.Body.String(), tt.with) {
			t.Errorf("%s: no %s in %s", tt.name, tt.with, w.Body)
		}
	}
}

// TestAnswers_AreAsDocumented compares whole bodies, one for each form.
func TestAnswers_AreAsDocumented(t *testing.T) {
	t.Parallel()
	const (
		now     = `"2026-01-31T12:00:00.000Z"`
		profile = `"created_at":` + now + `,"extra":{"a":1},"nickname":"Al","sex":"female","updated_at":` + now + `,"user_id":"carol"}`
		device  = `{"acked_seq":0,"brand":"","created_at":` + now + `,"device_id":"phone","last_seen_at":`
		rest    = `,"model":"","online":false,"sdk_version":"","system_version":"","transport":null,"type":"ios"}`
	)
	for _, tt := range []struct {
		call   request
		status int
		body   string
	}{
		{request{"PUT", "/v1/users/carol", `{"nickname":"Al","sex":"female","extra":{ "a" : 1 }}`, []string{asApp}}, 201, `{"avatar_url":"",` + profile},
		{request{"PUT", "/v1/users/bob", `{}`, []string{asApp}}, 200, `{"avatar_url":"","created_at":` + now + `,"extra":{},"nickname":"","sex":"unknown","updated_at":` + now + `,"user_id":"bob"}`},
		{request{"PATCH", "/v1/users/me", `{"avatar_url":"/a.png"}`, []string{asAlice}}, 200, `{"avatar_url":"/a.png","created_at":` + now + `,"extra":{},"nickname":"","sex":"unknown","updated_at":` + now + `,"user_id":"alice"}`},
		{request{"DELETE", "/v1/users/alice", "", []string{asApp}}, 204, ``},
		{request{"GET", "/v1/users?limit=1", "", []string{asApp}}, 200, `"next_cursor":"YWxpY2U"}`},
		{get("/v1/devices/me"), 200, device + `null` + rest},
		{get("/v1/devices"), 200, `{"items":[` + device + now + rest + `],"next_cursor":null}`},
		{request{"PUT", "/v1/devices/me/ack", `{"seq":41}`, []string{asAlice}}, 200, `{"acked_seq":41}`},
		{post("/v1/users/bob/tokens", `{"device_id":"phone"}`), 201, `{"device_id":"phone","expires_at":"2026-02-01T12:00:00.000Z","token":"secret-token","token_id":"jti1"}`},
		{post("/v1/users/bob/tokens", `{"ttl_seconds":60}`), 201, `{"expires_at":"2026-01-31T12:01:00.000Z","token":"secret-token","token_id":"jti1"}`},
		{post("/v1/groups/team/members", `{"user_ids":["alice"]}`), 200, `{"added":["alice"]}`},
		{request{"GET", "/v1/groups/team", "", []string{asApp}}, 200, `{"avatar_url":"","created_at":` + now + `,"extra":{},"group_id":"team","introduction":"","member_count":2,"name":"","owner":"alice","settings":{"history":"joined","invite_by":"admins","join":"approval","live_audience":false,"mention_all_by":"admins","mute_all":false},"type":"normal","updated_at":` + now + `}`},
		{get("/v1/groups/team"), 200, `"my_role":"owner"`},
		{get("/v1/groups/stage/occupancy"), 200, `{"connections":7,"group_id":"stage"}`},
		{get("/v1/sync"), 200, `{"epoch":"e1","first_seq":1,"groups":[],"has_more":false,"head_seq":99,"items":[]}`},
		{request{"POST", "/v1/apps", `{"app_id":"new"}`, []string{asAdmin}}, 201, `{"app_id":"new","created_at":` + now + `,"key":{"created_at":` + now + `,"key_id":"k1","name":"first","secret":"gim_k1_secret"},"name":"","settings":{"convert_when_full":false,"edit_history":false,"edit_window_seconds":900,"friends_only":false,"max_devices_per_user":1000,"max_group_members":500,"max_large_group_members":100000,"max_online_per_type":0,"online_yields":"oldest","reactions":[],"recall_window_seconds":120}}`},
		{request{"PATCH", "/v1/apps/demo", `{"settings":{"max_group_members":9,"online_yields":"newest"}}`, []string{asAdmin}}, 200, `"settings":{"convert_when_full":false,"edit_history":false,"edit_window_seconds":900,"friends_only":false,"max_devices_per_user":1000,"max_group_members":9,"max_large_group_members":100000,"max_online_per_type":0,"online_yields":"newest","reactions":[],"recall_window_seconds":120}}`},
		{request{"GET", "/v1/errors", "", nil}, 200, `{"advice":"Report the request id.","code":"internal","retryable":true,"status":500,"title":"Something went wrong inside gim"}]}`},
	} {
		w := tt.call.do(newAPI(t, newFake().options()))
		got := strings.TrimSpace(w.Body.String())
		if w.Code != tt.status || (!strings.HasSuffix(got, tt.body) && !strings.Contains(got, tt.body)) {
			t.Errorf("%s %s: status %d, want %d\ngot  %s\nwant %s", tt.call.method, tt.call.path, w.Code, tt.status, got, tt.body)
		}
	}
}

// BenchmarkSendMessage is the whole way but for sockets and store.
func BenchmarkSendMessage(b *testing.B) {
	h := newAPI(b, newFake().options())
	b.ReportAllocs()
	for b.Loop() {
		if w := sendHi.do(h); w.Code != 201 {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkNew is what the API adds to the time of a cold start.
func BenchmarkNew(b *testing.B) {
	o := newFake().options()
	for b.Loop() {
		if _, err := New(o); err != nil {
			b.Fatal(err)
		}
	}
}

func TestObjects_AreStoredCompact(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := (request{"PUT", "/v1/users/carol", `{"extra":{ "a" : [ 1, "<" ] }}`, []string{asApp}}).do(newAPI(t, f.options()))
	if got, want := string(f.users["carol"].Extra), `{"a":[1,"<"]}`; w.Code != 201 || got != want {
		t.Errorf("status %d, stored %s, want %s", w.Code, got, want)
	}
}

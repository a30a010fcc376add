package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

// traced is a message of alice to the group team.
var traced = domain.NewMessageID(testTime, 5, 7)

// tracer knows the way of traced: alice sent it; of four members one has it on two
// devices, one has read it, one is offline and one was too slow.
type tracer struct{}

func (tracer) TracedMessage(_ context.Context, _ domain.AppNum, _ domain.UserNum, p domain.PlacedMessage) (domain.TracedMessage, error) {
	if p != (domain.PlacedMessage{Conversation: 5, Seq: 7, SentAt: testTime}) {
		return domain.TracedMessage{}, domain.ErrMessageNotFound
	}
	m := &domain.Message{ID: traced, Conversation: 5, ConversationSeq: 7, SentAt: testTime}
	return domain.TracedMessage{Message: m, Sender: alice.Num, Receivers: 5}, nil
}

func (tracer) TracedReceivers(_ context.Context, _ domain.AppNum, _ domain.TracedMessage, p domain.Page) (domain.List[domain.TracedReceiver], error) {
	if p.Cursor != "" {
		return domain.List[domain.TracedReceiver]{}, nil
	}
	named := func(id domain.UserID, num domain.UserNum) domain.UserRef { return domain.UserRef{Num: num, ID: id} }
	return domain.List[domain.TracedReceiver]{NextCursor: "6", Items: []domain.TracedReceiver{
		{User: alice, Seq: 9},
		{User: bob, Seq: 3, Devices: []domain.TracedDevice{{ID: "pad", Type: "ios", Acked: true}, {ID: "web", Type: "web"}}},
		{User: named("carol", 3), Seq: 4, Read: true},
		{User: named("dave", 4), Seq: 5, Muted: true, Blocked: true, LastSeen: testTime.Add(-time.Hour), Devices: []domain.TracedDevice{{ID: "d", Type: "web"}}},
		{User: named("erin", 5), Seq: 6},
	}}, nil
}

func (tracer) PushTimes(_ context.Context, _ domain.AppNum, _ domain.PlacedMessage, users []domain.UserNum) domain.PushTimes {
	if len(users) == 0 {
		return domain.PushTimes{Known: domain.PushTimesOff}
	}
	at := testTime.Add(time.Millisecond)
	return domain.PushTimes{Known: domain.PushTimesComplete, Published: at, Written: 2, Pushes: []domain.Push{
		{User: bob.Num, Device: "guest", Transport: "tcp", At: at.Add(time.Millisecond)},
		{User: bob.Num, Device: "web", Transport: "websocket", At: at.Add(time.Second)},
		{User: bob.Num, Device: "web", Transport: "websocket", At: at},
		{User: 4, Device: "d", Transport: "tcp", At: testTime.Add(-time.Second), Slow: true}, // before the message
		{User: 5, Device: "e", Transport: "tcp", At: at, Slow: true},
	}}
}

// Online knows that erin and alice are online.
func (tracer) Online(_ context.Context, _ domain.AppNum, users []domain.UserNum) []domain.Online {
	online := make([]domain.Online, len(users))
	for i, u := range users {
		if online[i].Known = true; u == alice.Num || u == 5 {
			online[i].Sessions = []domain.OnlineSession{{User: u}}
		}
	}
	return online
}

func TestTrace_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	call := func(id, query string, headers ...string) request {
		return request{"GET", "/v1/messages/" + id + "/trace" + query, "", headers}
	}
	id := string(traced)
	other := string(domain.NewMessageID(testTime, 5, 8))
	absent := call(other, "", asAlice).do(newAPI(t, newFake().options())).Body.String()
	for _, tt := range []struct {
		call   request
		status int
		parts  []string
	}{
		{call(id, "", asAlice), 200, []string{
			`"accepted_at":"2026-01-31T12:00:00.000Z","committed":true,"conversation_seq":7,"items":[`,
			`"message_id":"` + id + `","next_cursor":"Ng","published_at":"2026-01-31T12:00:00.001Z","push_times":"complete","receiver_count":5,"written_count":2}`,
			`{"devices":[],"reached":"sent","reasons":[],"seq":9,"user_id":"alice"}`,
			`{"devices":[{"acked":true,"device_id":"pad","type":"ios","writes":[]},` +
				`{"acked":false,"device_id":"web","type":"web","writes":[{"transport":"websocket","written_at":"2026-01-31T12:00:00.001Z"},` +
				`{"transport":"websocket","written_at":"2026-01-31T12:00:01.001Z"}]},` +
				`{"acked":false,"device_id":"guest","type":"other","writes":[{"transport":"tcp","written_at":"2026-01-31T12:00:00.002Z"}]}],` +
				`"reached":"acked","reasons":[],"seq":3,"user_id":"bob"}`,
			`"reached":"read","reasons":[],"seq":4,"user_id":"carol"}`,
			`"offline_since":"2026-01-31T11:00:00.000Z","reached":"stored","reasons":["offline","blocked","muted"],"seq":5,"user_id":"dave"}`,
			`{"devices":[],"reached":"stored","reasons":["slow_consumer","pending"],"seq":6,"user_id":"erin"}`,
		}},
		{call(id, "?cursor=Ng&limit=1", asApp), 200, []string{`"items":[],`, `"next_cursor":null,"push_times":"off"`}},
		{call(id, "", asApp, "Gim-User: alice"), 200, []string{`"user_id":"erin"`}},
		{call(id, "", asApp, "Gim-User: bob"), 404, []string{`"code":"message_not_found"`}}, // a receiver
		{call(other, "", asAlice), 404, []string{`"code":"message_not_found"`}},
		{call(string(domain.NewMessageID(testTime, 5, 0)), "", asApp), 404, []string{`"code":"message_not_found"`}}, // not stored
		{call("m1", "", asAlice), 400, []string{`"pointer":"message_id"`}},
		{call(id[1:]+"z", "", asAlice), 400, []string{`"pointer":"message_id"`}},
		{call(id, "?limit=0", asAlice), 400, []string{`"pointer":"limit"`}},
		{call(id, "?cursor=*", asAlice), 400, []string{`"pointer":"cursor"`}},
		{call(id, "", asAdmin), 403, []string{`"code":"forbidden"`}},
	} {
		w := tt.call.do(newAPI(t, newFake().options()))
		for _, part := range tt.parts {
			if w.Code != tt.status || !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s: %d %s, want %d with %s", tt.call.path, w.Code, w.Body, tt.status, part)
			}
		}
	}
	foreign := call(id, "", asApp, "Gim-User: bob").do(newAPI(t, newFake().options())).Body.String()
	if strip := func(body string) string { return body[:strings.Index(body, `"request_id"`)] }; strip(foreign) != strip(absent) {
		t.Errorf("what is not one's own:\n%s\nwhat is not there:\n%s", foreign, absent)
	}
}

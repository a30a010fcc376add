package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// conversations returns the caller's list, each with what is unread.
func (c caller) conversations(t *testing.T) []string {
	t.Helper()
	all := []string{}
	for _, entry := range everything[client.Conversation](t, c, "/v1/conversations") {
		all = append(all, fmt.Sprintf("%s %d", entry.ConversationId, entry.Unread))
	}
	return all
}

func (c caller) wantConversations(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), c.conversations(t)); diff != "" {
		t.Errorf("conversations (-want +got):\n%s", diff)
	}
}

// What any device of a receiver has is told to who sent it, on whatever node that is, and
// found by REST.
func TestConversations_DeliveredIsToldAndFound(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob")
		app := gimtest.App{Caller: g1.Caller(), ID: a.id, Key: a.key}
		a.newGroup(t, "team", "alice", "bob") // the first entry of both logs
		alice := a.as("alice")
		token, _ := app.Token(t, "alice")
		signals := make(chan string, 10)
		s := runStream(t, client.StreamOptions{Address: g1.URL, Token: always(token), Handler: client.Handler{
			Signal: func(_ context.Context, s *wire.PushedSignal) {
				signals <- fmt.Sprintf("%s: %s of %s: %s", s.GetConversationId(), s.GetKind(), s.GetSender().GetUserId(), s.GetData())
			},
		}})
		if _, err := s.Watch(t.Context(), []string{"alice"}, nil); err != nil { // it is connected
			t.Fatal(err)
		}
		for range 2 {
			alice.post(t, "/v1/messages", object{"to": object{"user_id": "bob"}, "type": "text", "content": object{"text": "hi"}}).want(t, 201)
		}
		alice.post(t, "/v1/messages", groupText("team", "hi")).want(t, 201)
		phone, _ := app.Token(t, "bob")
		on := func(token string) caller { return caller{gim: g2, credential: token} }
		second, _ := app.Token(t, "bob")
		for _, step := range []struct {
			token string
			ack   int64
			want  string // told
			chat  int64  // delivered_seq in the chat
		}{
			{phone, 2, `user:bob: delivered of bob: {"conversation_seq":1}`, 1},
			{second, 3, `user:bob: delivered of bob: {"conversation_seq":2}`, 2},
			{phone, 3, "", 2}, // another device has it
			{second, 1, "", 2},
			{phone, 4, `group:team: delivered of bob: {"conversation_seq":2}`, 2},
		} {
			on(step.token).put(t, "/v1/devices/me/ack", object{"seq": step.ack}).want(t, 200)
			members := *read[client.Conversation](t, alice.get(t, "/v1/conversations/user:bob").want(t, 200)).Members
			if diff := cmp.Diff([]client.ConversationMember{{UserId: "alice"}, {UserId: "bob", DeliveredSeq: step.chat}}, members); diff != "" {
				t.Errorf("members after an ack of %d (-want +got):\n%s", step.ack, diff)
			}
			if step.want == "" {
				continue // what is told without reason comes before the next
			}
			select {
			case got := <-signals:
				if got != step.want {
					t.Errorf("told %s, want %s", got, step.want)
				}
			case <-time.After(patience):
				t.Fatalf("%s did not come", step.want)
			}
		}
		on(phone).put(t, "/v1/devices/me/ack", object{"seq": 5}).refused(t, 400, "bad_ack")
	})
}

// Mentions stand out until they are read, in every kind of conversation, muted too.
func TestConversations_Mentions(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "bob", "alice")
		a.newLarge(t, "stage", object{}, "bob", "alice")
		alice, bob := a.as("alice"), a.as("bob")
		for id, to := range map[string]object{"user:bob": {"user_id": "alice"}, "group:team": {"group_id": "team"}, "group:stage": {"group_id": "stage"}} {
			var seqs []int64
			for _, whom := range [][]string{{}, {"alice"}, {"bob", "ghost"}, {"@all"}} {
				text := object{"to": to, "type": "text", "content": object{"text": "hi"}, "mentions": whom}
				seqs = append(seqs, read[client.SentMessage](t, bob.post(t, "/v1/messages", text).want(t, 201)).ConversationSeq)
			}
			path := "/v1/conversations/" + id
			alice.do(t, "PATCH", path, object{"muted": true}).want(t, 200)
			for _, step := range []struct {
				read  int64
				first *int64
			}{{seqs[0], &seqs[1]}, {seqs[1], &seqs[3]}, {seqs[3], nil}} {
				want := []any{step.first != nil, step.first}
				c := read[client.Conversation](t, alice.put(t, path+"/read", object{"conversation_seq": step.read}).want(t, 200))
				if diff := cmp.Diff(want, []any{c.Mentioned, c.FirstMentionSeq}); diff != "" {
					t.Errorf("%s read up to %d (-want +got):\n%s", id, step.read, diff)
				}
				for _, entry := range everything[client.Conversation](t, alice, "/v1/conversations") {
					if diff := cmp.Diff(want, []any{entry.Mentioned, entry.FirstMentionSeq}); entry.ConversationId == id && diff != "" {
						t.Errorf("%s in the list, read up to %d (-want +got):\n%s", id, step.read, diff)
					}
				}
			}
		}
	})
}

// What is read on one device is told to the others of the user and to the peers as it
// happens, and found by those who were not there.
func TestConversations_ReadingIsToldAndFound(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		alice, bob := a.as("alice"), a.as("bob")
		for range 3 {
			bob.post(t, "/v1/messages", object{"to": object{"user_id": "alice"}, "type": "text", "content": object{"text": "hi"}}).want(t, 201)
		}
		a.back().post(t, "/v1/messages", object{"to": object{"user_id": "alice"}, "type": "text", "content": object{"text": "news"}}).want(t, 201)
		alice.wantConversations(t, "business 1", "user:bob 3")
		bob.wantConversations(t, "user:alice 0")

		signals := make(chan string, 10)
		for _, of := range []struct{ user, address string }{{"alice", g.URL}, {"bob", g.TCPURL}} {
			token, _ := app.Token(t, of.user)
			s := runStream(t, client.StreamOptions{Address: of.address, Token: always(token), ManualAck: true, Handler: client.Handler{
				Signal: func(_ context.Context, s *wire.PushedSignal) {
					signals <- fmt.Sprintf("%s: %s %s of %s: %s", of.user, s.GetConversationId(), s.GetKind(), s.GetSender().GetUserId(), s.GetData())
				},
			}})
			if _, err := s.Watch(t.Context(), []string{"alice"}, nil); err != nil { // it is connected
				t.Fatal(err)
			}
		}
		path := "/v1/conversations/user:bob/read"
		alice.put(t, path, object{"conversation_seq": 4}).refused(t, 400, "bad_request")
		for range 2 { // the second changes nothing, and tells nobody
			c := read[client.Conversation](t, alice.put(t, path, object{"conversation_seq": 2}).want(t, 200))
			if c.ReadSeq != 2 || c.Unread != 1 {
				t.Errorf("after reading: %+v", c)
			}
		}
		alice.put(t, "/v1/conversations/business/read", object{"conversation_seq": 1}).want(t, 200)
		want := map[string]bool{
			`alice: user:bob read of alice: {"conversation_seq":2}`: true,
			`bob: user:alice read of alice: {"conversation_seq":2}`: true,
			`alice: business read of alice: {"conversation_seq":1}`: true,
		}
		for len(want) > 0 {
			select {
			case got := <-signals:
				if !want[got] {
					t.Errorf("unexpected: %s", got)
				}
				delete(want, got)
			case <-time.After(patience):
				t.Fatalf("these did not come: %v", want)
			}
		}
		members := *read[client.Conversation](t, bob.get(t, "/v1/conversations/user:alice").want(t, 200)).Members
		if diff := cmp.Diff([]client.ConversationMember{{UserId: "alice", ReadSeq: 2, DeliveredSeq: 2}, {UserId: "bob"}}, members); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
		alice.wantConversations(t, "business 0", "user:bob 1")
		alice.delete(t, "/v1/conversations/user:bob").want(t, 204)
		alice.delete(t, "/v1/conversations/user:bob").refused(t, 404, "conversation_not_found")
		alice.wantConversations(t, "business 0")
	})
}

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// sent sends a message and returns its receipt.
func (c caller) sent(t *testing.T, body object) client.SentMessage {
	t.Helper()
	return read[client.SentMessage](t, c.post(t, "/v1/messages", body).want(t, 201))
}

func (c caller) forward(t *testing.T, id string, to object, key string) answer {
	t.Helper()
	body := object{"to": to}
	if key != "" {
		body["client_msg_id"] = key
	}
	return c.post(t, "/v1/messages/"+id+"/forward", body)
}

// connect connects a new device of user, with a cursor or without one.
func (a app) connect(t *testing.T, user string, enc wire.Encoding, after *int64) *talk {
	t.Helper()
	k := dialWS(t, a.gim.URL, enc)
	k.signIn(a.token(t, user, object{"device": object{"type": "web"}}).Token, after)
	return k
}

// onAppsAndWires runs test with an app of its own for every backend and encoding.
func onAppsAndWires(t *testing.T, users []string, test func(t *testing.T, a app, enc wire.Encoding)) {
	t.Helper()
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
			t.Run(enc.String(), func(t *testing.T) {
				t.Parallel()
				test(t, newApp(t, g, users...), enc)
			})
		}
	})
}

// A reply names what it answers wherever it is read, also when that is recalled later,
// and then nobody reads by it what was said.
func TestWS_RepliesNameWhatTheyAnswer(t *testing.T) {
	onAppsAndWires(t, []string{"alice", "bob"}, func(t *testing.T, a app, enc wire.Encoding) {
		alice, bob := a.connect(t, "alice", enc, nil), a.connect(t, "bob", enc, nil)
		quoted := a.as("alice").sent(t, text("bob", "secret"))
		if m := bob.message(); m.GetReplyTo() != nil || m.GetForwarded() {
			t.Errorf("what answers nothing is pushed as %v", m)
		}
		alice.message()
		frame := sendFrame("alice", "by frame", "c1")
		frame.Send.ReplyTo = quoted.MessageId
		byFrame := bob.ask(&wire.ClientFrame{Body: frame}).GetSent()
		byREST := a.as("bob").sent(t, with(text("alice", "by REST"), "reply_to", quoted.MessageId))
		answers := []string{byFrame.GetMessageId(), byREST.MessageId}

		live := []*wire.Message{alice.message(), alice.message()}
		path := "/v1/messages/" + quoted.MessageId
		a.as("alice").post(t, path+"/recall", nil).want(t, 200)
		zero := int64(0)
		late := a.connect(t, "alice", enc, &zero)
		first := late.message()
		if first.GetStatus() != "recalled" || string(first.GetContent()) != "{}" {
			t.Errorf("replayed %v", first)
		}
		for i, m := range append(live, late.message(), late.message()) {
			if m.GetMessageId() != answers[i%2] || m.GetReplyTo().GetMessageId() != quoted.MessageId || m.GetReplyTo().GetConversationSeq() != 1 {
				t.Errorf("%d: %v, want an answer to %s", i, m, quoted.MessageId)
			}
		}
		want := &client.Reply{MessageId: quoted.MessageId, ConversationSeq: 1}
		for _, reader := range []struct {
			c            caller
			conversation string
		}{{a.as("alice"), "user:bob"}, {a.as("bob"), "user:alice"}} {
			for what, all := range map[string][]client.Message{
				"history": reader.c.history(t, reader.conversation, "").Items, "log": reader.c.sync(t, "").Items,
				"look-up": {
					read[client.Message](t, reader.c.get(t, path).want(t, 200)),
					read[client.Message](t, reader.c.get(t, "/v1/messages/"+answers[0]).want(t, 200)),
					read[client.Message](t, reader.c.get(t, "/v1/messages/"+answers[1]).want(t, 200)),
				},
			} {
				if all[0].Status != "recalled" || all[0].ReplyTo != nil || strings.Contains(string(marshal(t, all)), "secret") {
					t.Errorf("%s in %s: %s", what, reader.conversation, marshal(t, all))
				}
				for _, m := range all[1:3] {
					if diff := cmp.Diff(want, m.ReplyTo); diff != "" {
						t.Errorf("%s in %s (-want +got):\n%s", what, reader.conversation, diff)
					}
				}
			}
		}
	})
}

func TestWS_WhatMayNotBeAnsweredChangesNothing(t *testing.T) {
	users := []string{"alice", "bob", "carol"}
	onAppsAndWires(t, users, func(t *testing.T, a app, enc wire.Encoding) {
		alice, bob := a.as("alice"), a.as("bob")
		a.newGroup(t, "team", "alice", "carol")
		other := newApp(t, a.gim, "alice", "bob")
		foreign := other.as("alice").sent(t, text("bob", "of another app")).MessageId
		elsewhere := alice.sent(t, text("carol", "of another chat")).MessageId
		inGroup := alice.sent(t, groupText("team", "of a group")).MessageId
		cleared := alice.sent(t, text("bob", "cleared")).MessageId
		bob.delete(t, "/v1/conversations/user:alice").want(t, 204)
		deleted, recalled := alice.sent(t, text("bob", "deleted")), alice.sent(t, text("bob", "recalled")).MessageId
		bob.delete(t, "/v1/messages/"+deleted.MessageId).want(t, 204)
		alice.post(t, "/v1/messages/"+recalled+"/recall", nil).want(t, 200)
		all := bob.history(t, "user:alice", "").Items
		entry := all[len(all)-1]
		if entry.Type != "command" {
			t.Fatalf("bob's last message is %+v", entry)
		}
		conversation, _ := domain.MessageID(recalled).Place()
		absent := string(domain.NewMessageID(time.Now(), conversation, 99))
		k := dialWS(t, a.gim.URL, enc)
		k.signIn(a.token(t, "bob", object{}).Token, nil) // as no device, which would be seen
		refused := func(to object, frame *wire.Target, id, code string, status int) (detail string) {
			t.Helper()
			body := object{"to": to, "type": "text", "content": object{"text": "reply"}, "reply_to": id}
			problem := bob.post(t, "/v1/messages", body).refused(t, status, code)
			if code == "bad_request" && (problem.Errors == nil || len(*problem.Errors) != 1 || (*problem.Errors)[0].Pointer != "/reply_to") {
				t.Errorf("%s: %+v", id, problem)
			}
			f := k.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Send{Send: &wire.Send{To: frame, Type: "text", Content: []byte(`{"text":"reply"}`), ReplyTo: id}}})
			if f.GetError().GetCode() != code {
				t.Errorf("%s is answered with %v, want %s", id, f, code)
			}
			return fmt.Sprint(problem.Title, problem.Detail, problem.Errors, f.GetError().GetMessage())
		}
		toAlice := func(id string) string {
			t.Helper()
			return refused(object{"user_id": "alice"}, &wire.Target{UserId: "alice"}, id, "bad_request", 400)
		}
		a.changesNothing(t, users, []string{"team"}, func() {
			want := toAlice(absent)
			for what, id := range map[string]string{
				"another app's": foreign, "another chat's": elsewhere, "a group's": inGroup, "a cleared one": cleared,
				"a deleted one": deleted.MessageId, "an entry": entry.MessageId,
			} {
				if diff := cmp.Diff(strings.ReplaceAll(want, absent, ""), strings.ReplaceAll(toAlice(id), id, "")); diff != "" {
					t.Errorf("%s is told from an absent one:\n%s", what, diff)
				}
			}
			refused(object{"group_id": "team"}, &wire.Target{GroupId: "team"}, inGroup, "not_in_group", 403)
			for _, body := range []object{
				with(text("alice", "reply"), "reply_to", "x"),
				with(with(text("alice", "reply"), "reply_to", recalled), "persist", false),
			} {
				bob.post(t, "/v1/messages", body).refused(t, 400, "bad_request")
			}
			a.back().post(t, "/v1/messages", with(text("bob", "reply"), "reply_to", deleted.MessageId)).refused(t, 400, "bad_request")
		})
		// It is there, if blank; and the other one has deleted nothing.
		bob.sent(t, with(text("alice", "reply"), "reply_to", recalled))
		alice.sent(t, with(text("bob", "reply"), "reply_to", deleted.MessageId))
		alice.sent(t, with(text("bob", "reply"), "reply_to", cleared))
	})
}

// Several messages that are forwarded arrive in the order of the calls, with what they
// say and nothing of where they come from.
func TestWS_ForwardedMessagesArriveInOrder(t *testing.T) {
	onAppsAndWires(t, []string{"alice", "bob", "carol"}, func(t *testing.T, a app, enc wire.Encoding) {
		alice, carol := a.as("alice"), a.connect(t, "carol", enc, nil)
		a.newGroup(t, "team", "alice", "carol")
		carol.message() // that the group was made
		image := object{"url": "https://a.example/i.png"}
		first := a.as("bob").sent(t, with(text("alice", "1"), "mentions", []string{"alice"}))
		reply := alice.sent(t, with(text("bob", "2"), "reply_to", first.MessageId))
		picture := a.as("bob").sent(t, object{"to": object{"user_id": "alice"}, "type": "image", "content": image})
		edited := a.as("bob").sent(t, text("alice", "before"))
		a.as("bob").do(t, "PATCH", "/v1/messages/"+edited.MessageId, object{"content": object{"text": "4"}}).want(t, 200)
		sources := []string{edited.MessageId, first.MessageId, picture.MessageId, reply.MessageId}
		contents := []string{`{"text":"4"}`, `{"text":"1"}`, `{"url":"https://a.example/i.png"}`, `{"text":"2"}`}
		for conversation, to := range map[string]object{"user:carol": {"user_id": "carol"}, "group:team": {"group_id": "team"}} {
			var receipts []client.SentMessage
			for i, id := range sources {
				got := read[client.SentMessage](t, alice.forward(t, id, to, fmt.Sprint(conversation, i)).want(t, 201))
				again := read[client.SentMessage](t, alice.forward(t, id, to, fmt.Sprint(conversation, i)).want(t, 200))
				if again.MessageId != got.MessageId || got.ConversationId != conversation || slices.Contains(sources, got.MessageId) {
					t.Errorf("forwarded as %+v, and again as %+v", got, again)
				}
				receipts = append(receipts, got)
			}
			theirs := strings.Replace(conversation, "carol", "alice", 1)
			page := a.as("carol").history(t, theirs, "after="+fmt.Sprint(receipts[0].ConversationSeq-1)).Items
			if len(page) != len(sources) {
				t.Fatalf("%s has %s", theirs, marshal(t, page))
			}
			for i, m := range page {
				pushed := carol.message()
				got := []any{pushed.GetMessageId(), pushed.GetForwarded(), string(pushed.GetContent()), pushed.GetSender().GetUserId(), len(pushed.GetMentions()), pushed.GetReplyTo() == nil, pushed.GetStatus()}
				if diff := cmp.Diff([]any{receipts[i].MessageId, true, contents[i], "alice", 0, true, "normal"}, got); diff != "" {
					t.Errorf("%s, pushed %d (-want +got):\n%s", conversation, i, diff)
				}
				if m.MessageId != receipts[i].MessageId || m.Forwarded == nil || !*m.Forwarded || string(m.Content) != contents[i] ||
					m.ReplyTo != nil || len(m.Mentions) > 0 || m.EditedAt != nil || strings.Contains(string(marshal(t, m)), `"bob"`) {
					t.Errorf("%s, read %d: %s", conversation, i, marshal(t, m))
				}
			}
		}
	})
}

func TestForward_WhatIsRefusedChangesNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a, other := newApp(t, g, users...), newApp(t, g, users...)
		alice, bob := a.as("alice"), a.as("bob")
		a.newGroup(t, "team", "alice", "bob")
		a.newGroup(t, "closed", "carol")
		other.newGroup(t, "theirs", "alice", "bob")
		chat, elsewhere := bob.sent(t, text("alice", "chat")).MessageId, bob.sent(t, text("carol", "elsewhere")).MessageId
		deleted, recalled := bob.sent(t, text("alice", "deleted")).MessageId, bob.sent(t, text("alice", "recalled")).MessageId
		closed := a.as("carol").sent(t, groupText("closed", "closed")).MessageId
		foreign := other.as("alice").sent(t, text("bob", "foreign")).MessageId
		theirs := other.as("alice").sent(t, groupText("theirs", "theirs")).MessageId
		alice.delete(t, "/v1/messages/"+deleted).want(t, 204)
		bob.post(t, "/v1/messages/"+recalled+"/recall", nil).want(t, 200)
		all := alice.history(t, "user:bob", "").Items
		entry := all[len(all)-1].MessageId
		a.as("carol").put(t, "/v1/blocks/alice", nil).want(t, 201)
		conversation, _ := domain.MessageID(chat).Place()
		absent := string(domain.NewMessageID(time.Now(), conversation, 99))
		toBob := object{"user_id": "bob"}
		refused := func(c caller, id string, to object, status int, code string) client.Problem {
			t.Helper()
			c.forward(t, id, to, "key").refused(t, status, code)
			return c.forward(t, id, to, "").refused(t, status, code)
		}
		other.changesNothing(t, users, []string{"theirs"}, func() {
			a.changesNothing(t, users, []string{"team", "closed"}, func() {
				want := refused(alice, absent, toBob, 404, "message_not_found")
				for what, id := range map[string]string{
					"another chat's": elsewhere, "a group's": closed, "another app's": foreign, "that of another app's group": theirs, "a deleted one": deleted,
				} {
					got := refused(alice, id, toBob, 404, "message_not_found")
					if got.RequestId = want.RequestId; !cmp.Equal(got, want) {
						t.Errorf("%s is told from an absent one: %+v and %+v", what, got, want)
					}
				}
				for _, id := range []string{foreign, theirs} {
					refused(a.back(), id, toBob, 404, "message_not_found")
				}
				refused(alice, recalled, toBob, 409, "message_recalled")
				refused(a.back(), recalled, toBob, 409, "message_recalled")
				refused(alice, entry, toBob, 403, "forbidden")
				refused(alice, chat, object{"group_id": "closed"}, 403, "not_in_group")
				refused(alice, chat, object{"group_id": "theirs"}, 404, "group_not_found")
				refused(alice, chat, object{"user_id": "ghost"}, 404, "user_not_found")
				refused(alice, chat, object{"user_id": "carol"}, 403, "blocked")
				refused(a.admin(), chat, toBob, 403, "forbidden")
				alice.post(t, "/v1/messages/"+chat+"/forward", object{"to": toBob, "sender_type": "system"}).refused(t, 403, "forbidden")
				for _, to := range []object{{}, {"user_id": "bob", "group_id": "team"}, {"user_id": "b ob"}} {
					refused(alice, chat, to, 400, "bad_request")
				}
				refused(alice, "x", toBob, 400, "bad_request")
			})
		})
		// What was refused is no first call.
		alice.forward(t, chat, toBob, "key").want(t, 201)
		alice.forward(t, chat, object{"group_id": "team"}, "key").refused(t, 422, "idempotency_conflict")
	})
}

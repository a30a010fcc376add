package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// forgotten is the data of the entry that tells a user what it has deleted.
type forgotten struct {
	Code int
	Data struct {
		Message      string `json:"message_id"`
		Seq          int64  `json:"message_seq"`
		Conversation string `json:"conversation_id"`
	}
}

// What a user deletes for itself is gone on all its devices, those that were away too,
// and stays with everybody else.
func TestDelete_ReachesAllDevicesOfOneUser(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		alice, bob := a.as("alice"), a.as("bob")
		var sent []client.SentMessage
		for i := range 3 {
			sent = append(sent, read[client.SentMessage](t, alice.post(t, "/v1/messages", text("bob", fmt.Sprint(i+1))).want(t, 201)))
		}
		path := func(i int) string { return "/v1/messages/" + sent[i].MessageId }
		bob.wantConversations(t, "user:alice 3")
		list := read[client.ConversationList](t, bob.get(t, "/v1/conversations").want(t, 200))
		phone := dialWS(t, g.URL, wire.JSON)
		phone.signIn(a.token(t, "bob", object{"device": object{"type": "web"}}).Token, nil)

		bob.delete(t, path(2)).want(t, 204)
		heard := phone.message()
		var got forgotten
		if err := json.Unmarshal(heard.GetContent(), &got); err != nil {
			t.Fatal(err)
		}
		want := forgotten{Code: 304}
		want.Data.Message, want.Data.Seq, want.Data.Conversation = sent[2].MessageId, 3, "user:alice"
		if diff := cmp.Diff(want, got); diff != "" || heard.GetConversationId() != "business" {
			t.Errorf("told in %s (-want +got):\n%s", heard.GetConversationId(), diff)
		}
		page := bob.sync(t, "&after=3")
		if len(page.Items) != 1 || page.Items[0].MessageId != heard.GetMessageId() {
			t.Errorf("a device that was away finds %+v", page.Items)
		}
		bob.wantConversations(t, "user:alice 2")
		changed := read[client.ConversationList](t, bob.get(t, "/v1/conversations?changed_since="+url.QueryEscape(list.Changes)).want(t, 200))
		if len(changed.Items) != 1 || changed.Items[0].LastMessage == nil || changed.Items[0].LastMessage.MessageId != sent[1].MessageId {
			t.Errorf("changed: %+v", changed.Items)
		}
		for _, gone := range []answer{bob.get(t, path(2)), bob.get(t, path(2)+"/edits"), bob.delete(t, path(2)), bob.post(t, path(2)+"/recall", nil)} {
			gone.refused(t, 404, "message_not_found")
		}
		alice.post(t, path(1)+"/recall", nil).want(t, 200)
		bob.delete(t, path(1)).want(t, 204)
		if said := texts(t, bob.history(t, "user:alice", "type=text").Items); len(said) != 1 || said[0] != "1" {
			t.Errorf("bob has %q left", said)
		}
		if n := len(alice.history(t, "user:bob", "type=text").Items); n != 3 {
			t.Errorf("alice has %d messages, want 3", n)
		}
		alice.get(t, path(2)).want(t, 200)
		a.back().get(t, path(2)).want(t, 200)

		bob.delete(t, "/v1/conversations/user:alice").want(t, 204)
		bob.get(t, path(0)).refused(t, 404, "message_not_found")
		alice.get(t, path(0)).want(t, 200)
		alice.post(t, "/v1/messages", text("bob", "again")).want(t, 201)
		bob.wantConversations(t, "user:alice 1")
	})
}

func TestDelete_OfWhatOneMayNotReadIsRefused(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a, other := newApp(t, g, users...), newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "bob", "alice")
		chat := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", text("bob", "1")).want(t, 201))
		group := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", groupText("team", "2")).want(t, 201))
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, m := range []client.SentMessage{chat, group} {
				path := "/v1/messages/" + m.MessageId
				for _, stranger := range []caller{a.as("carol"), other.as("alice"), other.as("bob")} {
					stranger.delete(t, path).refused(t, 404, "message_not_found")
				}
				a.back().delete(t, path).refused(t, 403, "forbidden")
			}
			for _, id := range []string{"x", "00000000000000000000000000000000x", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
				a.as("bob").delete(t, "/v1/messages/"+id).refused(t, 400, "bad_request")
			}
			a.as("bob").delete(t, "/v1/messages/00000000000000000000000000000000").refused(t, 404, "message_not_found")
		})
	})
}

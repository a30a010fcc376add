package e2e

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// A device that is connected hears of reactions at once, and one that comes later
// finds them with the message.
func TestWS_ReactionsArePushedAndStay(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		for _, enc := range []wire.Encoding{wire.JSON, wire.Proto} {
			t.Run(enc.String(), func(t *testing.T) {
				t.Parallel()
				reactOn(t, newApp(t, g, "alice", "bob"), enc)
			})
		}
	})
}

func reactOn(t *testing.T, a app, enc wire.Encoding) {
	t.Helper()
	bob := a.connect(t, "bob", enc, nil)
	sent := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201))
	path := "/v1/messages/" + sent.MessageId + "/reactions/" + url.PathEscape("❤️")
	bob.message()
	for _, user := range []string{"bob", "bob", "alice"} {
		a.as(user).put(t, path, nil).want(t, 200)
	}
	a.as("alice").delete(t, path).want(t, 204)
	a.as("alice").delete(t, path).refused(t, 404, "reaction_not_found")
	for _, want := range []string{
		`{"code":302,"data":{"by":"bob","count":1,"message_id":"ID","message_seq":1,"reaction":"❤️"}}`,
		`{"code":302,"data":{"by":"alice","count":2,"message_id":"ID","message_seq":1,"reaction":"❤️"}}`,
		`{"code":303,"data":{"by":"alice","count":1,"message_id":"ID","message_seq":1,"reaction":"❤️"}}`,
	} {
		m := bob.message()
		sorted, _ := json.Marshal(read[any](t, answer{body: m.GetContent()}))
		if got := strings.ReplaceAll(string(sorted), sent.MessageId, "ID"); got != want || m.GetType() != "command" || m.GetConversationId() != "user:alice" {
			t.Errorf("bob hears %v, want %s", m, want)
		}
	}
	zero := int64(0)
	for user, me := range map[string]bool{"bob": true, "alice": false} {
		if got := a.connect(t, user, enc, &zero).message().GetReactions(); len(got) != 1 || got[0].GetReaction() != "❤️" || got[0].GetCount() != 1 || got[0].GetMe() != me {
			t.Errorf("%s is replayed %v", user, got)
		}
		c := a.as(user)
		want := &[]client.Reaction{{Reaction: "❤️", Count: 1, Me: me}}
		for what, got := range map[string]client.Message{
			"found": read[client.Message](t, c.get(t, "/v1/messages/"+sent.MessageId).want(t, 200)), "synced": c.sync(t, "").Items[0],
		} {
			if diff := cmp.Diff(want, got.Reactions); diff != "" {
				t.Errorf("%s by %s (-want +got):\n%s", what, user, diff)
			}
		}
	}
	listed := everything[client.Reactor](t, a.as("alice"), "/v1/messages/"+sent.MessageId+"/reactions")
	if len(listed) != 1 || listed[0].UserId != "bob" || listed[0].Reaction != "❤️" || listed[0].ReactedAt.IsZero() {
		t.Errorf("listed %+v", listed)
	}
	if c := read[client.Conversation](t, a.as("bob").get(t, "/v1/conversations/user:alice").want(t, 200)); c.Unread != 1 {
		t.Errorf("%d are unread, want the message only", c.Unread)
	}
}

func TestReactions_WhatIsRefusedChangesNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a := newApp(t, g, users...)
		a.newGroup(t, "team", "bob", "alice")
		other := newApp(t, g, "alice", "bob")
		send := func(body object) string {
			return "/v1/messages/" + read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", body).want(t, 201)).MessageId
		}
		chat, group := send(text("bob", "chat")), send(groupText("team", "group"))
		at := func(path, reaction string) string { return path + "/reactions/" + url.PathEscape(reaction) }
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, path := range []string{chat, group} {
				for _, stranger := range []caller{a.as("carol"), other.as("alice")} {
					stranger.put(t, at(path, "👍"), nil).refused(t, 404, "message_not_found")
					stranger.delete(t, at(path, "👍")).refused(t, 404, "message_not_found")
					stranger.get(t, path+"/reactions").refused(t, 404, "message_not_found")
				}
				a.back().put(t, at(path, "👍"), nil).refused(t, 403, "forbidden")
				for _, reaction := range []string{"thumbsup", "👍👍", "x", strings.Repeat("👍", 17), "%"} {
					a.as("bob").put(t, at(path, reaction), nil).refused(t, 400, "bad_request")
				}
				a.as("bob").delete(t, at(path, "👍")).refused(t, 404, "reaction_not_found")
			}
		})
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"reactions": []string{"+1", "❤️", "+1"}}}).refused(t, 400, "bad_request")
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"reactions": []string{"+1", "❤️"}}}).want(t, 200)
		a.as("bob").put(t, "/v1/blocks/alice", nil).want(t, 201)
		a.changesNothing(t, users, []string{"team"}, func() {
			a.as("bob").put(t, at(group, "👍"), nil).refused(t, 400, "bad_request")
			a.as("alice").put(t, at(chat, "+1"), nil).refused(t, 403, "blocked")
		})
		a.as("bob").put(t, at(group, "+1"), nil).want(t, 200)
		a.as("alice").post(t, group+"/recall", nil).want(t, 200)
		a.changesNothing(t, users, []string{"team"}, func() {
			a.as("bob").put(t, at(group, "+1"), nil).refused(t, 409, "message_recalled")
			a.as("bob").delete(t, at(group, "+1")).refused(t, 409, "message_recalled")
		})
	})
}

package e2e

import (
	"fmt"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestReads_SayWhoHasReadAMessage(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol", "mallory")
		alice, bob := a.as("alice"), a.as("bob")
		for _, kind := range []string{"normal", "large"} {
			alice.post(t, "/v1/groups", object{"group_id": kind, "type": kind, "name": "Team", "members": []string{"bob", "carol"}}).want(t, 201)
			body := object{"to": object{"group_id": kind}, "type": "text", "content": object{"text": "hi"}}
			sent := read[client.SentMessage](t, alice.post(t, "/v1/messages", body).want(t, 201))
			path := "/v1/messages/" + sent.MessageId + "/reads"
			bob.put(t, "/v1/conversations/group:"+kind+"/read", object{"conversation_seq": sent.ConversationSeq}).want(t, 200)

			want := []string{"1 of 2", "bob true", "carol false"}
			if kind == "large" {
				want = want[:1]
				bob.get(t, path).refused(t, 403, "forbidden")
			} else {
				wantReads(t, bob.get(t, path), want...)
				wantReads(t, alice.get(t, path+"?read=true"), want[:2]...)
				wantReads(t, alice.get(t, path+"?read=false"), want[0], want[2])
			}
			wantReads(t, alice.get(t, path), want...)
			wantReads(t, a.back().get(t, path), want...)
			a.as("mallory").get(t, path).refused(t, 404, "message_not_found")
			for _, bad := range []string{"?read=maybe", "?cursor=x!", "?limit=0"} {
				if kind == "normal" {
					alice.get(t, path+bad).refused(t, 400, "bad_request")
				}
			}
		}
	})
}

func wantReads(t *testing.T, got answer, want ...string) {
	t.Helper()
	list := read[client.MessageReadList](t, got.want(t, 200))
	said := []string{fmt.Sprintf("%d of %d", list.ReadCount, list.MemberCount)}
	for _, m := range list.Items {
		said = append(said, fmt.Sprint(m.UserId, " ", m.Read))
	}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", said, want)
	}
}

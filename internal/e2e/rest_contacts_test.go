package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// contacts returns what the caller has of a status, in order: whom, the remark and
// the message.
func (c caller) contacts(t *testing.T, status string) []string {
	t.Helper()
	all := []string{}
	for _, x := range everything[client.Contact](t, c, "/v1/contacts?status="+status) {
		all = append(all, fmt.Sprintf("%s/%s/%s", x.UserId, x.Remark, x.Message))
	}
	return all
}

func (c caller) wantContacts(t *testing.T, status string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), c.contacts(t, status)); diff != "" {
		t.Errorf("%s contacts (-want +got):\n%s", status, diff)
	}
}

// contactEvents are the commands about contacts in a log.
func contactEvents(messages []client.Message) []string {
	all := []string{}
	for _, m := range messages {
		if m.Type == "command" && m.ConversationId == "business" && m.Sender.Type == "system" {
			all = append(all, strings.NewReplacer(`"`, "", "{", "", "}", "").Replace(string(m.Content)))
		}
	}
	return all
}

func TestContacts_AreAskedForAnsweredAndRemoved(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol", "dave")
		alice, bob := a.with(a.token(t, "alice", object{}).Token), a.as("bob")
		made := alice.put(t, "/v1/contacts/bob", object{"message": "It is Alice", "remark": "plumber"}).want(t, 201)
		if c := read[client.Contact](t, made); c.Status != "outgoing" || time.Since(c.CreatedAt) > time.Hour {
			t.Errorf("asked: %s", made.body)
		}
		if again := alice.put(t, "/v1/contacts/bob", object{}).want(t, 200); string(again.body) != string(made.body) {
			t.Errorf("again: %s, was %s", again.body, made.body)
		}
		bob.wantContacts(t, "incoming", "alice//It is Alice")
		bob.wantContacts(t, "contact")
		if c := read[client.Contact](t, bob.put(t, "/v1/contacts/alice", object{}).want(t, 200)); c.Status != "contact" {
			t.Errorf("accepted: %+v", c)
		}
		alice.wantContacts(t, "contact", "bob/plumber/")
		bob.wantContacts(t, "contact", "alice//")
		alice.do(t, "PATCH", "/v1/contacts/bob", object{"remark": "Bob, the plumber"}).want(t, 200)

		alice.put(t, "/v1/contacts/carol", object{}).want(t, 201)
		a.as("carol").delete(t, "/v1/contacts/alice").want(t, 204) // turned down
		alice.put(t, "/v1/contacts/carol", object{}).want(t, 201)
		alice.delete(t, "/v1/contacts/carol").want(t, 204) // taken back
		a.as("alice").put(t, "/v1/contacts/dave", object{"accepted": true}).want(t, 201)
		alice.wantContacts(t, "contact", "bob/Bob, the plumber/", "dave//")
		bob.delete(t, "/v1/contacts/alice").want(t, 204)
		alice.wantContacts(t, "contact", "dave//")
		bob.wantContacts(t, "contact")

		want := []string{
			"code:200,data:user_id:bob,by:alice,message:It is Alice", "code:205,data:user_id:bob,by:alice,remark:plumber", "code:201,data:user_id:bob,by:bob",
			"code:205,data:user_id:bob,by:alice,remark:Bob, the plumber", "code:200,data:user_id:carol,by:alice", "code:202,data:user_id:carol,by:carol",
			"code:200,data:user_id:carol,by:alice", "code:203,data:user_id:carol,by:alice", "code:201,data:user_id:dave", "code:204,data:user_id:bob,by:bob",
		}
		if diff := cmp.Diff(want, contactEvents(alice.sync(t, "").Items)); diff != "" {
			t.Errorf("alice's log (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"code:201,data:user_id:alice"}, contactEvents(a.as("dave").sync(t, "").Items)); diff != "" {
			t.Errorf("dave's log (-want +got):\n%s", diff)
		}
	})
}

func TestContacts_WhatIsRefusedChangesNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a := newApp(t, g, users...)
		alice := a.with(a.token(t, "alice", object{}).Token)
		a.as("bob").put(t, "/v1/blocks/alice", nil).want(t, 201)
		a.as("carol").put(t, "/v1/contacts/alice", object{"message": "hi"}).want(t, 201)
		a.changesNothing(t, users, nil, func() {
			alice.put(t, "/v1/contacts/bob", object{}).refused(t, 403, "blocked")
			alice.put(t, "/v1/contacts/carol", object{"accepted": true}).refused(t, 403, "forbidden")
			alice.put(t, "/v1/contacts/ghost", object{}).refused(t, 404, "user_not_found")
			for _, method := range []string{"PUT", "PATCH", "GET", "DELETE"} {
				for _, id := range []string{"me", "alice", ".a", "a%2Fb"} {
					body := any(object{"remark": "x"})
					if method == "GET" || method == "DELETE" {
						body = nil
					}
					alice.do(t, method, "/v1/contacts/"+id, body).refused(t, 400, "bad_request")
				}
			}
			for _, remark := range []any{strings.Repeat("x", 129), "\x00", 7} {
				alice.do(t, "PATCH", "/v1/contacts/carol", object{"remark": remark}).refused(t, 400, "bad_request")
				alice.put(t, "/v1/contacts/carol", object{"remark": remark}).refused(t, 400, "bad_request")
			}
			alice.get(t, "/v1/contacts?status=friend").refused(t, 400, "bad_request")
			for _, by := range []caller{a.back(), a.admin()} {
				by.get(t, "/v1/contacts").refused(t, 403, "forbidden")
				by.put(t, "/v1/contacts/carol", object{}).refused(t, 403, "forbidden")
			}
		})
	})
}

func TestContacts_StreamsAreTold(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		told := make(chan string, 10)
		token, _ := app.Token(t, "bob")
		bob := runStream(t, client.StreamOptions{Address: g.URL, Token: always(token), Handler: client.Handler{
			Messages: func(_ context.Context, page []*wire.Message) error {
				for _, m := range page {
					told <- string(m.GetContent())
				}
				return nil
			},
		}})
		if _, err := bob.Watch(t.Context(), []string{"alice"}, nil); err != nil { // bob is connected
			t.Fatal(err)
		}
		a.as("alice").put(t, "/v1/contacts/bob", object{"message": "hi"}).want(t, 201)
		a.as("alice").delete(t, "/v1/contacts/bob").want(t, 204)
		for _, want := range []string{`{"code":200,"data":{"user_id":"alice","by":"alice","message":"hi"}}`, `{"code":203,"data":{"user_id":"alice","by":"alice"}}`} {
			select {
			case got := <-told:
				if got != want {
					t.Errorf("told %s, want %s", got, want)
				}
			case <-time.After(patience):
				t.Fatalf("not told of %s", want)
			}
		}
	})
}

func TestContacts_FriendsOnlyRefusesWhatStrangersSend(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a := newApp(t, g, users...)
		a.newGroup(t, "team", users...)
		alice, bob := a.with(a.token(t, "alice", object{}).Token), a.as("bob")
		before := with(text("bob", "before"), "client_msg_id", "before")
		alice.post(t, "/v1/messages", before).want(t, 201)
		friendsOnly := func(on bool) {
			t.Helper()
			got := a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"friends_only": on}}).want(t, 200)
			if set := read[client.App](t, got).Settings; *set.FriendsOnly != on {
				t.Errorf("friends_only is %v, want %v", *set.FriendsOnly, on)
			}
		}
		friendsOnly(true)
		alice.put(t, "/v1/contacts/bob", object{}).want(t, 201)
		hi := text("bob", "hi")
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, by := range []caller{alice, a.as("alice")} {
				for _, body := range []object{hi, with(hi, "persist", false), with(hi, "client_msg_id", "c1")} {
					if p := by.post(t, "/v1/messages", body).refused(t, 403, "not_friend"); p.Retryable {
						t.Errorf("retryable: %+v", p)
					}
				}
			}
			bob.post(t, "/v1/messages", text("alice", "hi")).refused(t, 403, "not_friend")
			alice.post(t, "/v1/messages", before).want(t, 200)
		})
		alice.post(t, "/v1/messages", text("alice", "to oneself")).want(t, 201)
		alice.post(t, "/v1/messages", groupText("team", "to all")).want(t, 201)
		a.back().post(t, "/v1/messages", text("bob", "from the business")).want(t, 201)
		bob.put(t, "/v1/contacts/alice", object{}).want(t, 200)
		alice.post(t, "/v1/messages", with(hi, "client_msg_id", "c1")).want(t, 201)
		bob.post(t, "/v1/messages", with(text("alice", "hi"), "persist", false)).want(t, 202)
		bob.delete(t, "/v1/contacts/alice").want(t, 204)
		alice.post(t, "/v1/messages", hi).refused(t, 403, "not_friend")
		friendsOnly(false)
		alice.post(t, "/v1/messages", text("bob", "again")).want(t, 201)
		want := []string{"before", "to all", "from the business", "hi", "again"}
		if diff := cmp.Diff(want, texts(t, bob.sync(t, "").Items)); diff != "" {
			t.Errorf("bob's log (-want +got):\n%s", diff)
		}
	})
}

func TestContacts_FriendsOnlyHoldsOnStreams(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.admin().do(t, "PATCH", "/v1/apps/"+a.id, object{"settings": object{"friends_only": true}}).want(t, 200)
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		for _, address := range []string{g.URL, g.TCPURL} {
			token, _ := app.Token(t, "bob")
			bob := runStream(t, client.StreamOptions{Address: address, Token: always(token)})
			to := &wire.Target{UserId: "alice"}
			_, sent := bob.Send(t.Context(), &wire.Send{To: to, Type: "text", Content: []byte(`{"text":"hi"}`)})
			for _, err := range []error{sent, bob.Signal(t.Context(), &wire.Signal{To: to, Kind: "typing"})} {
				if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "not_friend" {
					t.Errorf("got %v, want not_friend", err)
				}
			}
			a.as("bob").put(t, "/v1/contacts/alice", object{"accepted": true}).want(t, 201)
			if err := bob.Signal(t.Context(), &wire.Signal{To: to, Kind: "typing"}); err != nil {
				t.Error(err)
			}
			a.as("bob").delete(t, "/v1/contacts/alice").want(t, 204)
		}
	})
}

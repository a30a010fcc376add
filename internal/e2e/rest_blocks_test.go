package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// blocks returns whom the caller has blocked, in order.
func (c caller) blocks(t *testing.T) []string {
	t.Helper()
	ids := []string{}
	for _, b := range everything[client.Block](t, c, "/v1/blocks") {
		ids = append(ids, b.UserId)
	}
	return ids
}

func (c caller) wantBlocks(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), c.blocks(t)); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
}

func TestBlocks_AreMadeListedAndRemoved(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "B", "a.", "b@x+y"}
		for i := range 4 {
			users = append(users, fmt.Sprint("u", i))
		}
		a := newApp(t, g, users...)
		alice := a.with(a.token(t, "alice", object{}).Token)
		alice.wantBlocks(t)
		for i, id := range users[1:] {
			by := []caller{alice, a.as("alice")}[i%2]
			made := by.put(t, "/v1/blocks/"+id, nil).want(t, 201)
			b := read[client.Block](t, made)
			if b.UserId != id || time.Since(b.CreatedAt) > time.Hour {
				t.Errorf("blocked %s", made.body)
			}
			for _, again := range []answer{alice.put(t, "/v1/blocks/"+id, nil), a.as("alice").get(t, "/v1/blocks/"+id)} {
				if again.status != 200 || string(again.body) != string(made.body) {
					t.Errorf("again: %d %s, was %s", again.status, again.body, made.body)
				}
			}
		}
		alice.wantBlocks(t, "B", "a.", "b@x+y", "bob", "u0", "u1", "u2", "u3")
		a.as("bob").wantBlocks(t)

		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			alice.put(t, "/v1/blocks/ghost", nil).refused(t, 404, "user_not_found")
			for _, id := range []string{"me", "alice", "batch", "a%2Fb", ".a"} {
				if p := alice.put(t, "/v1/blocks/"+id, nil).refused(t, 400, "bad_request"); (*p.Errors)[0].Pointer != "user_id" {
					t.Errorf("%s: %+v", id, p)
				}
			}
			for _, method := range []string{"GET", "DELETE"} {
				for _, id := range []string{"ghost", "alice", "Bob"} {
					alice.do(t, method, "/v1/blocks/"+id, nil).refused(t, 404, "block_not_found")
				}
				a.as("bob").do(t, method, "/v1/blocks/u0", nil).refused(t, 404, "block_not_found")
				alice.do(t, method, "/v1/blocks/me", nil).refused(t, 400, "bad_request")
			}
			for _, by := range []caller{a.back(), a.admin()} {
				by.get(t, "/v1/blocks").refused(t, 403, "forbidden")
				for _, method := range []string{"GET", "PUT", "DELETE"} {
					by.do(t, method, "/v1/blocks/bob", nil).refused(t, 403, "forbidden")
				}
			}
		})
		alice.delete(t, "/v1/blocks/bob").want(t, 204)
		alice.delete(t, "/v1/blocks/bob").refused(t, 404, "block_not_found")
		alice.get(t, "/v1/blocks/bob").refused(t, 404, "block_not_found")
		alice.put(t, "/v1/blocks/bob", nil).want(t, 201)

		a.back().delete(t, "/v1/users/u1").want(t, 204)
		a.newUsers(t, "u1") // another one
		alice.wantBlocks(t, "B", "a.", "b@x+y", "bob", "u0", "u2", "u3")
		a.back().delete(t, "/v1/users/alice").want(t, 204)
		a.newUsers(t, "alice")
		a.as("alice").wantBlocks(t)
		a.as("bob").post(t, "/v1/messages", text("alice", "hi")).want(t, 201)
	})
}

func TestBlocks_OnlyWhatTheBlockedSendsToTheBlockerIsRefused(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		users := []string{"alice", "bob", "carol"}
		a := newApp(t, g, users...)
		a.newGroup(t, "team", users...)
		alice, bob := a.as("alice"), a.with(a.token(t, "bob", object{}).Token)
		before := with(text("alice", "before"), "client_msg_id", "before")
		first := bob.post(t, "/v1/messages", before).want(t, 201)
		alice.put(t, "/v1/blocks/bob", nil).want(t, 201)

		hi := text("alice", "hi")
		a.changesNothing(t, users, []string{"team"}, func() {
			for _, by := range []caller{bob, a.as("bob")} {
				for _, body := range []object{hi, with(hi, "persist", false), with(hi, "client_msg_id", "c1"), with(hi, "client_msg_id", "c1")} {
					if p := by.post(t, "/v1/messages", body).refused(t, 403, "blocked"); p.Retryable {
						t.Errorf("retryable: %+v", p)
					}
				}
			}
			if again := bob.post(t, "/v1/messages", before).want(t, 200); string(again.body) != string(first.body) {
				t.Errorf("the repeat is answered %s, was %s", again.body, first.body)
			}
		})

		alice.post(t, "/v1/messages", text("bob", "from alice")).want(t, 201)
		bob.post(t, "/v1/messages", text("carol", "to carol")).want(t, 201)
		bob.post(t, "/v1/messages", text("bob", "to oneself")).want(t, 201)
		bob.post(t, "/v1/messages", groupText("team", "to all")).want(t, 201)
		bob.post(t, "/v1/messages", with(groupText("team", "to all"), "persist", false)).want(t, 202)
		a.as("carol").post(t, "/v1/messages", text("alice", "from carol")).want(t, 201)
		a.back().post(t, "/v1/messages", text("alice", "from the business")).want(t, 201)
		a.back().post(t, "/v1/messages", with(text("alice", "from the system"), "sender_type", "system")).want(t, 201)
		alice.delete(t, "/v1/blocks/bob").want(t, 204)
		bob.post(t, "/v1/messages", with(hi, "client_msg_id", "c1")).want(t, 201)
		want := []string{"before", "from alice", "to all", "from carol", "from the business", "from the system", "hi"}
		if diff := cmp.Diff(want, texts(t, alice.sync(t, "").Items)); diff != "" {
			t.Errorf("alice's log (-want +got):\n%s", diff)
		}
	})
}

func TestBlocks_HoldOnStreams(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		app := gimtest.App{Caller: g.Caller(), ID: a.id, Key: a.key}
		signals := make(chan string, 10)
		aliceToken, _ := app.Token(t, "alice")
		alice := runStream(t, client.StreamOptions{Address: g.URL, Token: always(aliceToken), Handler: client.Handler{
			Signal: func(_ context.Context, s *wire.PushedSignal) { signals <- s.GetKind() },
		}})
		if _, err := alice.Watch(t.Context(), []string{"bob"}, nil); err != nil { // alice is connected
			t.Fatal(err)
		}
		for _, address := range []string{g.URL, g.TCPURL} {
			token, _ := app.Token(t, "bob")
			bob := runStream(t, client.StreamOptions{Address: address, Token: always(token)})
			to := &wire.Target{UserId: "alice"}
			send := func(persist bool) error {
				_, err := bob.Send(t.Context(), &wire.Send{To: to, Type: "text", Content: []byte(`{"text":"hi"}`), Persist: proto.Bool(persist)})
				return err
			}
			signal := func(kind string) error { return bob.Signal(t.Context(), &wire.Signal{To: to, Kind: kind}) }
			a.as("alice").put(t, "/v1/blocks/bob", nil).want(t, 201)
			before := a.as("alice").sync(t, "").HeadSeq
			for _, err := range []error{send(true), send(false), signal("hidden")} {
				if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "blocked" || refused.Retryable {
					t.Errorf("got %v, want blocked", err)
				}
			}
			for _, user := range []string{"alice", "bob"} {
				if head := a.as(user).sync(t, "").HeadSeq; head != before {
					t.Errorf("the log of %s ends at %d, was %d", user, head, before)
				}
			}
			if err := alice.Signal(t.Context(), &wire.Signal{To: &wire.Target{UserId: "bob"}, Kind: "typing"}); err != nil {
				t.Errorf("who blocks may not signal: %v", err)
			}
			a.as("alice").delete(t, "/v1/blocks/bob").want(t, 204)
			if err := errors.Join(send(true), send(false), signal("typing")); err != nil {
				t.Error(err)
			}
			select {
			case kind := <-signals:
				if kind != "typing" {
					t.Errorf("alice got the signal %q", kind)
				}
			case <-time.After(patience):
				t.Fatal("the signal did not come")
			}
		}
	})
}

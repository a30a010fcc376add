package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// verifier is a program that keeps digests of what it is handed.
type verifier struct {
	*running
	rest client.ClientWithResponsesInterface
	kept *kept

	mu      sync.Mutex // guards digests
	digests []*client.Digest
}

// verify begins a stream of a user that digests its log and conversations.
func (a app) verify(t *testing.T, user string, conversations ...string) *verifier {
	t.Helper()
	app := gimtest.App{Caller: a.gim.Caller(), ID: a.id, Key: a.key}
	token, _ := app.Token(t, user)
	v := &verifier{kept: newKept(t), rest: app.Client(t, token, ""), digests: []*client.Digest{{}}}
	for _, id := range conversations {
		v.digests = append(v.digests, &client.Digest{Conversation: id})
	}
	v.running = runStream(t, client.StreamOptions{
		Address: a.gim.URL, Token: always(token), Cursor: &client.Cursor{},
		Handler: client.Handler{Messages: func(ctx context.Context, page []*wire.Message) error {
			v.mu.Lock()
			for _, d := range v.digests {
				d.Add(page...)
				d.Add(page[0]) // what a program is handed again after a crash changes nothing
			}
			v.mu.Unlock()
			return v.kept.store(ctx, page)
		}},
	})
	return v
}

// agrees compares all digests with the server's.
func (v *verifier) agrees(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range v.digests {
		if err := d.Verify(t.Context(), v.rest); err != nil || d.Seq == 0 {
			t.Errorf("%q up to %d: %v", d.Conversation, d.Seq, err)
		}
	}
}

// Client and server agree over all transports, reconnects and repeats, whoever sent, and
// whatever became of the messages since.
func TestDigest_ClientAndServerAgree(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		v := a.verify(t, "bob", "user:alice", "group:team", "group:news", "business")
		before, own := int64(2), int64(0) // the beginnings of the groups
		for _, address := range []string{g.TCPURL, g.URL, g.TCPURL} {
			var last client.SentMessage
			for i := range 10 {
				a.as("alice").post(t, "/v1/messages", with(text("bob", fmt.Sprint(i)), "client_msg_id", fmt.Sprint(address, i, own, "\n"))).want(t, 201)
				last = read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", groupText("team", fmt.Sprint(i))).want(t, 201))
				a.as("alice").post(t, "/v1/messages", groupText("news", fmt.Sprint(i))).want(t, 201)
				a.back().post(t, "/v1/messages", text("bob", "from us")).want(t, 201)
				for _, to := range []*wire.Target{{UserId: "alice"}, {GroupId: "team"}, {GroupId: "news"}} {
					if _, err := v.Send(t.Context(), &wire.Send{To: to, Type: "text", Content: []byte(`{"text": "mine"}`)}); err != nil {
						t.Fatal(err)
					}
				}
				own++
			}
			a.as("alice").do(t, "PATCH", "/v1/messages/"+last.MessageId, object{"content": object{"text": "other"}}).want(t, 200)
			a.as("alice").post(t, "/v1/messages/"+last.MessageId+"/recall", nil).want(t, 200)
			before += 5*10 + 2
			v.kept.until(before)
			v.agrees(t)
			v.SwitchTo(address)
		}
		// Who comes now reads what is edited and recalled, and has the same.
		late := a.verify(t, "bob", "user:alice", "group:team", "business")
		late.kept.until(before)
		late.agrees(t)
	})
}

// What is changed behind gim's back is noticed, by who had it and by who gets it.
func TestDigest_TellsThatALogWasTamperedWith(t *testing.T) {
	const place = `app_id = (SELECT id FROM apps WHERE app_id = ?) AND seq = 3`
	tests := map[string]struct {
		statement    string
		inLog, inOne bool // what differs
	}{
		"nothing":     {`UPDATE messages SET status = status WHERE ` + place, false, false},
		"the sender":  {`UPDATE messages SET sender_id = 'mallory' WHERE ` + place, true, true},
		"the time":    {`UPDATE messages SET sent_at = sent_at + 1 WHERE ` + place, true, true},
		"the type":    {`UPDATE messages SET type = 'custom' WHERE ` + place, true, true},
		"the id":      {`UPDATE messages SET client_msg_id = 'x' WHERE ` + place, true, true},
		"the message": {`DELETE FROM messages WHERE ` + place, true, true},
		"its entry": {`DELETE FROM user_log WHERE app_id = (SELECT id FROM apps WHERE app_id = ?) AND seq = 3
			AND user_id = (SELECT id FROM users WHERE app_id = user_log.app_id AND user_id = 'bob')`, true, false},
		"another for it": {`UPDATE user_log SET conversation_seq = 2 WHERE app_id = (SELECT id FROM apps WHERE app_id = ?) AND seq = 3
			AND user_id = (SELECT id FROM users WHERE app_id = user_log.app_id AND user_id = 'bob')`, true, false},
	}
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		db := openDatabase(t, g)
		for what, tt := range tests {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				a := newApp(t, g, "alice", "bob")
				v := a.verify(t, "bob", "user:alice")
				for i := range 5 {
					a.as("alice").post(t, "/v1/messages", text("bob", fmt.Sprint("m", i+1))).want(t, 201)
				}
				v.kept.until(5)
				v.agrees(t)
				if _, err := db.ExecContext(t.Context(), tt.statement, a.id); err != nil {
					t.Fatal(err)
				}
				v.mu.Lock()
				defer v.mu.Unlock()
				for i, differs := range []bool{tt.inLog, tt.inOne} {
					err := v.digests[i].Verify(t.Context(), v.rest)
					if _, noticed := errors.AsType[*client.MismatchError](err); noticed != differs || !differs && err != nil {
						t.Errorf("%q: %v", v.digests[i].Conversation, err)
					}
				}
				if tt.inLog {
					return
				}
				// The server has lost what it had acknowledged.
				if _, err := db.ExecContext(t.Context(), `UPDATE user_heads SET head_seq = 4 WHERE app_id = (SELECT id FROM apps WHERE app_id = ?)`, a.id); err != nil {
					t.Fatal(err)
				}
				refused, _ := errors.AsType[*client.Error](v.digests[0].Verify(t.Context(), v.rest))
				if refused == nil || refused.Code != "resync_required" {
					t.Errorf("a log that is cut off: %v", refused)
				}
			})
		}
	})
}

// openDatabase opens the database of a gim beside it.
func openDatabase(t *testing.T, g *gimtest.Gim) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+filepath.Join(g.Config.DataDir, "gim.db")+"?_pragma=busy_timeout(10000)"
	if dsn := g.Config.MySQLDSN.Reveal(); dsn != "" {
		driver, name = "mysql", dsn
	}
	db, err := sql.Open(driver, name) // the drivers are those of gim, which runs in this process
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // nothing is lost
	return db
}

func TestDigest_RefusesLikeASync(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice")
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
		alice := a.as("alice")
		none := read[client.LogDigest](t, alice.get(t, "/v1/sync/digest?upto=0").want(t, 200))
		if none.Seq != 0 || none.Digest != fmt.Sprintf("%064d", 0) || none.Epoch == nil {
			t.Errorf("digest of nothing is %+v", none)
		}
		head := read[client.LogDigest](t, alice.get(t, "/v1/sync/digest").want(t, 200))
		if head.Seq != 2 {
			t.Errorf("digest up to the head is %+v", head)
		}
		alice.get(t, "/v1/sync/digest?upto=2&epoch="+*head.Epoch).want(t, 200)
		alice.get(t, "/v1/sync/digest?upto=2&epoch=stale").refused(t, 409, "resync_required")
		alice.get(t, "/v1/sync/digest?upto=3").refused(t, 409, "resync_required")
		alice.get(t, "/v1/conversations/user:bob/digest?upto=2").refused(t, 409, "resync_required")
		a.back().get(t, "/v1/sync/digest").refused(t, 403, "forbidden")
		a.as("carol").get(t, "/v1/conversations/group:team/digest").refused(t, 403, "not_in_group")
		for _, query := range []string{"upto=-1", "upto=x", "upto=1&upto=1", "upto=9223372036854775808", "from=1"} {
			alice.get(t, "/v1/sync/digest?"+query).refused(t, 400, "bad_request")
			alice.get(t, "/v1/conversations/user:bob/digest?"+query).refused(t, 400, "bad_request")
		}
		other := newApp(t, g, "alice")
		for _, id := range []string{"group:team", "user:bob"} {
			code := other.as("alice").get(t, "/v1/conversations/"+id+"/messages").code()
			if got := other.as("alice").get(t, "/v1/conversations/"+id+"/digest").code(); got != code {
				t.Errorf("%s of another app is %s, in a history %s", id, got, code)
			}
		}
	})
}

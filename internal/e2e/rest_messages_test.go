package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// history reads a page of a conversation.
func (c caller) history(t *testing.T, conversation, query string) client.MessagePage {
	t.Helper()
	return read[client.MessagePage](t, c.get(t, "/v1/conversations/"+conversation+"/messages?"+query).want(t, 200))
}

func TestMessages_OfEveryTypeComeBackExactly(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		contents := []struct{ kind, content string }{
			{"text", `{"text":"hi"}`},
			{"text", `{"text":"4 bytes: 😀𝕏𠜎, combining: é, RTL: שלום, not normalised: é"}`},
			{"text", `{"text":"escaped: \"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 <script>&amp;\u2028"}`},
			{"face", `{"face_id":"smile","url":"https://a.example/s.png?x=1&y=2"}`},
			{"voice", `{"id":"v1","size":12345,"duration":1.50,"url":"https://a.example/v"}`},
			{"image", `{"id":"i1","url":"https://a.example/i","width":640,"height":480,"thumbnail_url":"t/i.png"}`},
			{"file", `{"id":"f1","name":"größe.pdf","size":9007199254740993,"url":"https://a.example/f"}`},
			{"location", `{"desc":"here","latitude":-33.8688197,"longitude":151.2092955}`},
			{"command", `{"code":1000,"data":{"any":[null,true,1e3,""]}}`},
			{"command", `{"code":2147483647}`},
			{"custom", `{}`},
			{"custom", `{"n":12345678901234567890.123456789,"":{"a":null},"Z":1,"a":[[],{}],"😀":"key"}`},
		}
		for i, c := range contents {
			body := fmt.Sprintf(`{"to":{"user_id":"bob"},"type":%q,"content": %s ,"client_msg_id":"c%d"}`, c.kind, c.content, i)
			got := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", body).want(t, 201))
			if got.ConversationSeq != int64(i)+1 || *got.Seq != int64(i)+1 || got.ConversationId != "user:bob" {
				t.Errorf("%s: receipt %+v", c.content, got)
			}
		}
		for name, page := range map[string][]client.Message{
			"alice's log": a.as("alice").sync(t, "").Items, "bob's log": a.as("bob").sync(t, "").Items,
			"alice's history": a.as("alice").history(t, "user:bob", "").Items, "bob's history": a.as("bob").history(t, "user:alice", "").Items,
		} {
			if len(page) != len(contents) {
				t.Fatalf("%s has %d messages", name, len(page))
			}
			for i, m := range page {
				if m.Type != contents[i].kind || string(m.Content) != contents[i].content || *m.ClientMsgId != fmt.Sprint("c", i) {
					t.Errorf("%s: message %d is %s %s, want %s", name, i, m.Type, m.Content, contents[i].content)
				}
			}
		}
	})
}

func TestMessages_AreTheSameForAllButForTheReadersPlace(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "bob", "alice", "carol")
		alice, device := a.onDevice(t, "alice")
		a.as("carol").post(t, "/v1/messages", text("bob", "before")).want(t, 201) // the logs are not alike
		for _, tt := range []struct {
			name       string
			by         caller
			body       object
			sender     string
			receiver   string
			names      map[string]string // conversation by reader
			senderName string
			seq        int64
		}{
			{"to a user", alice, text("bob", "x"), `{"type":"user","user_id":"alice","device_id":"` + device + `"}`, "bob", map[string]string{"alice": "user:bob", "bob": "user:alice"}, "user:bob", 2},
			{"for a user", a.as("alice"), text("bob", "x"), `{"type":"user","user_id":"alice"}`, "bob", map[string]string{"alice": "user:bob", "bob": "user:alice"}, "user:bob", 3},
			{"to oneself", a.as("alice"), text("alice", "x"), `{"type":"user","user_id":"alice"}`, "alice", map[string]string{"alice": "user:alice"}, "user:alice", 4},
			{"to a group", a.as("alice"), groupText("team", "x"), `{"type":"user","user_id":"alice"}`, "", map[string]string{"alice": "group:team", "bob": "group:team", "carol": "group:team"}, "group:team", 5},
			{"by the business", a.back(), text("bob", "x"), `{"type":"business"}`, "bob", map[string]string{"bob": "business"}, "user:bob", 0},
			{"by the business, named", a.back(), with(text("bob", "x"), "sender_type", "business"), `{"type":"business"}`, "bob", map[string]string{"bob": "business"}, "user:bob", 0},
			{"by the system", a.back(), with(text("bob", "x"), "sender_type", "system"), `{"type":"system"}`, "bob", map[string]string{"bob": "business"}, "user:bob", 0},
			{"by the business to a group", a.back(), groupText("team", "x"), `{"type":"business"}`, "", map[string]string{"alice": "group:team", "bob": "group:team", "carol": "group:team"}, "group:team", 0},
			{"by the system to a group", a.back(), with(groupText("team", "x"), "sender_type", "system"), `{"type":"system"}`, "", map[string]string{"alice": "group:team", "bob": "group:team", "carol": "group:team"}, "group:team", 0},
		} {
			sent := tt.by.post(t, "/v1/messages", tt.body).want(t, 201)
			receipt := read[client.SentMessage](t, sent)
			seq := int64(0)
			if receipt.Seq != nil {
				seq = *receipt.Seq
			}
			if receipt.ConversationId != tt.senderName || seq != tt.seq {
				t.Errorf("%s: receipt %s", tt.name, sent.body)
			}
			for user, conversation := range tt.names {
				page := a.as(user).sync(t, "")
				m := page.Items[len(page.Items)-1]
				from := marshal(t, m.Sender)
				if m.MessageId != receipt.MessageId || m.ConversationId != conversation || m.ConversationSeq != receipt.ConversationSeq ||
					!m.SentAt.Equal(receipt.SentAt) || m.Seq != page.HeadSeq || m.Status != "normal" || len(m.Mentions) != 0 || m.ClientMsgId != nil ||
					!sameJSON(t, from, []byte(tt.sender)) || (tt.receiver != "" && *m.To.UserId != tt.receiver) || (tt.receiver == "" && *m.To.GroupId != "team") {
					t.Errorf("%s: %s reads %+v from %s, receipt %s", tt.name, user, m, from, sent.body)
				}
				// The history says the same under the same name, without a place in the log.
				past := a.as(user).history(t, conversation, "limit=1").Items
				m.Seq = 0
				if diff := cmp.Diff([]client.Message{m}, past); diff != "" {
					t.Errorf("%s: history of %s (-log +history):\n%s", tt.name, user, diff)
				}
			}
		}
		// The business reads its own conversation with bob by bob's name, and any group.
		if got := a.back().history(t, "user:bob", ""); len(got.Items) != 3 || got.Items[0].ConversationId != "user:bob" {
			t.Errorf("the business's history with bob: %+v", got)
		}
		if got := a.back().history(t, "group:team", "after=1"); len(got.Items) != 3 || got.Items[0].ConversationId != "group:team" {
			t.Errorf("the business's view of the group: %+v", got)
		}
	})
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return cmp.Equal(read[object](t, answer{body: a}), read[object](t, answer{body: b}))
}

func TestMessages_CarryTheirMentions(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "alice", "bob")
		hundred := make([]string, 100)
		for i := range hundred {
			hundred[i] = fmt.Sprintf("u%03d-%s", i, strings.Repeat("x", 59))
		}
		all := [][]string{{"bob"}, {"@all"}, {"bob", "alice", "@all.but"}, hundred, {}}
		for _, mentions := range all {
			a.as("alice").post(t, "/v1/messages", with(groupText("team", "hi"), "mentions", mentions)).want(t, 201)
		}
		for i, m := range a.as("bob").sync(t, "&after=1").Items { // the group's beginning comes before
			if diff := cmp.Diff(all[i], m.Mentions); diff != "" {
				t.Errorf("message %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

func TestMessages_ClientMsgIDMakesASendHappenOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob", "carol")
		a.newGroup(t, "team", "alice", "bob")
		hi := with(text("bob", "hi"), "client_msg_id", "c1 😀"+strings.Repeat("é", 60))
		first := a.as("alice").post(t, "/v1/messages", hi).want(t, 201)
		users := []string{"alice", "bob", "carol"}
		a.changesNothing(t, users, []string{"team"}, func() {
			again := a.as("alice").post(t, "/v1/messages", hi).want(t, 200)
			if string(again.body) != string(first.body) {
				t.Errorf("first %s, again %s", first.body, again.body)
			}
			// White space, and saying the default, make no other send.
			a.as("alice").post(t, "/v1/messages", " "+string(marshal(t, with(hi, "persist", true)))).want(t, 200)
			for name, other := range map[string]object{
				"text": with(hi, "content", object{"text": "ho"}), "type": with(hi, "type", "custom"), "receiver": with(hi, "to", object{"user_id": "carol"}),
				"group": with(hi, "to", object{"group_id": "team"}), "mentions": with(hi, "mentions", []string{"bob"}),
			} {
				if got := a.as("alice").post(t, "/v1/messages", other); got.status != 422 || got.code() != "idempotency_conflict" {
					t.Errorf("another %s: status %d %s", name, got.status, got.body)
				}
			}
		})
		// It is each sender's own, and whoever the client is.
		alice, _ := a.onDevice(t, "alice")
		alice.post(t, "/v1/messages", hi).want(t, 200)
		a.as("bob").post(t, "/v1/messages", with(hi, "to", object{"user_id": "alice"})).want(t, 201)
		a.back().post(t, "/v1/messages", hi).want(t, 201)
		a.back().post(t, "/v1/messages", with(hi, "sender_type", "system")).refused(t, 422, "idempotency_conflict")
		// What was refused is no first send.
		a.as("alice").post(t, "/v1/messages", with(text("ghost", "hi"), "client_msg_id", "c2")).refused(t, 404, "user_not_found")
		a.newUsers(t, "ghost")
		a.as("alice").post(t, "/v1/messages", with(text("ghost", "hi"), "client_msg_id", "c2")).want(t, 201)
	})
}

func TestMessages_FiftyTwinsAreOneMessage(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		hi := with(text("bob", "hi"), "client_msg_id", "twin")
		all := together(50, func(int) answer { return a.as("alice").post(t, "/v1/messages", hi) })
		count := map[int]int{}
		for _, got := range all {
			count[got.status]++
			if string(got.body) != string(all[0].body) {
				t.Errorf("twins differ: %s%s", got.body, all[0].body)
			}
		}
		if count[201] != 1 || count[200] != 49 {
			t.Errorf("statuses %v, want one 201 and 49 times 200", count)
		}
		for _, user := range []string{"alice", "bob"} {
			if got := a.as(user).sync(t, ""); len(got.Items) != 1 || got.HeadSeq != 1 {
				t.Errorf("%s has %+v", user, got)
			}
		}
	})
}

func TestMessages_ThatAreNotPersistedLeaveNoTrace(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.newGroup(t, "team", "alice", "bob")
		a.changesNothing(t, []string{"alice", "bob"}, []string{"team"}, func() {
			for _, body := range []object{text("bob", "typing"), groupText("team", "typing"), with(text("bob", "typing"), "client_msg_id", "c1")} {
				for _, by := range []caller{a.as("alice"), a.back()} {
					got := by.post(t, "/v1/messages", with(body, "persist", false)).want(t, 202)
					var shown map[string]json.RawMessage
					if err := json.Unmarshal(got.body, &shown); err != nil || len(shown) != 3 || string(shown["durable"]) != "false" {
						t.Errorf("answer %s", got.body)
					}
				}
			}
		})
		a.as("alice").post(t, "/v1/messages", with(text("bob", "hi"), "client_msg_id", "c1")).want(t, 201)
	})
}

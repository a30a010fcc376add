package script_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat/script"
)

// untilFound waits until a message is in the index, which is a moment after it was
// sent.
func untilFound(t *testing.T, rest *client.ClientWithResponses, query string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		answer, err := rest.SearchMessagesWithResponse(t.Context(), &client.SearchMessagesParams{Q: query})
		switch err := client.Check(answer, err); {
		case err != nil:
			t.Fatal(err)
		case len(answer.JSON200.Items) > 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("%q is not found", query)
		}
	}
}

func TestScript_ReactsRepliesAndSearches(t *testing.T) {
	t.Parallel()
	g := demoGim(t)
	app := g.DemoApp(t)
	lunch, gone := app.SendText(t, "bob", "alice", "lunch?", ""), app.SendText(t, "bob", "alice", "a slip", "")
	if answer, err := app.For(t, "alice").DeleteMessageWithResponse(t.Context(), gone.MessageId, nil); client.Check(answer, err) != nil {
		t.Fatal(client.Check(answer, err))
	}
	untilFound(t, app.For(t, "alice"), "lunch")
	of := `"message_id":"` + lunch.MessageId + `","reaction":"👍"`
	r := &run{g: g, user: "alice", o: script.Options{JSON: true}, in: strings.NewReader(`{"id":1,"react":{` + of + `}}
{"id":2,"unreact":{` + of + `}}
{"id":3,"unreact":{` + of + `}}
{"id":4,"send":{"to":{"user_id":"bob"},"type":"text","content":{"text":"gladly"},"reply_to":"` + lunch.MessageId + `"}}
{"id":5,"search":{"q":"LUNCH","conversation_id":"user:bob"}}
`)}
	if err := r.do(t.Context(), t); !errors.Is(err, script.ErrRefused) {
		t.Errorf("%v, want %v", err, script.ErrRefused)
	}
	want := []string{`["reacted",1,1]`, `["unreacted",2,2]`, `["refused",3,3]`, `["sent",4,4]`, `["found",5,5]`}
	if diff := cmp.Diff(want, r.kinds(t)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, &r.out)
	}
	for _, part := range []string{`"code":"reaction_not_found"`, `"id":5,"items":[{`, `"message_id":"` + lunch.MessageId + `"`, `"next_cursor":null}`} {
		if !strings.Contains(r.out.String(), part) {
			t.Errorf("%s was not printed:\n%s", part, &r.out)
		}
	}
	plain := &run{g: g, user: "alice", o: script.Options{All: true}, in: strings.NewReader("")}
	if err := plain.do(t.Context(), t); err != nil {
		t.Error(err)
	}
	for _, part := range []string{
		"alice: [answers message 1] gladly\n", "bob: [alice reacted with 👍, message 1]\n", "bob: [alice took back 👍, message 1]\n",
		"system: [message 2 of user:bob was deleted here]\n",
	} {
		if !strings.Contains(plain.out.String(), part) {
			t.Errorf("%q was not printed:\n%s", part, &plain.out)
		}
	}
}

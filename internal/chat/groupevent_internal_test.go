package chat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// unconnected is a session whose REST API is that handler, without a connection.
func unconnected(t *testing.T, rest http.Handler) *Session {
	t.Helper()
	web := httptest.NewServer(rest)
	t.Cleanup(web.Close)
	token := func(context.Context) (string, error) { return "token", nil }
	api, err := newAPI(web.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := client.NewStream(client.StreamOptions{
		Address: "tcp://127.0.0.1:1", Token: token, Handler: client.Handler{Messages: func(context.Context, []*wire.Message) error { return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{
		o: Options{Now: time.Now}, model: NewModel("alice"), stream: stream, api: api, store: &store{}, state: &State{}, events: make(chan Event, 64),
		watched: make(map[string]bool), reading: make(map[string]bool), members: make(map[string][]string), changes: make(map[string]int),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	t.Cleanup(func() {
		s.stop()
		s.work.Wait()
	})
	return s
}

// teamEvent is an entry that the server writes into the group team.
func teamEvent(seq int64, content string) *wire.Message {
	return &wire.Message{
		Seq: seq, ConversationId: "group:team", MessageId: fmt.Sprint(seq), ConversationSeq: seq, Sender: &wire.Sender{Type: "system"},
		Type: "command", Content: []byte(content), SentAt: noon.UnixMilli(),
	}
}

func (s *Session) arrive(t *testing.T, page ...*wire.Message) {
	t.Helper()
	if err := s.Take(Arrived{Page: page, done: make(chan error, 1)}); err != nil {
		t.Fatal(err)
	}
}

func TestSession_MembersFollowTheEvents(t *testing.T) {
	t.Parallel()
	s := unconnected(t, http.NotFoundHandler())
	s.arrive(t, teamEvent(1, `{"code":102,"data":{"user_ids":["carol"]}}`))
	if got := s.Members("team"); got != nil {
		t.Errorf("the members are %v, and nobody has read them", got)
	}
	s.members["team"] = []string{"alice", "bob"}
	for i, step := range []struct {
		content string
		want    []string
	}{
		{`{"code":102,"data":{"by":"bob","user_ids":["carol","dave","bob"]}}`, []string{"alice", "bob", "carol", "dave"}},
		{`{"code":103,"data":{"user_id":"carol"}}`, []string{"alice", "bob", "dave"}},
		{`{"code":999,"data":{"user_id":"bob"}}`, []string{"alice", "bob", "dave"}},
		{`{"code":105,"data":{"members":[{"user_id":"bob","role":"admin"}]}}`, []string{"alice", "bob", "dave"}},
		{`{"code":104,"data":{"by":"alice","user_id":"dave"}}`, []string{"alice", "bob"}},
		{`{"code":107,"data":{}}`, nil},
	} {
		s.arrive(t, teamEvent(int64(i+2), step.content))
		if diff := cmp.Diff(step.want, s.Members("team")); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.content, diff)
		}
	}
	if !s.watched["carol"] || s.watched["alice"] {
		t.Errorf("watched are %v, want those who were added", s.watched)
	}
}

func TestSession_MembersOfALargeGroupAreTheFirstOnes(t *testing.T) {
	t.Parallel()
	many := make([]string, membersShown)
	e := groupEvent{Code: membersJoined}
	e.Data.Users = []string{"one", "more"}
	if got := membersAfter(many, &e); len(got) != membersShown {
		t.Errorf("%d members are shown, want %d", len(got), membersShown)
	}
}

// TestSession_ReadsAGroupAgainThatChangedMeanwhile has an event come between the
// answer of the server and its arrival in the model.
func TestSession_ReadsAGroupAgainThatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	answers := make(chan string, 4)
	rest := http.NewServeMux()
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(<-answers))
	}
	rest.HandleFunc("GET /v1/groups/team", answer)
	rest.HandleFunc("GET /v1/groups/team/members", answer)
	s := unconnected(t, rest)
	answers <- `{"group_id":"team","name":"Old"}`
	answers <- `{"items":[{"user_id":"alice"}]}`
	s.Look("group:team")
	old := <-s.Events()
	s.arrive(t, teamEvent(1, `{"code":101,"data":{"name":"New"}}`), teamEvent(2, `{"code":102,"data":{"by":"alice","user_ids":["carol"]}}`))
	answers <- `{"group_id":"team","name":"New"}`
	answers <- `{"items":[{"user_id":"alice"},{"user_id":"carol"}]}`
	if err := s.Take(old); err != nil {
		t.Fatal(err)
	}
	select {
	case event := <-s.Events():
		if err := s.Take(event); err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the group is not read again")
	}
	if diff := cmp.Diff([]string{"alice", "carol"}, s.Members("team")); diff != "" || s.Model().Conversation("group:team").Name != "New" {
		t.Errorf("called %q, members (-want +got):\n%s", s.Model().Conversation("group:team").Name, diff)
	}
}

func TestState_KeepsTheLastMessageThatShowsAnything(t *testing.T) {
	t.Parallel()
	m := NewModel("alice")
	said := teamEvent(1, `{"text":"hi"}`)
	said.Type, said.Sender = "text", &wire.Sender{Type: "user", UserId: "bob"}
	m.Received([]*wire.Message{said, teamEvent(2, `{"code":999}`), teamEvent(3, `{"code":998}`)})
	nothing := teamEvent(9, `{"code":999}`)
	nothing.ConversationId = "group:other"
	m.Received([]*wire.Message{nothing})
	m.MarkRead("group:team")
	var state State
	m.save(&state)
	back := NewModel("alice")
	back.restore(&state, noon)
	c := back.Conversation("group:team")
	if last, ok := c.Last(); !ok || last.Text() != "hi" || c.ReadSeq != 3 {
		t.Errorf("the last is %q, %v, read to %d; want hi, read to 3", last.Text(), ok, c.ReadSeq)
	}
	if c := back.Conversation("group:other"); c == nil || c.Oldest() != 9 {
		t.Errorf("a conversation with nothing to show: %+v", c)
	}
}

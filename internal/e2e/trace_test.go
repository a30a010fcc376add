package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// onTracingPairs is onPairs with all times kept.
func onTracingPairs(t *testing.T, test func(t *testing.T, a, b *gimtest.Gim)) {
	t.Helper()
	t.Parallel()
	o := gimtest.Options{Configure: func(c *config.Config) { unlimited(c); c.Trace.Trace = "all" }}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		g := gimtest.Start(t, o)
		test(t, g, g)
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		a, b := gimtest.StartPair(t, o)
		test(t, a, b)
	})
}

// trace reads the way of a message until holds is true of it: times are kept right
// after the writing, and nodes find one another when they like.
func (c caller) trace(t *testing.T, id string, holds func(client.MessageTrace) bool) client.MessageTrace {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		trace := read[client.MessageTrace](t, c.get(t, "/v1/messages/"+id+"/trace").want(t, 200))
		if holds(trace) {
			return trace
		}
		if time.Now().After(deadline) {
			t.Fatalf("the trace stays %s", marshal(t, trace))
		}
	}
}

func written(n int) func(client.MessageTrace) bool {
	return func(trace client.MessageTrace) bool { return trace.PushTimes == "complete" && trace.WrittenCount == n }
}

// says puts a step into words.
func says(s client.TraceStep) string {
	words := []string{s.UserId, string(s.Reached)}
	for _, r := range s.Reasons {
		words = append(words, string(r))
	}
	for _, d := range s.Devices {
		for _, w := range d.Writes {
			words = append(words, w.Transport)
		}
		if d.Acked {
			words = append(words, "ack")
		}
	}
	return strings.Join(words, " ")
}

func wantSteps(t *testing.T, trace client.MessageTrace, want ...string) {
	t.Helper()
	got := []string{}
	for _, s := range trace.Items {
		got = append(got, says(s))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrace_OfAMessageToTwoDevicesOnTwoNodes(t *testing.T) {
	onTracingPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "alice", "bob")
		app := gimtest.App{Caller: g1.Caller(), ID: a.id, Key: a.key}
		_, off := a.onDevice(t, "bob")
		alice := a.as("alice")
		token, _ := app.Token(t, "bob")
		runStream(t, client.StreamOptions{Address: g2.TCPURL, Token: always(token), Handler: client.Handler{}})
		web := talkTo(t, g1.URL, app, "bob")
		a.waitOnline(t, "bob", 2)
		// A node that has only just come to know the others does not know all.
		probe := read[client.SentMessage](t, alice.post(t, "/v1/messages", text("bob", "first")).want(t, 201))
		alice.trace(t, probe.MessageId, written(2))

		sent := read[client.SentMessage](t, alice.post(t, "/v1/messages", text("bob", "hi")).want(t, 201))
		if m := web.message(); m.GetSeq() != 1 {
			t.Fatalf("got %v", m)
		}
		trace := alice.on(g2).trace(t, sent.MessageId, written(2))
		wantSteps(t, trace, "alice sent", "bob written "+transportsOf(trace))
		if trace.PublishedAt == nil || trace.PublishedAt.Before(trace.AcceptedAt) || !trace.Committed {
			t.Errorf("%s", marshal(t, trace))
		}
		for _, s := range trace.Items {
			if s.UserId != "bob" {
				continue
			}
			if *s.Seq != 2 || len(s.Devices) != 3 {
				t.Errorf("%s", marshal(t, s))
			}
			for _, d := range s.Devices {
				if (d.DeviceId == off) != (len(d.Writes) == 0) {
					t.Errorf("%s", marshal(t, d))
				}
				for _, w := range d.Writes {
					if w.WrittenAt.Before(trace.AcceptedAt) || w.WrittenAt.After(time.Now()) {
						t.Errorf("written at %s, accepted at %s", w.WrittenAt, trace.AcceptedAt)
					}
				}
			}
		}
		if transports := transportsOf(trace); transports != "tcp websocket" && transports != "websocket tcp" {
			t.Errorf("over %s", transports)
		}
		if f := web.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ack{Ack: &wire.Ack{Seq: 2}}}); f.GetAcked().GetSeq() != 2 {
			t.Fatalf("acked with %v", f)
		}
		acked := a.back().trace(t, sent.MessageId, func(trace client.MessageTrace) bool {
			return slices.ContainsFunc(trace.Items, func(s client.TraceStep) bool { return s.UserId == "bob" && s.Reached == "acked" })
		})
		if acked.ReceiverCount != 2 {
			t.Errorf("%s", marshal(t, acked))
		}

		path := "/v1/messages/" + sent.MessageId + "/trace"
		a.as("bob").get(t, path).refused(t, 404, "message_not_found")
		newApp(t, g1).back().get(t, path).refused(t, 404, "message_not_found")
		there := string(domain.NewMessageID(time.Now(), domain.MessageID(sent.MessageId).Conversation(), 99))
		alice.get(t, "/v1/messages/"+there+"/trace").refused(t, 404, "message_not_found")
		alice.get(t, "/v1/messages/nonsense/trace").refused(t, 400, "bad_request")
	})
}

// transportsOf are those that a message was written over, in the order of devices.
func transportsOf(trace client.MessageTrace) string {
	var all []string
	for _, s := range trace.Items {
		for _, d := range s.Devices {
			for _, w := range d.Writes {
				all = append(all, w.Transport)
			}
		}
	}
	return strings.Join(all, " ")
}

func (a app) waitOnline(t *testing.T, user string, devices int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		page := read[client.PresenceList](t, a.back().post(t, "/v1/presence/query", object{"user_ids": []string{user}}).want(t, 200))
		if p := page.Items[0]; len(p.Devices) == devices {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s", marshal(t, page))
		}
	}
}

func TestTrace_OfAGroupSaysWhyNot(t *testing.T) {
	onTracingPairs(t, func(t *testing.T, g1, _ *gimtest.Gim) {
		a := newApp(t, g1, "alice", "blocks", "muted", "on", "out")
		app := gimtest.App{Caller: g1.Caller(), ID: a.id, Key: a.key}
		a.newGroup(t, "team", "alice", "blocks", "muted", "on", "out")
		a.as("blocks").put(t, "/v1/blocks/alice", nil).want(t, 201)
		until := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
		a.back().do(t, "PATCH", "/v1/groups/team/members/muted", object{"mute_until": until}).want(t, 200)
		talkTo(t, g1.URL, app, "on")
		a.waitOnline(t, "on", 1)
		sent := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", groupText("team", "hi")).want(t, 201))
		trace := a.as("alice").trace(t, sent.MessageId, written(1))
		wantSteps(t, trace, "alice sent", "blocks stored offline blocked", "muted stored offline muted", "on written websocket", "out stored offline")
	})
}

func TestTrace_OfALargeGroupIsPaged(t *testing.T) {
	onTracingPairs(t, func(t *testing.T, g1, _ *gimtest.Gim) {
		users := []string{"alice"}
		for i := range 30 {
			users = append(users, fmt.Sprint("u", i))
		}
		a := newApp(t, g1, users...)
		app := gimtest.App{Caller: g1.Caller(), ID: a.id, Key: a.key}
		a.newLarge(t, "news", object{}, users...)
		u0 := talkTo(t, g1.URL, app, "u0")
		a.waitOnline(t, "u0", 1)
		sent := read[client.SentMessage](t, a.as("alice").post(t, "/v1/messages", groupText("news", "hi")).want(t, 201))
		trace := a.as("alice").trace(t, sent.MessageId, written(1))
		if trace.ReceiverCount != 31 || len(trace.Items) != 31 {
			t.Errorf("%d, %d", trace.ReceiverCount, len(trace.Items))
		}
		ack := &wire.Ack{GroupId: "news", ConversationSeq: sent.ConversationSeq}
		if f := u0.ask(&wire.ClientFrame{Body: &wire.ClientFrame_Ack{Ack: ack}}); f.GetAcked().GetConversationSeq() != sent.ConversationSeq {
			t.Fatalf("acked with %v", f)
		}
		var got []string
		for cursor := ""; ; {
			page := read[client.MessageTrace](t, a.back().get(t, "/v1/messages/"+sent.MessageId+"/trace?limit=7&cursor="+cursor).want(t, 200))
			for _, s := range page.Items {
				if s.UserId == "u0" && says(s) != "u0 acked websocket ack" || s.Seq != nil {
					t.Errorf("%s", marshal(t, s))
				}
				got = append(got, s.UserId)
			}
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
		}
		slices.Sort(got)
		if slices.Sort(users); !slices.Equal(got, users) {
			t.Errorf("got %q, want %q", got, users)
		}
	})
}

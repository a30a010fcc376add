package history

import (
	"slices"
	"testing"
)

// world is a history that a test may spoil before it is judged.
type world struct {
	*Recorder
	alice, bob, carol *Connection
	logs              map[string][]Entry
}

var team = Group("team")

func entry(seq int64, id, sender string, to Conversation, conversationSeq int64) Entry {
	return Entry{Seq: seq, MessageID: "m-" + id, ClientMsgID: id, Sender: sender, To: to, ConversationSeq: conversationSeq}
}

// good is a flawless history: alice sends a1 and a2 to bob, and t1 to the team
// of all three, on one lane.
func good() *world {
	w := &world{Recorder: New(), logs: make(map[string][]Entry)}
	pair := Single("bob", "alice")
	w.Converse(pair, "alice", "bob")
	w.Converse(team, "alice", "bob", "carol")
	for _, s := range []Send{{"a1", "alice", pair, 0}, {"a2", "alice", pair, 0}, {"t1", "alice", team, 0}} {
		w.Sends(s)
	}
	w.Acked("a1", Receipt{"m-a1", 1, 1})
	w.Acked("a2", Receipt{"m-a2", 2, 2})
	w.Acked("t1", Receipt{"m-t1", 1, 3})
	both := []Entry{entry(1, "a1", "alice", pair, 1), entry(2, "a2", "alice", pair, 2), entry(3, "t1", "alice", team, 1)}
	w.logs["alice"], w.logs["bob"] = both, slices.Clone(both)
	w.logs["carol"] = []Entry{entry(1, "t1", "alice", team, 1)}
	w.alice, w.bob = w.Connect("alice", "a", 0), w.Connect("bob", "b", 0)
	w.carol = w.Connect("carol", "c", 0)
	w.alice.entries, w.bob.entries = slices.Clone(both), slices.Clone(both)
	w.carol.entries = slices.Clone(w.logs["carol"])
	return w
}

func (w *world) check() []Problem {
	for user, entries := range w.logs {
		w.Log(user, entries)
	}
	return w.Check()
}

func TestCheck_FindsNothingWrongWithAGoodHistory(t *testing.T) {
	t.Parallel()
	w := good()
	w.Sends(Send{"x1", "carol", team, 0}) // never answered and not stored: that is allowed
	w.Sends(Send{"r1", "carol", team, 0})
	w.Refused("r1")
	again := w.Connect("bob", "b", 1) // a device that comes back gets what follows its cursor
	again.entries = slices.Clone(w.logs["bob"][1:])
	if got := w.check(); got != nil {
		t.Errorf("problems: %v", got)
	}
}

func TestCheck_RefusesAHistoryInWhichNothingHappened(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Recorder{
		"empty":       New(),
		"sent only":   func() *Recorder { r := New(); r.Sends(Send{"a", "alice", team, 0}); return r }(),
		"no log read": func() *Recorder { w := good(); return w.Recorder }(),
		"nobody got anything": func() *Recorder {
			w := good()
			w.connections = nil
			return w.Recorder
		}(),
	} {
		if got := r.Check(); !slices.ContainsFunc(got, func(p Problem) bool { return p.Kind == Nothing }) {
			t.Errorf("%s: problems %v, want one of the kind %q", name, got, Nothing)
		}
	}
}

func TestCheck_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	pair := Single("alice", "bob")
	tests := []struct {
		name  string
		want  Kind
		spoil func(w *world)
	}{
		{"an acknowledged message is in no log", Lost, func(w *world) {
			w.Sends(Send{"gone", "bob", pair, 0})
			w.Acked("gone", Receipt{"m-gone", 3, 4})
		}},
		{"a stored message never reached a device", Lost, func(w *world) { w.bob.entries = w.bob.entries[:2] }},
		{"a device without a single push", Lost, func(w *world) { w.Connect("carol", "second", 0) }},
		{"a push that is in no log", Lost, func(w *world) { w.logs["carol"] = nil }},
		{"one number twice on a connection", Doubled, func(w *world) {
			w.bob.entries = append(w.bob.entries, w.bob.entries[2])
		}},
		{"what the device said it had", Doubled, func(w *world) { w.bob.after = 1 }},
		{"two numbers for one client_msg_id", Doubled, func(w *world) {
			w.logs["carol"] = append(w.logs["carol"], entry(2, "t1", "alice", team, 2))
		}},
		{"two receipts for one client_msg_id", Doubled, func(w *world) { w.Acked("a1", Receipt{"m-other", 3, 4}) }},
		{"a number left out on a connection", Gap, func(w *world) {
			w.bob.entries = slices.Delete(w.bob.entries, 1, 2)
			w.Connect("bob", "b", 1).entries = w.logs["bob"][1:]
		}},
		{"a number left out of a log", Gap, func(w *world) { w.logs["carol"][0].Seq = 2 }},
		{"a number left out of a conversation", Gap, func(w *world) {
			for _, log := range w.logs {
				log[len(log)-1].ConversationSeq = 2
			}
		}},
		{"pushes not in order", Disorder, func(w *world) { slices.Reverse(w.bob.entries) }},
		{"a conversation not in order", Disorder, func(w *world) {
			log := w.logs["bob"]
			log[0].ConversationSeq, log[1].ConversationSeq = 2, 1
		}},
		{"a sender's messages not in order", Disorder, func(w *world) {
			for _, log := range [][]Entry{w.logs["alice"], w.logs["bob"]} {
				log[0], log[2] = log[2], log[0]
				log[0].Seq, log[2].Seq = 1, 3
			}
		}},
		{"a log with somebody else's message", Crossing, func(w *world) {
			w.logs["carol"] = append(w.logs["carol"], entry(2, "a1", "alice", pair, 1))
		}},
		{"a push of somebody else's message", Crossing, func(w *world) {
			w.carol.entries = append(w.carol.entries, entry(2, "a1", "alice", pair, 1))
		}},
		{"a message that only some have", Partial, func(w *world) { w.logs["carol"] = nil }},
		{"an unanswered message that only some have", Partial, func(w *world) {
			w.Sends(Send{"half", "alice", pair, 1})
			w.logs["bob"] = append(w.logs["bob"], entry(4, "half", "alice", pair, 3))
		}},
		{"a receipt with another number", Changed, func(w *world) { w.sends["a2"].receipt.Seq = 7 }},
		{"a push with another message than the log", Changed, func(w *world) { w.bob.entries[0].MessageID = "m-b" }},
		{"a number that is two messages", Changed, func(w *world) { w.logs["carol"][0].MessageID = "m-b" }},
		{"a message in another conversation", Changed, func(w *world) { w.logs["carol"][0].To = pair }},
		{"a refused message that is stored", Ghost, func(w *world) { w.Refused("a1") }},
		{"a message that nobody sent", Ghost, func(w *world) {
			w.logs["carol"] = append(w.logs["carol"], entry(2, "", "mallory", team, 2))
		}},
		{"an event twice in a log", Doubled, func(w *world) {
			w.logs["carol"] = append(w.logs["carol"], entry(2, "", "", team, 2), entry(3, "", "", team, 3))
		}},
		{"an event of a group of others", Crossing, func(w *world) {
			w.logs["carol"] = append(w.logs["carol"], entry(2, "", "", Group("theirs"), 1))
		}},
		{"one client_msg_id for two messages", Nothing, func(w *world) { w.Sends(Send{"a1", "bob", pair, 0}) }},
		{"a receipt for nothing", Nothing, func(w *world) { w.Acked("who", Receipt{}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := good()
			tt.spoil(w)
			if got := w.check(); !slices.ContainsFunc(got, func(p Problem) bool { return p.Kind == tt.want }) {
				t.Errorf("problems %v, want one of the kind %q", got, tt.want)
			}
		})
	}
}

package bench

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// seen is one thing that a witness is shown.
type seen struct {
	sender    int
	number    int64
	seq, conv int64
}

func TestWitness_JudgesHistories(t *testing.T) {
	t.Parallel()
	const sent = 3 // messages of each of two senders
	good := []seen{{0, 0, 1, 7}, {1, 0, 2, 8}, {0, 1, 3, 9}, {1, 1, 4, 10}, {0, 2, 5, 11}, {1, 2, 6, 12}}
	without := func(drop ...int) (h []seen) {
		for i, s := range good {
			if len(drop) > 0 && i == drop[0] {
				drop = drop[1:]
				continue
			}
			h = append(h, s)
		}
		return h
	}
	change := func(i int, s seen) []seen {
		h := without()
		h[i] = s
		return h
	}
	swapped := without()
	swapped[1], swapped[3] = swapped[3], swapped[1]
	tests := []struct {
		name    string
		history []seen
		want    Verdict
	}{
		{"as it should be", good, Verdict{}},
		{"nothing", nil, Verdict{Lost: 6}},
		{"one lost in the middle", without(2), Verdict{Lost: 1}},
		{"one lost at the end", without(5), Verdict{Lost: 1}},
		{"the last of one sender lost", without(4), Verdict{Lost: 1}},
		{"several lost", without(0, 3, 5), Verdict{Lost: 3}},
		{"one doubled at once", append(append([]seen{}, good[:2]...), good[1:]...), Verdict{Doubled: 1}},
		{"one doubled later", append(append([]seen{}, good...), good[0]), Verdict{Doubled: 1}},
		{"one doubled with an entry of its own", append(append([]seen{}, good...), seen{1, 2, 7, 13}), Verdict{Doubled: 1}},
		{"two of a sender in the wrong order", swapped, Verdict{Disorder: 2}},
		{"an entry left out", append(append([]seen{}, good[:5]...), seen{1, 2, 7, 12}), Verdict{Lost: 1}},
		{"a place left out", append(append([]seen{}, good[:5]...), seen{1, 2, 6, 13}), Verdict{Lost: 1}},
		{"an entry used twice", change(1, seen{1, 0, 1, 8}), Verdict{Disorder: 1, Lost: 1}},
		{"a place used twice", change(1, seen{1, 0, 2, 7}), Verdict{Disorder: 1, Lost: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := witness{user: "bob", stored: true, first: 0, tracks: make([]track, 2)}
			for _, s := range tt.history {
				w.saw(stamp{s.sender, s.number}, s.seq, s.conv)
			}
			w.settle(func(int) int64 { return sent })
			if w.Lost != tt.want.Lost || w.Doubled != tt.want.Doubled || w.Disorder != tt.want.Disorder {
				t.Errorf("judged %+v, want %+v", w.Verdict, tt.want)
			}
			if wrong := tt.name != "as it should be"; wrong == w.clean() || wrong != (len(w.Problems) > 0) {
				t.Errorf("clean is %v and the problems are %q", w.clean(), w.Problems)
			}
		})
	}
}

func TestWitness_OfMessagesThatAreNotStored(t *testing.T) {
	t.Parallel()
	w := witness{user: "bob", first: 3, tracks: make([]track, 1)}
	for n := range int64(3) {
		w.saw(stamp{3, n}, 0, 0)
	}
	if !w.clean() {
		t.Errorf("judged %+v, want nothing", w.Verdict)
	}
	w.saw(stamp{3, 3}, 1, 1)
	if w.Disorder != 1 {
		t.Errorf("an entry of the log for a message that is not stored: judged %+v", w.Verdict)
	}
	w.saw(stamp{3, 4}, 0, 2)
	if w.Disorder != 2 {
		t.Errorf("a place for a message that is not stored: judged %+v", w.Verdict)
	}
}

func TestWitness_RefusesWhatNobodySent(t *testing.T) {
	t.Parallel()
	w := witness{user: "bob", stored: true, tracks: make([]track, 1)}
	w.foreign("hello", 1, 1)
	if w.Disorder != 1 || !strings.Contains(w.Problems[0], "hello") {
		t.Errorf("judged %+v", w.Verdict)
	}
	if w.knows(stamp{1, 0}) || !w.knows(stamp{0, 9}) {
		t.Error("a witness knows the senders of its conversation, and no others")
	}
}

// entry is an entry of a log, as all ways of reading give it.
type entry struct {
	seq, conv    int64
	kind, sender string
	content      string
}

// told is the entry as a push has it.
func (e entry) told() told {
	sender, _ := proto.Marshal(&wire.Sender{Type: e.sender}) // it is UTF-8
	return told{seq: e.seq, conv: e.conv, kind: []byte(e.kind), sender: sender, content: []byte(e.content)}
}

func event(seq, conv int64, content string) entry {
	return entry{seq, conv, "command", "system", content}
}

func said(seq, conv, number int64) entry {
	return entry{seq, conv, "text", "user", string(stamp{0, number}.content())}
}

// byPush shows the entries to a member of a group, or of a room, with the head of
// the log at its sign-in.
func byPush(stored bool, head int64, sent int64, entries []entry) Verdict {
	r := &run{}
	l := r.newLoop(0, "alice", 1000)
	l.begin(sent - 1)
	m := &member{witness: witness{user: "bob", stored: stored, tracks: make([]track, 1), seq: head}, loops: []*loop{l}}
	for _, e := range entries {
		m.receive(e.told(), time.Time{})
	}
	m.settle(func(int) int64 { return sent })
	return m.Verdict
}

// byReading shows the entries to one that reads a log from its beginning.
func byReading(sent int64, entries []entry) Verdict {
	place := make(map[int64]int64)
	for _, e := range entries {
		if s, ok := parseStamp([]byte(e.content)); ok {
			place[s.number] = e.conv
		}
	}
	l := &logs{run: &run{progress: &progress{}}, sent: []int64{sent}, place: []map[int64]int64{place}}
	r := &reading{witness: witness{user: "bob", stored: true, tracks: make([]track, 1)}, logs: l}
	for _, e := range entries {
		r.entry([]byte(e.content), e.kind, e.sender, e.seq, e.conv)
	}
	r.settle(func(int) int64 { return sent })
	return r.Verdict
}

func TestWitness_TakesTheNewsOfAGroupAsEntries(t *testing.T) {
	t.Parallel()
	const created, joined = `{"code":100,"data":{"owner":"alice","member_count":2}}`, `{"code":102,"data":{"user_ids":["carol"]}}`
	good := []entry{event(1, 1, created), said(2, 2, 0), event(3, 3, joined), event(4, 4, `{"code":999}`), said(5, 5, 1)}
	without := func(i int) []entry { return append(append([]entry{}, good[:i]...), good[i+1:]...) }
	change := func(i int, e entry) []entry {
		h := append([]entry{}, good...)
		h[i] = e
		return h
	}
	for _, tt := range []struct {
		name    string
		history []entry
		want    Verdict
	}{
		{"as it should be", good, Verdict{}},
		{"one lost in the middle", without(2), Verdict{Lost: 1}},
		{"one twice", append(append([]entry{}, good[:3]...), good[2:]...), Verdict{Disorder: 1}},
		{"in the place of a message", change(2, event(2, 2, joined)), Verdict{Disorder: 1, Lost: 1}},
		{"a command of somebody else", change(2, entry{3, 3, "command", "business", `{"code":1000}`}), Verdict{Disorder: 1}},
		{"another message of the system", change(2, entry{3, 3, "text", "system", `{"text":"hello"}`}), Verdict{Disorder: 1}},
	} {
		for way, got := range map[string]Verdict{"reading": byReading(2, tt.history), "by push": byPush(true, 0, 2, tt.history)} {
			if got.Lost != tt.want.Lost || got.Doubled != 0 || got.Disorder != tt.want.Disorder || got.clean() != (tt.name == "as it should be") {
				t.Errorf("%s, %s: judged %+v, want %+v", tt.name, way, got, tt.want)
			}
		}
	}
	fromTheMiddle := byPush(true, 3, 2, []entry{said(4, 20, 0), event(5, 21, joined), said(6, 22, 1)})
	if !fromTheMiddle.clean() {
		t.Errorf("of who joined later: judged %+v, want nothing", fromTheMiddle)
	}
}

func TestWitness_TakesTheNewsOfARoomFromTheLog(t *testing.T) {
	t.Parallel()
	joined := event(5, 2, `{"code":102,"data":{"user_ids":["carol"]}}`)
	if got := byPush(false, 4, 2, []entry{said(0, 0, 0), joined, said(0, 0, 1)}); !got.clean() {
		t.Errorf("judged %+v, want nothing", got)
	}
	if got := byPush(false, 3, 2, []entry{said(0, 0, 0), joined, said(0, 0, 1)}); got.Lost != 1 {
		t.Errorf("one was left out before: judged %+v, want 1 lost", got)
	}
}

func TestLoop_NoticesThatOthersSawAnotherPlace(t *testing.T) {
	t.Parallel()
	l := (&run{}).newLoop(0, "alice", 3)
	l.begin(0)
	if !l.arrived(0, 5, time.Now()) || l.arrived(0, 6, time.Now()) || !l.arrived(0, 5, time.Now()) {
		t.Error("place 6 for one and place 5 for the others was not noticed")
	}
	if l.acknowledged(1, 5) || !l.acknowledged(0, 5) || l.acknowledged(0, 5) {
		t.Error("a message is acknowledged once, and no other than the one under way")
	}
	select {
	case <-l.all:
	default:
		t.Error("the message has reached all three, and the loop was not told")
	}
	l.apart = true
	l.begin(1)
	if !l.arrived(1, 5, time.Now()) || !l.arrived(1, 6, time.Now()) {
		t.Error("in conversations of their own places may differ")
	}
}

func TestStamp_IsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, s := range []stamp{{0, 0}, {9999, 123456789012}} {
		content := s.content()
		got, ok := parseStamp(content)
		if !ok || got != s || len(content) != textBytes+len(`{"text":""}`) {
			t.Errorf("%s is read as %v, %v; want %v in %d bytes", content, got, ok, s, textBytes)
		}
	}
	for _, content := range []string{
		``, `{}`, `{"text":"hello"}`, `{"text":"1-2"}`, `{"text":"1 2 x"}`, `{"text":"-1-2 x"}`, `{"text":"1--2 x"}`, `{"text":"1-99999999999999999999 x"}`,
		`{"text":"` + strings.Repeat("1", 100) + `-1 x"}`,
	} {
		if s, ok := parseStamp([]byte(content)); ok {
			t.Errorf("%s is read as %v", content, s)
		}
	}
}

func TestResult_OfNothingIsNotGood(t *testing.T) {
	t.Parallel()
	if r := (&Result{}); r.OK() || !strings.Contains(r.Complaint(), "no message arrived") {
		t.Errorf("nothing happened, and that is fine: %s", r.Complaint())
	}
	for _, v := range []Verdict{{Lost: 1}, {Doubled: 1}, {Disorder: 1}, {Problems: []string{"odd"}}} {
		if r := (&Result{Messages: 9, Verdict: v}); r.OK() {
			t.Errorf("%+v is fine", v)
		}
		if r := (&Result{Messages: 9, Interrupted: true, Verdict: v}); r.OK() {
			t.Errorf("%+v is fine when interrupted", v)
		}
	}
	if r := (&Result{Messages: 9}); !r.OK() {
		t.Error(r.Complaint())
	}
}

func TestVerdict_KeepsTheFirstFewProblems(t *testing.T) {
	t.Parallel()
	var sum, one Verdict
	for range maxProblems + 3 {
		one.note("odd")
	}
	sum.note("first")
	sum.add(one)
	sum.add(one)
	if len(one.Problems) != maxProblems || len(sum.Problems) != maxProblems || sum.Problems[0] != "first" {
		t.Errorf("one has %q, the sum %q", one.Problems, sum.Problems)
	}
}

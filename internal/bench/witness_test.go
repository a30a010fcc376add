package bench

import (
	"strings"
	"testing"
	"time"
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

func TestLoop_NoticesThatOthersSawAnotherPlace(t *testing.T) {
	t.Parallel()
	l := (&run{}).newLoop(0, "alice", 3)
	l.begin(0)
	if !l.arrived(0, 5, time.Now()) || l.arrived(0, 6, time.Now()) || !l.arrived(0, 5, time.Now()) {
		t.Error("place 6 for one and place 5 for the others was not noticed")
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

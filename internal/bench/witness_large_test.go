package bench

import (
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

// TestWitness_JudgesALargeGroup shows a member of a large group, who stands at
// place 6 of it, messages of two others and answers to messages of its own.
func TestWitness_JudgesALargeGroup(t *testing.T) {
	t.Parallel()
	const own = 2 // the sender whose answers are seen
	good := []seen{{0, 0, 0, 7}, {own, 0, 0, 10}, {1, 0, 0, 8}, {0, 1, 0, 9}, {1, 1, 0, 11}, {own, 1, 0, 12}, {0, 2, 0, 13}, {1, 2, 0, 14}}
	without := func(i int) []seen { return append(append([]seen{}, good[:i]...), good[i+1:]...) }
	with := func(i int, s seen) []seen {
		h := append([]seen{}, good...)
		h[i] = s
		return h
	}
	swapped := append([]seen{}, good...)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	for _, tt := range []struct {
		name    string
		history []seen
		want    Verdict
	}{
		{"as it should be", good, Verdict{}},
		{"an answer at its place", []seen{{0, 0, 0, 7}, {own, 0, 0, 8}, {1, 0, 0, 9}, {0, 1, 0, 10}, {1, 1, 0, 11}, {0, 2, 0, 12}, {1, 2, 0, 13}}, Verdict{}},
		{"two answers ahead", []seen{{own, 0, 0, 9}, {own, 1, 0, 8}, {0, 0, 0, 7}, {1, 0, 0, 10}, {0, 1, 0, 11}, {1, 1, 0, 12}, {0, 2, 0, 13}, {1, 2, 0, 14}}, Verdict{}},
		{"the first lost", without(0), Verdict{Lost: 1}},
		{"one lost behind an answer", without(2), Verdict{Lost: 1}},
		{"the last lost", without(7), Verdict{Lost: 1}},
		{"an answer lost", without(1), Verdict{Lost: 1}},
		{"one doubled", append(append([]seen{}, good...), good[4]), Verdict{Doubled: 1}},
		{"an answer doubled while ahead", append([]seen{good[0], good[1]}, good[1:]...), Verdict{Disorder: 1}},
		{"an answer doubled later", append(append([]seen{}, good...), good[1]), Verdict{Disorder: 1}},
		{"an answer after later ones", append(without(1), good[1]), Verdict{Disorder: 1}},
		{"two in the wrong order", swapped, Verdict{Disorder: 1}},
		{"the place of an answer used twice", with(4, seen{1, 1, 0, 10}), Verdict{Disorder: 1, Lost: 1}},
		{"a place used twice", with(3, seen{0, 1, 0, 8}), Verdict{Disorder: 1, Lost: 1}},
		{"a place left out", with(7, seen{1, 2, 0, 15}), Verdict{Lost: 1}},
		{"a place left out before an answer at the end", append(append([]seen{}, good...), seen{own, 2, 0, 16}), Verdict{Lost: 1}},
		{"an entry of the own log", with(2, seen{1, 0, 3, 8}), Verdict{Disorder: 1}},
		{"an answer with an entry of the own log", with(1, seen{own, 0, 3, 10}), Verdict{Disorder: 1}},
		{"no place", with(2, seen{1, 0, 0, 0}), Verdict{Disorder: 1, Lost: 1}},
	} {
		w := witness{user: "bob", stored: true, tracks: make([]track, own+1), large: newLargeLog("news"), conv: 6}
		for _, s := range tt.history {
			if s.sender == own {
				w.answered(s.seq, s.conv)
			} else {
				w.saw(stamp{s.sender, s.number}, s.seq, s.conv)
			}
		}
		w.allCame()
		w.settle(func(sender int) int64 {
			if sender == own {
				return 0
			}
			return 3
		})
		if w.Lost != tt.want.Lost || w.Doubled != tt.want.Doubled || (w.Disorder > 0) != (tt.want.Disorder > 0) {
			t.Errorf("%s: judged %+v, want %+v", tt.name, w.Verdict, tt.want)
		}
		if wrong := tt.want.Lost+tt.want.Doubled+tt.want.Disorder > 0; wrong == w.clean() || wrong != (len(w.Problems) > 0) {
			t.Errorf("%s: clean is %v and the problems are %q", tt.name, w.clean(), w.Problems)
		}
	}
}

// TestPlay_JudgesWhatIsMissingBeforeAnAnswer: at an interruption it may have been
// under way.
func TestPlay_JudgesWhatIsMissingBeforeAnAnswer(t *testing.T) {
	t.Parallel()
	for complete, lost := range map[bool]int64{true: 1, false: 0} {
		l := (&run{}).newLoop(0, "alice", 1)
		m := &member{witness: witness{user: "bob", stored: true, tracks: make([]track, 1), large: newLargeLog("news"), conv: 6}, loops: []*loop{l}}
		m.answered(0, 8)
		p := &play{fleet: &fleet{members: []*member{m}}, loops: []*loop{l}, pushes: newRecorder(), acks: newRecorder()}
		if r := p.judge(0, time.Time{}, complete); r.Lost != lost || r.clean() != (lost == 0) {
			t.Errorf("complete %v: judged %+v, want %d lost", complete, r.Verdict, lost)
		}
	}
}

func TestWitness_TakesTheNewsOfALargeGroupAsPlaces(t *testing.T) {
	t.Parallel()
	joined := event(0, 2, `{"code":102,"data":{"user_ids":["carol"]}}`)
	for _, stored := range []bool{true, false} {
		r := &run{}
		l := r.newLoop(0, "alice", 1000)
		l.begin(1)
		m := &member{witness: witness{user: "bob", stored: stored, tracks: make([]track, 1), large: newLargeLog("news"), conv: 1}, loops: []*loop{l}}
		history := []entry{joined, said(0, 3, 0), said(0, 4, 1)}
		if !stored {
			history = []entry{said(0, 0, 0), joined, said(0, 0, 1)}
		}
		for _, e := range history {
			m.receive(e.told(), time.Time{})
		}
		m.settle(func(int) int64 { return 2 })
		if !m.clean() {
			t.Errorf("stored %v: judged %+v, want nothing", stored, m.Verdict)
		}
	}
}

func TestLargeLog_BeginsWhereTheSignInSays(t *testing.T) {
	t.Parallel()
	in := &wire.SignedIn{Groups: []*wire.GroupHead{{GroupId: "other", Head: 3}, {GroupId: "news", Head: 12, Acked: 5}}}
	if got := newLargeLog("news").head(in); got != 12 {
		t.Errorf("the head is %d, want 12", got)
	}
	if got := newLargeLog("unheard").head(in); got != 0 {
		t.Errorf("the head of a group that is not named is %d, want 0", got)
	}
}

package bench

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Verdict is what was wrong. A message counts once for each receiver.
type Verdict struct {
	Lost     int64    `json:"lost"`               // acknowledged, and did not arrive
	Doubled  int64    `json:"doubled"`            // arrived more than once
	Disorder int64    `json:"out_of_order"`       // arrived late, or at another place than for others
	Problems []string `json:"problems,omitempty"` // the first few, for people
}

// maxProblems bounds what is told: the first few say what kind it is.
const maxProblems = 5

func (v *Verdict) note(format string, args ...any) {
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}

func (v *Verdict) add(o Verdict) {
	v.Lost += o.Lost
	v.Doubled += o.Doubled
	v.Disorder += o.Disorder
	v.Problems = append(v.Problems, o.Problems[:min(len(o.Problems), maxProblems-len(v.Problems))]...)
}

// clean reports that nothing was wrong.
func (v *Verdict) clean() bool { return v.Lost+v.Doubled+v.Disorder == 0 && len(v.Problems) == 0 }

// stamp tells the messages of a run apart: the number-th of a sender, both from 0.
type stamp struct {
	sender int
	number int64
}

// textBytes is how long the text of a message is.
const textBytes = 100

const contentBegin, contentEnd = `{"text":"`, `"}`

var padding = strings.Repeat("x", textBytes)

// contentBytes is how long the body of a message is.
const contentBytes = len(contentBegin) + textBytes + len(contentEnd)

// content is the body of a message, with its stamp in front.
func (s stamp) content() []byte { return s.append(make([]byte, 0, contentBytes)) }

func (s stamp) append(dst []byte) []byte {
	from := len(dst)
	b := append(dst, contentBegin...)
	b = strconv.AppendInt(b, int64(s.sender), 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.number, 10)
	b = append(b, ' ')
	b = append(b, padding[:max(0, len(contentBegin)+textBytes-(len(b)-from))]...)
	return append(b, contentEnd...)
}

// parseStamp reads what content wrote; ok is false for anything else.
func parseStamp(content []byte) (s stamp, ok bool) {
	rest, ok := bytes.CutPrefix(content, []byte(contentBegin))
	if !ok {
		return s, false
	}
	words, rest, ok := bytes.Cut(rest, []byte(" "))
	sender, number, dash := bytes.Cut(words, []byte("-"))
	if !ok || !dash || len(words) > 40 {
		return s, false
	}
	if text, whole := bytes.CutSuffix(rest, []byte(contentEnd)); !whole || len(text) > len(padding) || string(text) != padding[:len(text)] {
		return s, false
	}
	var err1, err2 error
	s.sender, err1 = strconv.Atoi(string(sender))
	s.number, err2 = strconv.ParseInt(string(number), 10, 64)
	return s, err1 == nil && err2 == nil && s.sender >= 0 && s.number >= 0
}

// witness judges what one user is told, in one conversation: each message once,
// in order, and the log without a hole. It belongs to the goroutine that reads.
type witness struct {
	Verdict
	user   string
	stored bool      // messages are in the log
	first  int       // sender of tracks[0]
	tracks []track   // by sender
	large  *largeLog // nil unless the conversation is a large group

	seq, conv       int64 // the last place in the log and in the conversation; 0 in the latter is not known yet
	seqGap, convGap int64 // places that were left out
}

// track is what a witness has of one sender.
type track struct {
	next    int64 // number that comes next
	missing map[int64]struct{}
}

// knows reports whether s can come from a sender of the conversation.
func (w *witness) knows(s stamp) bool { return s.sender >= w.first && s.sender < w.first+len(w.tracks) }

// saw judges a message. fresh is false when it was there before.
func (w *witness) saw(s stamp, seq, conv int64) (fresh bool) {
	t := &w.tracks[s.sender-w.first]
	_, late := t.missing[s.number]
	switch {
	case late:
		delete(t.missing, s.number)
		w.note("%s got message %d of sender %d after later ones", w.user, s.number, s.sender)
		if w.place(seq, conv) {
			w.Disorder++
		}
		return true
	case s.number < t.next:
		w.Doubled++
		w.note("%s got message %d of sender %d again", w.user, s.number, s.sender)
		w.seq, w.conv = max(w.seq, seq), max(w.conv, conv)
		return false
	}
	for n := t.next; n < s.number; n++ {
		if t.missing == nil {
			t.missing = make(map[int64]struct{})
		}
		t.missing[n] = struct{}{}
	}
	t.next = s.number + 1
	w.place(seq, conv)
	return true
}

// place judges where a message stands in the log and in the conversation.
func (w *witness) place(seq, conv int64) (inOrder bool) {
	if !w.stored {
		if inOrder = seq == 0 && conv == 0; !inOrder {
			w.Disorder++
			w.note("%s got entry %d of the log, place %d, for a message that is not stored", w.user, seq, conv)
		}
		return inOrder
	}
	return w.logged(seq, conv)
}

// logged judges where an entry stands, whatever it holds.
func (w *witness) logged(seq, conv int64) (inOrder bool) {
	if w.large != nil {
		return w.inGroup(seq, conv)
	}
	if inOrder = seq > w.seq && conv > w.conv; !inOrder {
		w.Disorder++
		w.note("%s got entry %d of its log, place %d of the conversation, after entry %d, place %d", w.user, seq, conv, w.seq, w.conv)
	}
	if w.conv == 0 {
		w.conv = conv - 1
	}
	w.seqGap, w.seq = follow(w.seqGap, w.seq, seq)
	w.convGap, w.conv = follow(w.convGap, w.conv, conv)
	return inOrder
}

// follow counts the places that were left out up to last, when at comes next. A
// place before last fills one of them.
func follow(gap, last, at int64) (newGap, newLast int64) {
	if at < last {
		return max(0, gap-1), last
	}
	return gap + max(0, at-last-1), at
}

// isEvent tells the news of a group, which the server writes into the logs of its
// members, also into those of a room: they count as entries, not as messages.
func isEvent(kind, sender string) bool { return kind == "command" && sender == "system" }

// foreign judges a message that no sender of the run sent.
func (w *witness) foreign(what string, seq, conv int64) {
	w.Disorder++
	w.note("%s got %s, which nobody of this run sent", w.user, what)
	w.seq, w.conv = max(w.seq, seq), max(w.conv, conv)
}

// settle counts what did not come. sent says how many messages of a sender
// should have arrived. Nothing may be seen afterwards.
func (w *witness) settle(sent func(sender int) int64) {
	var lost int64
	for i := range w.tracks {
		t := &w.tracks[i]
		lost += int64(len(t.missing))
		for n := range t.missing {
			w.note("%s did not get message %d of sender %d", w.user, n, w.first+i)
		}
		if n := sent(w.first + i); n > t.next {
			lost += n - t.next
			w.note("%s waited in vain for message %d of sender %d", w.user, t.next, w.first+i)
		}
	}
	if lost == 0 && w.seqGap+w.convGap > 0 {
		w.note("%s was left with holes: %d entries of the log, %d places of the conversation", w.user, w.seqGap, w.convGap)
	}
	w.Lost += max(lost, w.seqGap, w.convGap)
}

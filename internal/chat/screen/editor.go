package screen

import (
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"
)

// maxDraft is the length of the longest text that can be typed, in bytes: what a
// message may hold.
const maxDraft = 60 << 10

// editor is a text that is being typed, as what a person sees as characters.
type editor struct {
	text   []string // one grapheme cluster each; "\n" is a line end
	cursor int      // 0 to len(text)
	size   int      // bytes of text
}

// split cuts s into grapheme clusters.
func split(s string) []string {
	var clusters []string
	for g := displaywidth.StringGraphemes(s); g.Next(); {
		clusters = append(clusters, g.Value())
	}
	return clusters
}

func (e *editor) String() string { return strings.Join(e.text, "") }

func (e *editor) set(s string) {
	*e = editor{}
	e.insert(s)
}

// insert puts s at the cursor, without its control characters but for line ends
// and tabs. What would make the text too long is left out.
func (e *editor) insert(s string) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
	if e.size+len(s) > maxDraft {
		return
	}
	before, after := strings.Join(e.text[:e.cursor], "")+s, strings.Join(e.text[e.cursor:], "")
	// Anew as a whole: a mark joins the letter before it.
	e.text = split(before + after)
	e.size += len(s)
	e.cursor = 0
	for length := 0; e.cursor < len(e.text) && length < len(before); e.cursor++ {
		length += len(e.text[e.cursor])
	}
}

// remove takes away what is between two places.
func (e *editor) remove(from, to int) {
	from, to = max(0, from), min(to, len(e.text))
	if from >= to {
		return
	}
	rest := strings.Join(e.text[:from], "")
	tail := strings.Join(e.text[to:], "")
	e.set(rest + tail)
	e.cursor = min(from, len(e.text))
}

func (e *editor) move(by int) { e.cursor = min(max(0, e.cursor+by), len(e.text)) }

// lineStart and lineEnd are the ends of the line that the cursor is in.
func (e *editor) lineStart() int {
	at := e.cursor
	for at > 0 && e.text[at-1] != "\n" {
		at--
	}
	return at
}

func (e *editor) lineEnd() int {
	at := e.cursor
	for at < len(e.text) && e.text[at] != "\n" {
		at++
	}
	return at
}

// wordLeft and wordRight are the ends of the words around the cursor.
func (e *editor) wordLeft() int {
	at := e.cursor
	for at > 0 && !isWord(e.text[at-1]) {
		at--
	}
	for at > 0 && isWord(e.text[at-1]) {
		at--
	}
	return at
}

func (e *editor) wordRight() int {
	at := e.cursor
	for at < len(e.text) && !isWord(e.text[at]) {
		at++
	}
	for at < len(e.text) && isWord(e.text[at]) {
		at++
	}
	return at
}

func isWord(cluster string) bool {
	for _, r := range cluster {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
	}
	return false
}

// rows lays the text out in rows of a width, in cells, and tells where the cursor
// is.
func (e *editor) rows(width int) (rows []string, x, y int) {
	var row strings.Builder
	used := 0
	next := func() {
		rows = append(rows, row.String())
		row.Reset()
		used = 0
	}
	for i, cluster := range e.text {
		shown, w := visible(cluster)
		if cluster != "\n" && used+w > width {
			next()
		}
		if i == e.cursor {
			x, y = used, len(rows)
		}
		if cluster == "\n" {
			next()
			continue
		}
		row.WriteString(shown)
		used += w
	}
	if e.cursor == len(e.text) {
		if used >= width {
			next()
		}
		x, y = used, len(rows)
	}
	next()
	return rows, x, y
}

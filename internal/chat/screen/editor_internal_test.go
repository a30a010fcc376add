package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/internal/chat"
)

func TestEditor_MovesAndRemovesByWhatPeopleSeeAsCharacters(t *testing.T) {
	t.Parallel()
	var e editor
	e.insert("e\u0301👨\u200d👩\u200d👧你x")
	e.move(-1)
	e.remove(e.cursor-1, e.cursor)
	if got := e.String(); got != "e\u0301👨\u200d👩\u200d👧x" {
		t.Errorf("without the Chinese one: %q", got)
	}
	e.remove(e.cursor-1, e.cursor)
	if got := e.String(); got != "e\u0301x" {
		t.Errorf("without the family: %q", got)
	}
	e.move(-1)
	e.insert("ab")
	if got := e.String(); got != "abe\u0301x" || e.cursor != 2 {
		t.Errorf("%q with the cursor at %d", got, e.cursor)
	}
	e.move(1)
	e.insert("\u0308") // joins the letter before
	if len(e.text) != 4 || e.cursor != 3 {
		t.Errorf("%q with the cursor at %d, want 4 characters and 3", e.text, e.cursor)
	}
}

func TestEditor_GoesByWordsAndLines(t *testing.T) {
	t.Parallel()
	var e editor
	e.insert("one, two\nthree four")
	e.cursor = e.wordLeft()
	e.remove(e.wordLeft(), e.cursor)
	if got := e.String(); got != "one, two\nfour" {
		t.Errorf("%q", got)
	}
	e.cursor = e.lineEnd()
	e.remove(e.lineStart(), e.cursor)
	if got := e.String(); got != "one, two\n" {
		t.Errorf("%q", got)
	}
	e.cursor = 0
	e.cursor = e.wordRight()
	e.remove(e.cursor, e.lineEnd())
	if got := e.String(); got != "one\n" {
		t.Errorf("%q", got)
	}
}

func TestEditor_HoldsNoMoreThanAMessage(t *testing.T) {
	t.Parallel()
	var e editor
	e.insert(strings.Repeat("x", maxDraft))
	e.insert("y")
	if e.size != maxDraft || len(e.text) != maxDraft {
		t.Errorf("%d bytes, want %d", e.size, maxDraft)
	}
	e.remove(0, 1)
	e.insert("y")
	if e.size != maxDraft || e.text[0] != "y" {
		t.Errorf("%d bytes beginning with %q", e.size, e.text[0])
	}
}

func TestEditor_RowsPutTheCursorWhereTheNextCharacterGoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		cursor int
		rows   []string
		x, y   int
	}{
		{"", 0, []string{""}, 0, 0},
		{"abc", 3, []string{"abc"}, 3, 0},
		{"abcd", 4, []string{"abcd", ""}, 0, 1},
		{"abcdef", 4, []string{"abcd", "ef"}, 0, 1},
		{"abc你", 3, []string{"abc", "你"}, 0, 1},
		{"a\nb", 1, []string{"a", "b"}, 1, 0},
		{"a\n", 2, []string{"a", ""}, 0, 1},
	} {
		var e editor
		e.insert(tt.text)
		e.cursor = tt.cursor
		rows, x, y := e.rows(4)
		if diff := cmp.Diff(tt.rows, rows); diff != "" || x != tt.x || y != tt.y {
			t.Errorf("%q: cursor at %d, %d, want %d, %d; rows (-want +got):\n%s", tt.text, x, y, tt.x, tt.y, diff)
		}
	}
}

func TestWrap_BreaksAtSpacesAndMeasuresWideCharacters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"one two three", []string{"one two", "three"}},
		{"onetwothree", []string{"onetwoth", "ree"}},
		{"a onetwothree", []string{"a", "onetwoth", "ree"}},
		{"12345678 x", []string{"12345678", "x"}},
		{"你好世界你好", []string{"你好世界", "你好"}},
		{"x你好世界", []string{"x你好世", "界"}},
		{"a\n\nb", []string{"a", "", "b"}},
		{"  indented", []string{" ", "indented"}},
		{"👍🏽👍🏽👍🏽👍🏽👍🏽", []string{"👍🏽👍🏽👍🏽👍🏽", "👍🏽"}},
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.text, 8)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

func FuzzWrap(f *testing.F) {
	for _, seed := range []string{"one two", "你好 世界", "👍🏽 e\u0301", "   ", "a\nb"} {
		f.Add(seed, 8)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 2 || limit > 1000 || len(text) > 10_000 {
			return
		}
		for _, row := range wrap(chat.Clean(text), limit) {
			if w := width(row); w > limit {
				t.Errorf("%q for %d cells has the row %q of %d", text, limit, row, w)
			}
		}
	})
}

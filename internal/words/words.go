// Package words finds the words of texts, so that texts can be searched by them.
//
// Words are compared without case, accents and differences of form such as full
// width. What scripts without spaces between words write in one run, among them
// Chinese, Japanese, Korean and Thai, is found by any part of it: it is kept by pairs
// of neighbours. A symbol, such as an emoji, is a word by itself.
//
// All functions may be used concurrently.
package words

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxTerms is how many terms one text is found by, the first ones, and MaxTermBytes
// how long a term may be; a longer word is found by its beginning.
const (
	MaxTerms     = 500
	MaxTermBytes = 48
)

// maxQueryTerms is how many terms of a query are looked up. The rest only decides
// which of the texts that are found match.
const maxQueryTerms = 6

// Of returns the different terms that texts are found by.
func Of(texts ...string) []string {
	var terms []string
	seen := make(map[string]bool)
	add := func(term string) bool {
		if term = cut(term); !seen[term] {
			seen[term] = true
			terms = append(terms, term)
		}
		return len(terms) < MaxTerms
	}
	for _, text := range texts {
		for r := range runs(text) {
			if !r.isDense {
				if !add(r.text) {
					return terms
				}
				continue
			}
			for pair := range pairs(r.text) {
				if !add(pair) {
					return terms
				}
			}
		}
	}
	return terms
}

// pairs yields each two neighbours of a run and then its last rune, so that every rune
// of it begins one.
func pairs(run string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(run) > 0 {
			_, first := utf8.DecodeRuneInString(run)
			_, second := utf8.DecodeRuneInString(run[first:])
			if !yield(run[:first+second]) {
				return
			}
			run = run[first:]
		}
	}
}

// cut shortens a term to what is kept of it.
func cut(term string) string {
	if len(term) <= MaxTermBytes {
		return term
	}
	end := MaxTermBytes
	for !utf8.RuneStart(term[end]) {
		end--
	}
	return term[:end]
}

// Term is what a text that matches a query is found by.
type Term struct {
	Text string
	// IsPrefix tells that the text may have any term that begins so.
	IsPrefix bool
}

// Query is what somebody searches for. The zero value matches every text.
type Query struct{ runs []run }

// Parse reads a query: texts that have all of its words match. Nothing in it is an
// operator. A query without any word is empty.
func Parse(text string) Query {
	var q Query
	seen := make(map[run]bool)
	for r := range runs(text) {
		if !seen[r] {
			seen[r] = true
			q.runs = append(q.runs, r)
		}
	}
	return q
}

// IsEmpty reports that the query has no words.
func (q Query) IsEmpty() bool { return len(q.runs) == 0 }

// Terms returns what to look up, a few of the terms that every text that matches has.
// Those that are rarer, as far as one can see, come first.
func (q Query) Terms() []Term {
	var long, short []Term
	seen := make(map[Term]bool)
	add := func(to *[]Term, t Term) {
		if t.Text = cut(t.Text); !seen[t] {
			seen[t] = true
			*to = append(*to, t)
		}
	}
	for _, r := range q.runs {
		switch n := utf8.RuneCountInString(r.text); {
		case r.isDense && n == 1:
			add(&short, Term{r.text, true})
		case r.isDense:
			i := 0
			for pair := range pairs(r.text) {
				if i%2 == 0 && i < n-1 || i == n-2 { // together they cover it
					add(&long, Term{pair, false})
				}
				i++
			}
		case n < 3:
			add(&short, Term{r.text, false})
		default:
			add(&long, Term{r.text, false})
		}
	}
	if len(long) > 0 { // a text that has these is looked at anyway
		short = withoutPrefixes(short)
	}
	all := append(long, short...)
	return all[:min(len(all), maxQueryTerms)]
}

func withoutPrefixes(terms []Term) []Term {
	kept := terms[:0]
	for _, t := range terms {
		if !t.IsPrefix {
			kept = append(kept, t)
		}
	}
	return kept
}

// Match reports whether texts have all words of the query between them.
func (q Query) Match(texts ...string) bool {
	missing := make([]run, len(q.runs))
	copy(missing, q.runs)
	for _, text := range texts {
		for r := range runs(text) {
			for i := 0; i < len(missing); i++ {
				if missing[i].isIn(r) {
					missing[i] = missing[len(missing)-1]
					missing = missing[:len(missing)-1]
					i--
				}
			}
			if len(missing) == 0 {
				return true
			}
		}
	}
	return len(missing) == 0
}

// run is a word, or what a script without spaces writes in one piece.
type run struct {
	text    string
	isDense bool
}

func (r run) isIn(other run) bool {
	if r.isDense != other.isDense {
		return false
	}
	return r.text == other.text || r.isDense && strings.Contains(other.text, r.text)
}

// What a rune is to a text.
const (
	between = iota
	ofWord
	dense
	symbol
)

func kindOf(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return ofWord
		}
		return between
	case r == utf8.RuneError:
		return between
	case r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return dense
		}
		return between
	case unicode.In(r, unicode.L, unicode.M, unicode.N):
		return ofWord
	case unicode.Is(unicode.So, r):
		return symbol
	}
	return between
}

// runs yields the words of a text.
func runs(text string) iter.Seq[run] {
	return func(yield func(run) bool) {
		text := fold(text)
		start, kind := 0, between
		for i, r := range text {
			next := kindOf(r)
			if next == kind && kind != symbol {
				continue
			}
			if kind != between && !yield(run{text[start:i], kind == dense}) {
				return
			}
			start, kind = i, next
		}
		if kind != between {
			yield(run{text[start:], kind == dense})
		}
	}
}

// fold makes one form of all those that count as the same.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	// Some letters get a mark when they become small ones, and lose it behind that.
	text = strings.ToLower(norm.NFKD.String(strings.ToLower(text)))
	return norm.NFC.String(strings.Map(foldRune, strings.ReplaceAll(text, "ß", "ss")))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldRune drops accents, vowel points and what is not seen. The marks of kana and of
// Indic scripts make other letters and stay.
func foldRune(r rune) rune {
	const voiced, halfVoiced = 0x3099, 0x309a // marks of kana
	switch {
	case r < utf8.RuneSelf, r == voiced, r == halfVoiced:
		return r
	case r == 'ς':
		return 'σ'
	case unicode.Is(unicode.Cf, r):
		return -1
	case unicode.Is(unicode.Mn, r) && unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic):
		return -1
	}
	return r
}

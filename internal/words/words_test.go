package words_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/internal/words"
)

func TestOf(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 40)
	for text, want := range map[string]string{
		"":                             "",
		" \x00 +-*\"()~@<> ^ . ":       "",
		"Hello, hello WORLD 42":        "hello world 42",
		"don't NEAR(a b) x_y":          "don t near a b x y",
		"Crème brûlée, Ångström":       "creme brulee angstrom",
		"Straße STRASSE ΟΔΟΣ οδος":     "strasse οδοσ",
		"İstanbul ISTANBUL":            "istanbul",
		"Ёлка ﬁne Ｆｕｌｌ":                "елка fine full",
		"你好世界":                         "你好 好世 世界 界",
		"我":                            "我",
		"买iPhone手机":                    "买 iphone 手机 机",
		"東京タワー":                        "東京 京タ タワ ワー ー",
		"ｶﾞｽ":                          "ガス ス",
		"안녕하세요":                        "안녕 녕하 하세 세요 요",
		"สวัสดี":                       "สว วั ัส สด ดี ี",
		"कृपया":                        "कृपया",
		"שָׁלוֹם مُحَمَّد":             "שלום محمد",
		"ok👍👍🏽 🎉":                      "ok 👍 🎉",
		"so\u00adft ze\u200dro":        "soft zero",
		"\xff\xfea\xc3":                "a",
		"𝓗𝓮𝓵𝓵𝓸 𠮷野家":                    "hello 𠮷野 野家 家",
		long:                           strings.Repeat("e", 40),
		strings.Repeat("я", 30):        strings.Repeat("я", 24),
		"a " + strings.Repeat("x", 60): "a " + strings.Repeat("x", 48),
	} {
		if got := strings.Join(words.Of(text), " "); got != want {
			t.Errorf("words of %q: %q, want %q", text, got, want)
		}
	}
	var many []string
	for i := range 2 * words.MaxTerms {
		many = append(many, fmt.Sprint("w", i))
	}
	if got := words.Of(strings.Join(many, " "), "more"); !slices.Equal(got, many[:words.MaxTerms]) {
		t.Errorf("a long text has %d terms", len(got))
	}
	if got := words.Of("one two", "two three"); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("two texts have %q", got)
	}
}

func TestQuery_Match(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, text string
		want        bool
	}{
		{"hello", "Hello there", true},
		{"HELLO there", "there, hello!", true},
		{"hello you", "hello there", false},
		{"hell", "hello", false},
		{"creme", "crème", true},
		{"CRÈME", "creme", true},
		{"中国人", "我是中国人。", true},
		{"中国人", "国人在中国", false}, // has both pairs
		{"国", "中国人", true},
		{"人", "中国人", true},
		{"大", "中国人", false},
		{"中国 iphone", "iPhone在中国", true},
		{"타워", "도쿄타워에서", true},
		{"か", "が", false},
		{"👍", "ok👍🏽", true},
		{strings.Repeat("x", 60), strings.Repeat("x", 60), true},
		{strings.Repeat("x", 60), strings.Repeat("x", 61), false},
	} {
		if got := words.Parse(tt.query).Match(tt.text); got != tt.want {
			t.Errorf("%q in %q: %v", tt.query, tt.text, got)
		}
	}
	if !words.Parse("report alice").Match("report.pdf", "from Alice") {
		t.Error("the words of a query may be in different texts")
	}
	for _, nothing := range []string{"", " ", "\x00", `"*^~@><()-+`, "\u0301"} {
		if !words.Parse(nothing).IsEmpty() {
			t.Errorf("%q is a query", nothing)
		}
	}
}

func TestQuery_Terms(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"to hello you":         "hello you to",
		"hello HELLO":          "hello",
		"国":                    "国*",
		"国 hello":              "hello",
		"国 a":                  "国* a",
		"中国":                   "中国",
		"中国人":                  "中国 国人",
		"中国人民":                 "中国 人民",
		"中国人民好":                "中国 人民 民好",
		"a1 a2 a3 a4 a5 a6 a7": "a1 a2 a3 a4 a5 a6",
	} {
		var got []string
		for _, term := range words.Parse(query).Terms() {
			text := term.Text
			if term.IsPrefix {
				text += "*"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

// What matches is found by every term of the query.
func FuzzQuery(f *testing.F) {
	for _, seed := range [][2]string{
		{"Hello wörld", "say HELLO, World"}, {"中国人", "我是中国人"}, {"国", "中国"}, {"İ", "i̇"}, {"\x00\xff", "a\x00"}, {"ｶﾞ", "ガス"},
		{"👍🏽", "👍"}, {`"a" NEAR/3 b* OR ^c`, "a b c near or 3"}, {"ẞß", "ss"}, {"ﷺ", "x"}, {"각", "각"}, {"ͅ", "Αι"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, query, text string) {
		q, terms := words.Parse(query), words.Of(text, query)
		if len(terms) == words.MaxTerms {
			return
		}
		for _, term := range terms {
			if term == "" || len(term) > words.MaxTermBytes || !utf8.ValidString(term) {
				t.Errorf("%q is a term", term)
			}
		}
		if !q.Match(query) {
			t.Errorf("%q does not match itself", query)
		}
		for _, term := range q.Terms() {
			if !slices.ContainsFunc(terms, func(s string) bool { return s == term.Text || term.IsPrefix && strings.HasPrefix(s, term.Text) }) {
				t.Errorf("%q is found by %v, and has %q", query, term, terms)
			}
		}
		if len(q.Terms()) == 0 != q.IsEmpty() {
			t.Errorf("%q is found by %v", query, q.Terms())
		}
	})
}

package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func nested(depth int) string {
	return strings.Repeat(`{"a":[`, depth/2) + strings.Repeat("[", depth%2) +
		strings.Repeat("]", depth%2) + strings.Repeat(`]}`, depth/2)
}

func TestCheck_AcceptsPlainJSON(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{}`, `[]`, `null`, `0`, `-1.5e300`, `""`, " {\"a\" : 1}\r\n",
		`{"a":1,"A":2}`, `{"a":{"a":1}}`, `[{"a":1},{"a":1}]`,
		`"\ud83d\ude00"`, "\"\U0001F600\"", `"\\u0000"`, `"\"\\"`, `{"\\":"\u0001"}`, nested(MaxDepth),
	} {
		if err := Check([]byte(data)); err != nil {
			t.Errorf("Check(%q) = %v, want nil", data, err)
		}
	}
}

func TestCheck_SaysWhereAndWhyItRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, data, pointer, detail string }{
		{"nothing", "", "", "is missing"},
		{"white space", " \n", "", "is missing"},
		{"two values", `{} {}`, "", "is followed by something else; exactly one value is allowed"},
		{"a value and rubbish", `{} x`, "", "is followed by something else; exactly one value is allowed"},
		{"a comma too many", `{"a":1,}`, "", "is not valid JSON at byte 7"},
		{"cut off", `{"a":"b`, "/a", "is not valid JSON: it ends too early"},
		{"a wrong literal", `{"a":nil}`, "/a", "is not valid JSON at byte 6"},
		{"a byte order mark", "\xef\xbb\xbf{}", "", "is not valid JSON at byte 0"},
		{"a leading zero", `[01]`, "", "is not valid JSON at byte 2"},
		{"infinity", `[Infinity]`, "/0", "is not valid JSON at byte 1"},
		{"a name twice", `{"a":1,"b":{"c":1,"c":1}}`, "/b/c", "is given twice"},
		{"a name twice, once escaped", `{"a":1,"\u0061":1}`, "/a", "is given twice"},
		{"a name twice, far apart", `{"x":0` + strings.Repeat(`,"a":0`, 1) + `,"y":{"a":1},"a":[]}`, "/a", "is given twice"},
		{"invalid UTF-8", "{\"a\":[\"\xff\"]}", "/a/0", "is not valid UTF-8 at byte 7"},
		{"an overlong encoding", "\"\xc0\x80\"", "", "is not valid UTF-8 at byte 1"},
		{"invalid UTF-8 in a name", "{\"a\xff\":1}", "", "is not valid UTF-8 at byte 3"},
		{"a surrogate in UTF-8", "[\"\xed\xa0\x80\"]", "/0", "is not valid UTF-8 at byte 2"},
		{"a lone high surrogate", `{"a":"\ud800"}`, "/a", "has half of a surrogate pair at byte 6"},
		{"a lone low surrogate", `{"a":"\uDC00"}`, "/a", "has half of a surrogate pair at byte 6"},
		{"a high surrogate before a letter", `["\ud800\u0041"]`, "/0", "has half of a surrogate pair at byte 2"},
		{"an escaped NUL", `{"a":["b","c\u0000"]}`, "/a/1", "must not contain the character U+0000"},
		{"an escaped NUL after a backslash", `["\\\u0000"]`, "/0", "must not contain the character U+0000"},
		{"an escaped NUL in a name", `{"a":{"\u0000":1}}`, "/a/\x00", "must not contain the character U+0000"},
		{"a raw NUL", "[\"\x00\"]", "/0", "must not contain the character U+0000"},
		{"nested too deeply", nested(MaxDepth + 1), strings.Repeat("/a/0", MaxDepth/2), "is nested deeper than 64 levels"},
		{"nested in long names", `{"a":{"` + strings.Repeat("b", 300) + `":[01]}}`, "/a", "is not valid JSON at byte 311"},
		{"nested absurdly", strings.Repeat("[", 200_000), strings.Repeat("/0", 128), "is not valid JSON at byte 10000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wrong, ok := errors.AsType[*Error](Check([]byte(tt.data)))
			if !ok {
				t.Fatalf("Check(%.40q) accepts, want a refusal", tt.data)
			}
			if wrong.Pointer != tt.pointer || wrong.Detail != tt.detail {
				t.Errorf("Check(%.40q): %q %q, want %q %q", tt.data, wrong.Pointer, wrong.Detail, tt.pointer, tt.detail)
			}
		})
	}
}

func TestError_ReadsAsASentence(t *testing.T) {
	t.Parallel()
	if got, want := Check([]byte(`{"a":1,"a":1}`)).Error(), "the JSON value at /a is given twice"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Check(nil).Error(), "the JSON value is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzCheck holds what Check accepts to what encoding/json makes of it.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"\u0000",{"b":null}]}`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, "\"\xff\"", `[[[[]]]]`, `"\\u0000"`, `{} 1`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data)
		if err != nil {
			if wrong, ok := errors.AsType[*Error](err); !ok || wrong.Detail == "" {
				t.Errorf("Check(%q) = %#v, want an *Error with a sentence", data, err)
			}
			return
		}
		var value any
		if !utf8.Valid(data) || json.Unmarshal(data, &value) != nil {
			t.Fatalf("Check(%q) accepts what encoding/json does not", data)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(again), `\u0000`) && !strings.Contains(string(data), `\\u0000`) {
			t.Errorf("Check(%q) lets U+0000 pass", data)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	small := []byte(`{"to":{"user_id":"bob"},"type":"text","content":{"text":"hello, how are you?"},"client_msg_id":"c1f0"}`)
	large := []byte(`{"users":[` + strings.TrimSuffix(strings.Repeat(`{"user_id":"alice","extra":{"a":[1,2,3]}},`, 1000), ",") + `]}`)
	for name, data := range map[string][]byte{"message": small, "batch": large} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := Check(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

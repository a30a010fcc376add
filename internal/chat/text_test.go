package chat_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gim-im/gim/internal/chat"
)

func TestClean_KeepsWhatPeopleWriteAndShowsWhatTheyDoNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "hi there\nbob", "hi there\nbob"},
		{"clear the screen", "a\x1b[2Jb", "a␛[2Jb"},
		{"window title", "\x1b]0;owned\x07", "␛]0;owned␇"},
		{"8-bit control sequence", "a\u009b2Jb", "a\ufffd2Jb"},
		{"carriage return", "good\rbad", "good␍bad"},
		{"line ends of Windows", "a\r\nb", "a\nb"},
		{"backspace and delete", "a\b\x7f", "a␈␡"},
		{"tab", "a\tb", "a  b"},
		{"NUL", "a\x00b", "a␀b"},
		{"line separators", "a\u2028b\u2029c", "a\nb\nc"},
		{"not UTF-8", "a\xffb", "a\ufffdb"},
		{"bidirectional override", "txt.\u202eexe", "txt.exe"},
		{"isolates and marks", "a\u2066b\u2069\u200fc\u061c", "abc"},
		{"zero width", "a\u200bb\ufeffc\u2060\u00ad", "abc"},
		{"joiner between letters of Latin", "a\u200db", "ab"},
		{"non-joiner in Persian", "می\u200cخواهم", "می\u200cخواهم"},
		{"family", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"},
		{"flag of a region", "🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"},
		{"tags without a flag", "a\U000e0067\U000e0062", "ab"[:1]},
		{"red heart", "❤\ufe0f", "❤\ufe0f"},
		{"Chinese", "你好，世界", "你好，世界"},
		{"accents", "e\u0301a\u0308", "e\u0301a\u0308"},
		{"pile of marks", "e" + strings.Repeat("\u0301", 50) + "x", "e\u0301\u0301\u0301\u0301x"},
		{"mark at the beginning", "\u0301x", " \u0301x"},
		{"Hangul filler", "a\u3164b", "ab"},
		{"no character", "a\uffffb", "a\ufffdb"},
	} {
		if got := chat.Clean(tt.in); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
	if got := chat.CleanLine("a\nb"); got != "a b" {
		t.Errorf("on one line: %q", got)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"hi", "\x1b[31m", "\u202e", "👨\u200d👩", "e\u0301", "\xff\xfe", "\r\n\t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := chat.Clean(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q becomes %q, which is not UTF-8", text, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) && r != '\n' {
				t.Errorf("%q becomes %q, which has the control character %U", text, got, r)
			}
			if unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q becomes %q, which reorders with %U", text, got, r)
			}
		}
		if again := chat.Clean(got); again != got {
			t.Errorf("%q becomes %q, and that %q", text, got, again)
		}
	})
}

func TestMessage_TextDescribesWhatIsNoText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, content, want string }{
		{"text", `{"text":"hi\u001b[2J"}`, "hi␛[2J"},
		{"image", `{"url":"a/b.png","width":640,"height":480}`, "[image 640×480 a/b.png]"},
		{"image", `{"url":"b.png"}`, "[image b.png]"},
		{"file", `{"url":"a/b.pdf","name":"report.pdf","size":12345}`, "[file report.pdf 12 KB]"},
		{"file", `{"url":"a/b.pdf","size":1234}`, "[file b.pdf 1.2 KB]"},
		{"file", `{"url":"x","name":"a\nb\u001b]0;t\u0007"}`, "[file a b␛]0;t␇]"},
		{"voice", `{"url":"v","duration":3}`, "[voice 3 s]"},
		{"voice", `{"url":"v","duration":2.5}`, "[voice 2.5 s]"},
		{"location", `{"latitude":48.1,"longitude":11.5,"desc":"Here"}`, "[location Here 48.10000,11.50000]"},
		{"face", `{"face_id":"smile"}`, "[sticker smile]"},
		{"command", `{"code":1001}`, "[command 1001]"},
		{"custom", `{"a":1}`, `[custom {"a":1}]`},
		{"poll", `{"a":1}`, "[poll]"},
		{"text", `nonsense`, "[text]"},
		{"image", `{"url":7}`, "[image]"},
	} {
		m := chat.Message{Type: tt.kind, Content: []byte(tt.content)}
		if got := m.Text(); got != tt.want {
			t.Errorf("%s %s is %q, want %q", tt.kind, tt.content, got, tt.want)
		}
	}
	long := chat.Message{Type: "custom", Content: []byte(`{"a":"` + strings.Repeat("x", 500) + `"}`)}
	if got := long.Text(); utf8.RuneCountInString(got) > 80 || !strings.HasSuffix(got, "…]") {
		t.Errorf("a long one is %q", got)
	}
}

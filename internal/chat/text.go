package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks a letter keeps. Living scripts need fewer;
// piles of them smear over the lines around.
const maxMarks = 4

// Clean makes text of others safe for a terminal, and keeps it readable:
//
//   - control characters become visible signs, so that none reaches the terminal;
//     line ends stay, tabs become spaces;
//   - marks that reorder what follows (bidirectional overrides) and characters
//     without a width are dropped, but for those that join letters and emoji;
//   - a letter keeps a few combining marks;
//   - what is not UTF-8, or no character, becomes U+FFFD.
func Clean(text string) string {
	if isPlain(text) {
		return text
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	c := cleaner{}
	c.out.Grow(len(text))
	for _, r := range text {
		c.put(r)
	}
	return c.out.String()
}

// CleanLine is Clean for what has to stay on one line.
func CleanLine(text string) string {
	return strings.ReplaceAll(Clean(text), "\n", " ")
}

// isPlain is true for most texts, which need no copy.
func isPlain(text string) bool {
	for i := range len(text) {
		if b := text[i]; b != '\n' && (b < ' ' || b > '~') {
			return false
		}
	}
	return true
}

// cleaner is what Clean knows of the text up to a character.
type cleaner struct {
	out   strings.Builder
	last  rune // the last one that was kept; 0 at the beginning
	marks int  // combining marks since the last letter
}

func (c *cleaner) put(r rune) {
	switch {
	case r == '\n' || r == '\u2028' || r == '\u2029':
		c.keep('\n')
	case r == '\t':
		c.keep(' ')
		c.keep(' ')
	case r < ' ':
		c.keep('\u2400' + r) // the picture of the control character
	case r == 0x7f:
		c.keep('\u2421')
	case r == utf8.RuneError || unicode.Is(unicode.Cc, r) || r&0xfffe == 0xfffe:
		c.keep(utf8.RuneError)
	case unicode.In(r, unicode.Mn, unicode.Me):
		c.mark(r)
	case unicode.Is(unicode.Cf, r) || isBlank(r):
		c.format(r)
	default:
		c.marks = 0
		c.keep(r)
	}
}

func (c *cleaner) keep(r rune) {
	c.out.WriteRune(r)
	c.last = r
}

// mark takes a combining mark, which belongs to the letter before it.
func (c *cleaner) mark(r rune) {
	if c.marks++; c.marks > maxMarks {
		return
	}
	if c.last == 0 || c.last == '\n' {
		c.keep(' ') // else it would go onto what stands before the text
	}
	c.out.WriteRune(r)
	c.last = r
}

// format takes a character that is not seen itself.
func (c *cleaner) format(r rune) {
	const joiner, nonJoiner, flag = '\u200d', '\u200c', '\U0001f3f4'
	switch {
	case r == joiner || r == nonJoiner:
		if c.last > unicode.MaxASCII && c.last != joiner && c.last != nonJoiner {
			c.keep(r)
		}
	case r >= 0xe0020 && r <= 0xe007f: // the tags of a flag
		if c.last == flag || c.last >= 0xe0020 && c.last < 0xe007f {
			c.keep(r)
		}
	}
}

// isBlank is for what has no width, or looks like nothing, and is no format
// character to Unicode.
func isBlank(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0': // Hangul fillers
		return true
	}
	return r == 0x2065 || r >= 0xfff0 && r <= 0xfff8 || r >= 0xe0080 && r <= 0xe00ff || r >= 0xe01f0 && r <= 0xe0fff
}

package domain

import (
	"unicode"
	"unicode/utf8"
)

// What emoji are made of beside pictographs, see Unicode Technical Standard #51.
const (
	emojiJoiner    = '\u200D'
	emojiStyle     = '\uFE0F' // shows what stands before it as a picture
	emojiKeycap    = '\u20E3'
	emojiFirstTone = '\U0001F3FB' // of skin
	emojiLastTone  = '\U0001F3FF'
	emojiFirstFlag = '\U0001F1E6' // the letters of which two are a flag
	emojiLastFlag  = '\U0001F1FF'
	emojiFirstTag  = '\U000E0020'
	emojiLastTag   = '\U000E007E'
	emojiEndOfTags = '\U000E007F'
)

// isEmoji reports whether s is one emoji: a flag, a keycap, or pictographs that are
// joined to one, each with what belongs to it. That there is a picture of it is not
// known here; there are new ones every year.
func isEmoji(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	rest := []rune(s)
	switch {
	case len(rest) == 2 && isFlagLetter(rest[0]) && isFlagLetter(rest[1]):
		return true
	case len(rest) > 1 && isKeycapBase(rest[0]):
		if rest = rest[1:]; rest[0] == emojiStyle {
			rest = rest[1:]
		}
		return len(rest) == 1 && rest[0] == emojiKeycap
	}
	for {
		n := pictograph(rest)
		switch {
		case n == 0:
			return false
		case n == len(rest):
			return true
		case rest[n] != emojiJoiner:
			return false
		}
		rest = rest[n+1:]
	}
}

// pictograph is how many of the runes are the first pictograph and what belongs to it.
func pictograph(s []rune) int {
	if len(s) == 0 || !unicode.Is(pictographs, s[0]) {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == emojiStyle || s[n] >= emojiFirstTone && s[n] <= emojiLastTone) {
		n++
	}
	tags := n
	for tags < len(s) && s[tags] >= emojiFirstTag && s[tags] <= emojiLastTag {
		tags++
	}
	if tags > n && tags < len(s) && s[tags] == emojiEndOfTags {
		return tags + 1
	}
	return n
}

func isFlagLetter(r rune) bool { return r >= emojiFirstFlag && r <= emojiLastFlag }

func isKeycapBase(r rune) bool { return r >= '0' && r <= '9' || r == '#' || r == '*' }

// pictographs are the characters with the property Extended_Pictographic, which has
// places for those that are to come.
var pictographs = &unicode.RangeTable{
	LatinOffset: 2,
	R16: []unicode.Range16{
		{0xA9, 0xA9, 1}, {0xAE, 0xAE, 1}, {0x203C, 0x203C, 1}, {0x2049, 0x2049, 1}, {0x2122, 0x2122, 1}, {0x2139, 0x2139, 1},
		{0x2194, 0x2199, 1}, {0x21A9, 0x21AA, 1}, {0x231A, 0x231B, 1}, {0x2328, 0x2328, 1}, {0x2388, 0x2388, 1}, {0x23CF, 0x23CF, 1},
		{0x23E9, 0x23F3, 1}, {0x23F8, 0x23FA, 1}, {0x24C2, 0x24C2, 1}, {0x25AA, 0x25AB, 1}, {0x25B6, 0x25B6, 1}, {0x25C0, 0x25C0, 1},
		{0x25FB, 0x25FE, 1}, {0x2600, 0x2605, 1}, {0x2607, 0x2612, 1}, {0x2614, 0x2685, 1}, {0x2690, 0x2705, 1}, {0x2708, 0x2712, 1},
		{0x2714, 0x2714, 1}, {0x2716, 0x2716, 1}, {0x271D, 0x271D, 1}, {0x2721, 0x2721, 1}, {0x2728, 0x2728, 1}, {0x2733, 0x2734, 1},
		{0x2744, 0x2744, 1}, {0x2747, 0x2747, 1}, {0x274C, 0x274C, 1}, {0x274E, 0x274E, 1}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1},
		{0x2763, 0x2767, 1}, {0x2795, 0x2797, 1}, {0x27A1, 0x27A1, 1}, {0x27B0, 0x27B0, 1}, {0x27BF, 0x27BF, 1}, {0x2934, 0x2935, 1},
		{0x2B05, 0x2B07, 1}, {0x2B1B, 0x2B1C, 1}, {0x2B50, 0x2B50, 1}, {0x2B55, 0x2B55, 1}, {0x3030, 0x3030, 1}, {0x303D, 0x303D, 1},
		{0x3297, 0x3297, 1}, {0x3299, 0x3299, 1},
	},
	R32: []unicode.Range32{
		{0x1F000, 0x1F0FF, 1}, {0x1F10D, 0x1F10F, 1}, {0x1F12F, 0x1F12F, 1}, {0x1F16C, 0x1F171, 1}, {0x1F17E, 0x1F17F, 1},
		{0x1F18E, 0x1F18E, 1}, {0x1F191, 0x1F19A, 1}, {0x1F1AD, 0x1F1E5, 1}, {0x1F201, 0x1F20F, 1}, {0x1F21A, 0x1F21A, 1},
		{0x1F22F, 0x1F22F, 1}, {0x1F232, 0x1F23A, 1}, {0x1F23C, 0x1F23F, 1}, {0x1F249, 0x1F3FA, 1}, {0x1F400, 0x1F53D, 1},
		{0x1F546, 0x1F64F, 1}, {0x1F680, 0x1F6FF, 1}, {0x1F774, 0x1F77F, 1}, {0x1F7D5, 0x1F7FF, 1}, {0x1F80C, 0x1F80F, 1},
		{0x1F848, 0x1F84F, 1}, {0x1F85A, 0x1F85F, 1}, {0x1F888, 0x1F88F, 1}, {0x1F8AE, 0x1F8FF, 1}, {0x1F90C, 0x1F93A, 1},
		{0x1F93C, 0x1F945, 1}, {0x1F947, 0x1FAFF, 1}, {0x1FC00, 0x1FFFD, 1},
	},
}

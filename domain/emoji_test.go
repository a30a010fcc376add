package domain

import "testing"

func TestIsEmoji_IsOneOfThem(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"👍", "👍🏽", "❤", "❤️", "☺️", "™️", "🇩🇪", "1️⃣", "1⃣", "#️⃣", "*️⃣", "👨\u200d👩\u200d👧\u200d👦", "👩🏽\u200d💻", "🏳️\u200d🌈", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", "👨🏻\u200d❤️\u200d💋\u200d👨🏿", "🫠", "⏩", "🅰️", "㊗️",
	} {
		if !isEmoji(s) {
			t.Errorf("%q is none", s)
		}
	}
	for _, s := range []string{
		"", "a", "1", "#", "1️", "⃣", "👍👍", "👍a", "a👍", " 👍", "👍 ", "👍\u200d", "\u200d👍", "👍\u200da", "🇩", "🇩🇪🇫", "🇩👍", "️", "🏽", "👍🏽🏽", "👍️️",
		"🏴\U000E0067\U000E0062", "🏴\U000E007F", "é", "ß", "中", "\xff", "👍\xff", "12️⃣", "1️⃣2", "👍\x00", "👍\n",
	} {
		if isEmoji(s) {
			t.Errorf("%q is one", s)
		}
	}
}

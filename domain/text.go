package domain

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// validateText checks a string that people read: valid UTF-8 without NUL, at
// most limit characters. Empty is allowed.
func validateText(pointer, s string, limit int) *Error {
	switch {
	case !utf8.ValidString(s):
		return Invalid(pointer, "is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return Invalid(pointer, "must not contain the character U+0000")
	case utf8.RuneCountInString(s) > limit:
		return Invalid(pointer, "is longer than %d characters", limit)
	}
	return nil
}

// validateExtra checks an extra object: a JSON object of at most MaxExtraBytes.
func validateExtra(pointer string, extra json.RawMessage) *Error {
	switch {
	case len(extra) == 0:
		return nil
	case len(extra) > MaxExtraBytes:
		return Invalid(pointer, "is larger than %d bytes", MaxExtraBytes)
	case extra[0] != '{' || !json.Valid(extra):
		return Invalid(pointer, "must be a JSON object")
	}
	return nil
}

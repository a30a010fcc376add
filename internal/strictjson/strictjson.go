// Package strictjson decides whether bytes from outside are JSON that every
// reader understands in the same way: one value, valid UTF-8, no name twice in
// an object, no U+0000, no bottomless nesting. encoding/json lets all of these
// pass, changes some of them, and two readers of the same bytes may then
// disagree about what was said.
//
// The package has no state; Check may be called concurrently.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and arrays may be nested.
const MaxDepth = 64

const hasNULDetail = "must not contain the character U+0000"

// Error says where and why bytes were refused. It is fit to be shown to whoever
// sent them; it repeats names of theirs but no values.
type Error struct {
	// Pointer is the JSON pointer to the value at fault, "" for the whole. Where
	// it would be longer than 256 bytes it names an enclosing value.
	Pointer string
	Detail  string // continues the sentence "this value …"
}

// Error implements error.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return "the JSON value " + e.Detail
	}
	return "the JSON value at " + e.Pointer + " " + e.Detail
}

// Check returns nil when data holds exactly one JSON value (white space around
// it is allowed) in valid UTF-8, without lone surrogates, without an object that
// has a name twice, without U+0000 in any string or name, escaped or not, and
// nested no deeper than MaxDepth. Otherwise it returns an *Error.
func Check(data []byte) error {
	if !jsontext.Value(data).IsValid() {
		return diagnose(data)
	}
	offset, detail := scan(data)
	if detail == "" {
		return nil
	}
	return &Error{Pointer: enclosing(pointerAt(data, offset)), Detail: detail}
}

// scan looks for what JSON allows and Check does not. data is valid JSON, so a
// quote outside a string begins one, and a backslash has a character after it.
func scan(data []byte) (offset int, detail string) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return i, fmt.Sprintf("is nested deeper than %d levels", MaxDepth)
			}
		case '}', ']':
			depth--
		case '"':
			end, hasNUL := scanString(data, i+1)
			if hasNUL {
				return i, hasNULDetail
			}
			i = end
		}
	}
	return 0, ""
}

// scanString returns the index of the quote that ends the string whose first
// character is at i. A raw NUL is no valid JSON, so only the escape is looked for.
func scanString(data []byte, i int) (end int, hasNUL bool) {
	for ; data[i] != '"'; i++ {
		if data[i] != '\\' {
			continue
		}
		i++
		if data[i] == 'u' && string(data[i+1:i+5]) == "0000" {
			hasNUL = true
		}
	}
	return i, hasNUL
}

// pointerAt returns the pointer of the token of valid JSON that begins at offset.
func pointerAt(data []byte, offset int) string {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.ReadToken(); err != nil || d.InputOffset() > int64(offset) {
			return string(d.StackPointer())
		}
	}
}

// diagnose says what is wrong with data that is not valid.
func diagnose(data []byte) *Error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	_, err := d.ReadValue()
	if err == nil {
		return &Error{Detail: "is followed by something else; exactly one value is allowed"}
	}
	if errors.Is(err, io.EOF) {
		return &Error{Detail: "is missing"}
	}
	wrong, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return &Error{Detail: "is not valid JSON"}
	}
	return &Error{Pointer: enclosing(string(wrong.JSONPointer)), Detail: describe(data, wrong)}
}

// enclosing shortens a pointer: a prefix that ends before a slash names a value
// around the one meant.
func enclosing(pointer string) string {
	const maxPointer = 256
	if len(pointer) <= maxPointer {
		return pointer
	}
	return pointer[:max(0, strings.LastIndexByte(pointer[:maxPointer+1], '/'))]
}

// describe goes by the bytes at the fault: the texts of the decoder's errors are
// no contract.
func describe(data []byte, wrong *jsontext.SyntacticError) string {
	if errors.Is(wrong, jsontext.ErrDuplicateName) {
		return "is given twice"
	}
	if errors.Is(wrong, io.ErrUnexpectedEOF) {
		return "is not valid JSON: it ends too early"
	}
	if wrong.ByteOffset < int64(len(data)) {
		rest := data[wrong.ByteOffset:]
		if r, size := utf8.DecodeRune(rest); r == utf8.RuneError && size == 1 {
			return fmt.Sprintf("is not valid UTF-8 at byte %d", wrong.ByteOffset)
		}
		if isSurrogate(rest) {
			return fmt.Sprintf("has half of a surrogate pair at byte %d", wrong.ByteOffset)
		}
		if rest[0] == 0 {
			return hasNULDetail
		}
	}
	return fmt.Sprintf("is not valid JSON at byte %d", wrong.ByteOffset)
}

// isSurrogate reports whether b begins with an escape from \ud800 to \udfff.
func isSurrogate(b []byte) bool {
	return len(b) >= 6 && b[0] == '\\' && b[1] == 'u' && (b[2] == 'd' || b[2] == 'D') && strings.IndexByte("89abcdefABCDEF", b[3]) >= 0
}

package handlers

import (
	"bytes"
	"math/bits"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// shape is a schema of the contract, made ready to look at bodies that fit, which
// nearly all do: it goes over the bytes once and allocates nothing. It never says
// that something is wrong. What it is not sure of, such as a string with escapes
// or a null, is for validate, which knows every rule and finds the words.
type shape struct {
	kind string

	// Of an object.
	members  map[string]member
	required uint64 // a bit for each member that has to be there
	isOpen   bool   // other members may be there, with anything in them

	items    *shape // of an array
	min, max uint64 // of entries, and of characters

	pattern *regexp.Regexp // nil for any
	enum    []string       // nil for any

	least, most *float64 // of an integer or number
}

type member struct {
	shape *shape
	bit   uint64
}

// newShape returns nil for a schema that says more than shape knows.
func newShape(ref *openapi3.SchemaRef) *shape {
	if ref == nil || ref.Value == nil || ref.Value.Type == nil || len(*ref.Value.Type) != 1 {
		return nil
	}
	s := ref.Value
	if len(s.OneOf)+len(s.AnyOf)+len(s.AllOf) > 0 || s.Not != nil || s.Nullable || s.UniqueItems || s.MultipleOf != nil ||
		s.MinProps > 0 || s.MaxProps != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() || s.ReadOnly {
		return nil
	}
	f := &shape{kind: (*s.Type)[0], max: 1 << 62, least: s.Min, most: s.Max}
	switch f.kind {
	case openapi3.TypeObject:
		return f.object(s)
	case openapi3.TypeArray:
		f.min = s.MinItems
		if s.MaxItems != nil {
			f.max = *s.MaxItems
		}
		f.items = newShape(s.Items)
		if f.items == nil {
			return nil
		}
	case openapi3.TypeString:
		return f.text(s)
	case openapi3.TypeInteger, openapi3.TypeNumber, openapi3.TypeBoolean:
		if len(s.Enum) > 0 || s.Format != "" && s.Format != "int64" {
			return nil
		}
	default:
		return nil
	}
	return f
}

func (f *shape) object(s *openapi3.Schema) *shape {
	if s.AdditionalProperties.Schema != nil || len(s.Properties) > 64 || len(s.Enum) > 0 {
		return nil
	}
	f.isOpen = s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has
	f.members = make(map[string]member, len(s.Properties))
	for name, ref := range s.Properties {
		m := member{shape: newShape(ref), bit: 1 << len(f.members)}
		if m.shape == nil {
			return nil
		}
		f.members[name] = m
	}
	for _, name := range s.Required {
		m, known := f.members[name]
		if !known {
			return nil
		}
		f.required |= m.bit
	}
	return f
}

func (f *shape) text(s *openapi3.Schema) *shape {
	f.min = s.MinLength
	if s.MaxLength != nil {
		f.max = *s.MaxLength
	}
	if s.Format != "" {
		return nil
	}
	if s.Pattern != "" {
		var err error
		if f.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return nil
		}
	}
	for _, value := range s.Enum {
		text, ok := value.(string)
		if !ok {
			return nil
		}
		f.enum = append(f.enum, text)
	}
	return f
}

// fits reports whether body, which strictjson.Check has let pass, surely fits.
func (f *shape) fits(body []byte) bool {
	if f == nil {
		return false
	}
	c := cursor{body}
	return c.value(f)
}

// cursor goes over valid JSON.
type cursor struct{ rest []byte }

// peek skips white space, commas and colons, which are where they should be, and
// returns the byte that comes.
func (c *cursor) peek() byte {
	for i, b := range c.rest {
		switch b {
		case ' ', '\t', '\n', '\r', ',', ':':
		default:
			c.rest = c.rest[i:]
			return b
		}
	}
	return 0
}

func (c *cursor) value(f *shape) (ok bool) {
	switch first := c.peek(); f.kind {
	case openapi3.TypeObject:
		return first == '{' && c.object(f)
	case openapi3.TypeArray:
		return first == '[' && c.array(f)
	case openapi3.TypeString:
		text, ok := c.text()
		return ok && f.takes(text)
	case openapi3.TypeBoolean:
		word := c.scalar()
		return string(word) == "true" || string(word) == "false"
	}
	return f.takesNumber(c.scalar())
}

func (c *cursor) object(f *shape) bool {
	c.rest = c.rest[1:]
	seen := uint64(0)
	for c.peek() != '}' {
		name, ok := c.text()
		if !ok {
			return false
		}
		m, known := f.members[string(name)]
		switch {
		case !known && !f.isOpen:
			return false
		case !known:
			c.skip()
			continue
		case !c.value(m.shape):
			return false
		}
		seen |= m.bit
	}
	c.rest = c.rest[1:]
	return bits.OnesCount64(seen&f.required) == bits.OnesCount64(f.required)
}

func (c *cursor) array(f *shape) bool {
	c.rest = c.rest[1:]
	n := uint64(0)
	for ; c.peek() != ']'; n++ {
		if !c.value(f.items) {
			return false
		}
	}
	c.rest = c.rest[1:]
	return n >= f.min && n <= f.max
}

// text returns a string without its quotes; ok is false for what is none, and for
// one with escapes.
func (c *cursor) text() (text []byte, ok bool) {
	if c.peek() != '"' {
		return nil, false
	}
	end := bytes.IndexByte(c.rest[1:], '"') + 1
	text = c.rest[1:end]
	c.rest = c.rest[end+1:]
	return text, bytes.IndexByte(text, '\\') < 0
}

// scalar returns a number or a word.
func (c *cursor) scalar() []byte {
	n := bytes.IndexAny(c.rest, " \t\n\r,]}")
	if n < 0 {
		n = len(c.rest)
	}
	word := c.rest[:n]
	c.rest = c.rest[n:]
	return word
}

// skip goes over any value.
func (c *cursor) skip() {
	for depth := 0; ; {
		switch c.peek() {
		case '{', '[':
			depth++
			c.rest = c.rest[1:]
		case '}', ']':
			depth--
			c.rest = c.rest[1:]
		case '"':
			c.skipString()
		default:
			c.scalar()
		}
		if depth == 0 {
			return
		}
	}
}

func (c *cursor) skipString() {
	i := 1
	for ; c.rest[i] != '"'; i++ {
		if c.rest[i] == '\\' {
			i++
		}
	}
	c.rest = c.rest[i+1:]
}

func (f *shape) takes(text []byte) bool {
	if f.enum != nil && !isOneOf(text, f.enum) {
		return false
	}
	if n := uint64(utf8.RuneCount(text)); n < f.min || n > f.max { //nolint:gosec // a count is not negative
		return false
	}
	return f.pattern == nil || f.pattern.Match(text)
}

func isOneOf(text []byte, names []string) bool {
	for _, name := range names {
		if string(text) == name {
			return true
		}
	}
	return false
}

// takesNumber takes integers of up to 15 digits, which every reader understands in
// the same way.
func (f *shape) takesNumber(digits []byte) bool {
	const most = 15
	if len(digits) == 0 || len(digits) > most {
		return false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return false
	}
	return (f.least == nil || float64(n) >= *f.least) && (f.most == nil || float64(n) <= *f.most)
}

package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gim-im/gim/domain"
)

// validate holds a value to a schema and says what is wrong, in the order of the
// pointers and with one entry for each.
func validate(schema *openapi3.Schema, value any) []domain.FieldError {
	err := schema.VisitJSON(value, openapi3.MultiErrors())
	if err == nil {
		return nil
	}
	found := make(map[string]string)
	collect(found, err)
	fields := make([]domain.FieldError, 0, len(found))
	for pointer, detail := range found {
		fields = append(fields, domain.FieldError{Pointer: pointer, Detail: detail})
	}
	slices.SortFunc(fields, func(a, b domain.FieldError) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return fields
}

func collect(found map[string]string, err error) {
	if many, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // AsType would unpack the first one only
		for _, one := range many {
			collect(found, one)
		}
		return
	}
	wrong, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		found[""] = "does not fit the contract"
		return
	}
	pointer := toPointer(wrong.JSONPointer())
	if wrong.SchemaField != "properties" {
		if _, known := found[pointer]; !known {
			found[pointer] = sentence(wrong)
		}
		return
	}
	// The library names an unknown field in its text only.
	object, _ := wrong.Value.(map[string]any)
	for name := range maps.Keys(object) {
		if wrong.Schema.Properties[name] == nil {
			found[pointer+toPointer([]string{name})] = "is not a known field"
		}
	}
}

// toPointer writes a JSON pointer (RFC 6901).
func toPointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(shorten(name)))
	}
	return b.String()
}

// idPattern is the pattern of outside ids in openapi.yaml; a test compares them.
const idPattern = `^[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*$`

// sentence continues "this field …". Everything in it comes from the contract.
func sentence(wrong *openapi3.SchemaError) string {
	s := wrong.Schema
	switch wrong.SchemaField {
	case "required":
		return "is required"
	case "nullable":
		return "must not be null"
	case "enum":
		return "must be one of " + strings.Join(names(s.Enum), ", ")
	case "type":
		return "must be " + typeName(s)
	case "format":
		return "must be an integer of 64 bits"
	case "minimum", "maximum":
		return "must be " + numberRange(s)
	case "minLength", "maxLength":
		return "must have " + countRange(s.MinLength, s.MaxLength, "character")
	case "minItems", "maxItems":
		return "must have " + countRange(s.MinItems, s.MaxItems, "entry")
	case "pattern":
		if s.Pattern == idPattern {
			return "may contain only letters, digits and the characters _ . @ + -, and must not start with a dot"
		}
	}
	return "does not fit the contract"
}

func names(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func typeName(s *openapi3.Schema) string {
	switch {
	case s.Type.Is(openapi3.TypeObject):
		return "an object"
	case s.Type.Is(openapi3.TypeArray):
		return "an array"
	case s.Type.Is(openapi3.TypeInteger):
		return "an integer"
	case s.Type.Is(openapi3.TypeNumber):
		return "a number"
	case s.Type.Is(openapi3.TypeBoolean):
		return "true or false"
	}
	return "a string"
}

func numberRange(s *openapi3.Schema) string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case s.Min != nil && s.Max != nil:
		return "between " + number(*s.Min) + " and " + number(*s.Max)
	case s.Max != nil:
		return "at most " + number(*s.Max)
	case s.Min != nil && *s.Min == 0:
		return "0 or more"
	case s.Min != nil:
		return "at least " + number(*s.Min)
	}
	return "in range"
}

func countRange(least uint64, most *uint64, unit string) string {
	units := map[string]string{"character": "characters", "entry": "entries"}[unit]
	switch {
	case least > 0 && most != nil:
		return fmt.Sprintf("between %d and %d %s", least, *most, units)
	case most != nil:
		return fmt.Sprintf("at most %d %s", *most, units)
	case least == 1:
		return "at least 1 " + unit
	}
	return fmt.Sprintf("at least %d %s", least, units)
}

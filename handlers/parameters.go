package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gim-im/gim/domain"
)

// checkParameters holds the query and the Idempotency-Key to the contract and
// returns the latter, "" where there is none.
func (op *operation) checkParameters(r *http.Request) (idempotencyKey string, err error) {
	fields, err := op.checkQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	if keys := r.Header.Values(headerIdempotencyKey); op.idempotencyKey != nil && len(keys) > 0 {
		fields = append(fields, checkParameter(headerIdempotencyKey, op.idempotencyKey, keys)...)
		idempotencyKey = keys[0]
	}
	return idempotencyKey, invalid(fields)
}

func (op *operation) checkQuery(raw string) ([]domain.FieldError, error) {
	if raw == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, domain.Invalid("", "has a malformed query")
	}
	var fields []domain.FieldError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		schema, known := op.query[name]
		if !known {
			fields = append(fields, domain.FieldError{Pointer: shorten(name), Detail: "is not a known parameter"})
			continue
		}
		fields = append(fields, checkParameter(name, schema, query[name])...)
	}
	return fields, nil
}

// checkParameter checks the values of a parameter that may be given once.
func checkParameter(name string, schema *openapi3.Schema, values []string) []domain.FieldError {
	if len(values) != 1 {
		return []domain.FieldError{{Pointer: name, Detail: "is given more than once"}}
	}
	var value any = values[0]
	if schema.Type.Is(openapi3.TypeInteger) {
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return []domain.FieldError{{Pointer: name, Detail: "must be an integer"}}
		}
		value = n
	} else if !utf8.ValidString(values[0]) {
		return []domain.FieldError{{Pointer: name, Detail: "is not valid UTF-8"}}
	}
	fields := validate(schema, value)
	for i := range fields {
		fields[i].Pointer = name
	}
	return fields
}

// invalid returns the error that shows fields, nil for none.
func invalid(fields []domain.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	err := domain.Invalid("", "")
	err.Fields = fields
	return err
}

// shorten keeps what a caller made up from making an answer large or unreadable.
func shorten(name string) string {
	const maxName = 128
	if !utf8.ValidString(name) {
		return ""
	}
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

package domain

import (
	"encoding/base64"
)

// Page asks for a part of a list: at most Limit entries after Cursor.
type Page struct {
	Limit  int    // 1 to MaxPageSize
	Cursor string // NextCursor of the page before; "" is the start
}

// List is a page of T. NextCursor is "" at the end; outside it is shown by EncodeCursor.
type List[T any] struct {
	Items      []T
	NextCursor string
}

// NewPage checks limit and cursor of a list request; nil limit means
// DefaultPageSize, nil cursor the start.
func NewPage(limit *int, cursor *string) (Page, error) {
	p := Page{}
	var err error
	if p.Limit, err = PageLimit(limit); err != nil {
		return Page{}, err
	}
	if cursor != nil && *cursor != "" {
		raw, decodeErr := base64.RawURLEncoding.DecodeString(*cursor)
		if decodeErr != nil || len(raw) == 0 || len(raw) > MaxIDLength {
			return Page{}, Invalid("cursor", "is not a cursor that a list answered with")
		}
		p.Cursor = string(raw)
	}
	return p, nil
}

// PageLimit checks the limit parameter of a list; nil means DefaultPageSize.
func PageLimit(limit *int) (int, error) {
	if limit == nil {
		return DefaultPageSize, nil
	}
	if *limit < 1 || *limit > MaxPageSize {
		return 0, Invalid("limit", "must be between 1 and %d", MaxPageSize)
	}
	return *limit, nil
}

// EncodeCursor makes the opaque form of a list position for the outside; "" stays "".
func EncodeCursor(position string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(position))
}

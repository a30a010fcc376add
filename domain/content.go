package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// ContentType names the form of a message's content.
type ContentType string

// The content types.
const (
	ContentText     ContentType = "text"
	ContentFace     ContentType = "face"
	ContentVoice    ContentType = "voice"
	ContentImage    ContentType = "image"
	ContentFile     ContentType = "file"
	ContentLocation ContentType = "location"
	ContentCommand  ContentType = "command"
	ContentCustom   ContentType = "custom"
)

// contentTypes names all of them to those who asked for another one.
const contentTypes = "text, face, voice, image, file, location, command, custom"

// FirstBusinessCommand is the lowest command code a caller may send; those
// below are gim's own.
const FirstBusinessCommand = 1000

// maxURL is the greatest length of a URL in a content, in bytes.
const maxURL = 2048

// content is a typed content: it knows its own rules.
type content interface {
	check() *Error
}

type textContent struct {
	Text *string `json:"text"`
}

type faceContent struct {
	FaceID *string `json:"face_id"`
	URL    *string `json:"url,omitempty"`
}

type voiceContent struct {
	ID       *string  `json:"id,omitempty"`
	Size     *int64   `json:"size,omitempty"`     // bytes
	Duration *float64 `json:"duration,omitempty"` // seconds
	URL      *string  `json:"url"`
}

type imageContent struct {
	ID           *string `json:"id,omitempty"`
	Width        *int64  `json:"width,omitempty"`  // pixels
	Height       *int64  `json:"height,omitempty"` // pixels
	URL          *string `json:"url"`
	ThumbnailURL *string `json:"thumbnail_url,omitempty"`
}

type fileContent struct {
	ID   *string `json:"id,omitempty"`
	Name *string `json:"name,omitempty"`
	Size *int64  `json:"size,omitempty"` // bytes
	URL  *string `json:"url"`
}

type locationContent struct {
	Desc      *string  `json:"desc,omitempty"`
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
}

type commandContent struct {
	Code *int64          `json:"code"`
	Data json.RawMessage `json:"data,omitempty"`
}

func (c *textContent) check() *Error { return required("/content/text", c.Text, MaxContentBytes) }

func (c *faceContent) check() *Error {
	return first(required("/content/face_id", c.FaceID, MaxName), checkURL("/content/url", c.URL, false))
}

func (c *voiceContent) check() *Error {
	return first(
		optional("/content/id", c.ID, MaxName), notNegative("/content/size", c.Size),
		between("/content/duration", c.Duration, 0, 1<<31, false), checkURL("/content/url", c.URL, true))
}

func (c *imageContent) check() *Error {
	return first(
		optional("/content/id", c.ID, MaxName), notNegative("/content/width", c.Width),
		notNegative("/content/height", c.Height), checkURL("/content/url", c.URL, true),
		checkURL("/content/thumbnail_url", c.ThumbnailURL, false))
}

func (c *fileContent) check() *Error {
	return first(
		optional("/content/id", c.ID, MaxName), optional("/content/name", c.Name, MaxText),
		notNegative("/content/size", c.Size), checkURL("/content/url", c.URL, true))
}

func (c *locationContent) check() *Error {
	return first(
		optional("/content/desc", c.Desc, MaxText), between("/content/latitude", c.Latitude, -90, 90, true),
		between("/content/longitude", c.Longitude, -180, 180, true))
}

func (c *commandContent) check() *Error {
	switch {
	case c.Code == nil:
		return Invalid("/content/code", "is required")
	case *c.Code < FirstBusinessCommand || *c.Code > 1<<31-1:
		return Invalid("/content/code", "must be between %d and %d; lower codes are gim's own", FirstBusinessCommand, 1<<31-1)
	}
	return nil
}

// newContent returns an empty content of type t; nil for custom, which has no
// form of its own. ok is false when there is no such type.
func newContent(t ContentType) (c content, ok bool) {
	switch t {
	case ContentText:
		return &textContent{}, true
	case ContentFace:
		return &faceContent{}, true
	case ContentVoice:
		return &voiceContent{}, true
	case ContentImage:
		return &imageContent{}, true
	case ContentFile:
		return &fileContent{}, true
	case ContentLocation:
		return &locationContent{}, true
	case ContentCommand:
		return &commandContent{}, true
	case ContentCustom:
		return nil, true
	}
	return nil, false
}

// ParseContent checks a message's content field by field and returns it in the
// compact form that is stored. raw must be JSON without duplicate names, which
// the transports check; anything else is bad_request, or too_large above
// MaxContentBytes.
func ParseContent(t ContentType, raw json.RawMessage) (json.RawMessage, error) {
	form, ok := newContent(t)
	if !ok {
		return nil, Invalid("/type", "must be one of %s", contentTypes)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil || compact.Len() == 0 || compact.Bytes()[0] != '{' {
		return nil, Invalid("/content", "must be a JSON object")
	}
	if compact.Len() > MaxContentBytes {
		return nil, Failure(CodeTooLarge, "The content has %d bytes; %d are allowed.", compact.Len(), MaxContentBytes)
	}
	if !utf8.Valid(compact.Bytes()) {
		return nil, Invalid("/content", "is not valid UTF-8")
	}
	if form == nil {
		return compact.Bytes(), nil
	}
	if err := decodeExact(compact.Bytes(), form, contentFields[t]); err != nil {
		return nil, err
	}
	if err := form.check(); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// contentFields names the fields of each type, exactly as they are written:
// encoding/json alone would take other spellings in upper case too.
var contentFields = map[ContentType][]string{
	ContentText:     {"text"},
	ContentFace:     {"face_id", "url"},
	ContentVoice:    {"id", "size", "duration", "url"},
	ContentImage:    {"id", "width", "height", "url", "thumbnail_url"},
	ContentFile:     {"id", "name", "size", "url"},
	ContentLocation: {"desc", "latitude", "longitude"},
	ContentCommand:  {"code", "data"},
}

func decodeExact(raw []byte, form content, fields []string) error {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(raw, &named); err != nil {
		return Invalid("/content", "must be a JSON object")
	}
	for name, value := range named {
		switch {
		case !slices.Contains(fields, name):
			return Invalid("/content/"+name, "is not a field of this type; its fields are %s", strings.Join(fields, ", "))
		case string(value) == "null":
			return Invalid("/content/"+name, "must not be null; leave it out instead")
		}
	}
	err := json.Unmarshal(raw, form)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Invalid("/content/"+wrong.Field, "must not be a %s", wrong.Value)
	}
	if err != nil {
		return Invalid("/content", "does not fit the type")
	}
	return nil
}

func first(fails ...*Error) *Error {
	for _, f := range fails {
		if f != nil {
			return f
		}
	}
	return nil
}

func required(pointer string, s *string, limit int) *Error {
	if s == nil || *s == "" {
		return Invalid(pointer, "is required and must not be empty")
	}
	return validateText(pointer, *s, limit)
}

func optional(pointer string, s *string, limit int) *Error {
	if s == nil {
		return nil
	}
	return validateText(pointer, *s, limit)
}

func notNegative(pointer string, n *int64) *Error {
	if n != nil && *n < 0 {
		return Invalid(pointer, "must not be negative")
	}
	return nil
}

func between(pointer string, x *float64, low, high float64, must bool) *Error {
	switch {
	case x == nil && must:
		return Invalid(pointer, "is required")
	case x != nil && (*x < low || *x > high):
		return Invalid(pointer, "must be between %s and %s", fmt.Sprint(low), fmt.Sprint(high))
	}
	return nil
}

// checkURL accepts http and https addresses and names without a scheme (the
// key of an object in the business's own storage). Other schemes could run code
// where a client makes a link of them.
func checkURL(pointer string, s *string, must bool) *Error {
	switch {
	case s == nil && !must:
		return nil
	case s == nil || (*s == "" && must):
		return Invalid(pointer, "is required and must not be empty")
	case len(*s) > maxURL:
		return Invalid(pointer, "is longer than %d bytes", maxURL)
	}
	u, err := url.Parse(*s)
	if err != nil || strings.ContainsAny(*s, "\x00\r\n\t ") {
		return Invalid(pointer, "is not a URL")
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return Invalid(pointer, "must be an http or https URL, or a path without a scheme")
	}
	return nil
}

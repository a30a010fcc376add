package domain

import (
	"strings"
)

// Outside ids, chosen by the business: 1 to [MaxIDLength] characters of
// [A-Za-z0-9_.@+-], not starting with a dot, compared byte for byte.
type (
	// AppID names a tenant.
	AppID string
	// UserID names a user of an app.
	UserID string
	// GroupID names a group of an app.
	GroupID string
	// DeviceID names a device of an app; it belongs to one user.
	DeviceID string
)

// Inside numbers, made by the store.
type (
	// AppNum is an app's number.
	AppNum int64
	// UserNum is a user's number, unique within the app; 0 is nobody.
	UserNum int64
	// ConversationNum is a conversation's number, unique within the app.
	ConversationNum int64
)

// MaxIDLength is the greatest length of an outside id, in characters.
const MaxIDLength = 64

// Reserved ids: they have a meaning of their own in the paths of the REST API.
const (
	idMe    = "me"
	idBatch = "batch"
)

// ValidateID checks an outside id; pointer is the JSON pointer or parameter
// name that the error names. It returns nil or a bad_request error.
func ValidateID(pointer, id string) *Error {
	switch {
	case id == "":
		return Invalid(pointer, "must not be empty; an id has 1 to %d characters", MaxIDLength)
	case len(id) > MaxIDLength:
		return Invalid(pointer, "is longer than %d characters", MaxIDLength)
	case id[0] == '.':
		return Invalid(pointer, "must not start with a dot")
	case id == idMe || id == idBatch:
		return Invalid(pointer, "is a reserved id; %q and %q cannot be used", idMe, idBatch)
	}
	for i := range len(id) {
		if !isIDByte(id[i]) {
			return Invalid(pointer, "may contain only letters, digits and the characters _ . @ + -")
		}
	}
	return nil
}

func isIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("_.@+-", c) >= 0
}

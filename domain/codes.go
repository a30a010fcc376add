package domain

// Code is the stable, machine-readable name of an expected failure. Clients
// branch on it. Its HTTP status is chosen in handlers.
type Code string

// Codes are append-only: one that has shipped is never renamed or reused.
const (
	CodeBadRequest           Code = "bad_request"
	CodeBadAck               Code = "bad_ack"
	CodeUnsupported          Code = "unsupported"
	CodeUnauthorized         Code = "unauthorized"
	CodeDeviceNotBound       Code = "device_not_bound"
	CodeForbidden            Code = "forbidden"
	CodeNotInGroup           Code = "not_in_group"
	CodeNotFriend            Code = "not_friend"
	CodeBlocked              Code = "blocked"
	CodeNotFound             Code = "not_found"
	CodeAppNotFound          Code = "app_not_found"
	CodeKeyNotFound          Code = "key_not_found"
	CodeSigningKeyNotFound   Code = "signing_key_not_found"
	CodeUserNotFound         Code = "user_not_found"
	CodeDeviceNotFound       Code = "device_not_found"
	CodeBlockNotFound        Code = "block_not_found"
	CodeGroupNotFound        Code = "group_not_found"
	CodeMemberNotFound       Code = "member_not_found"
	CodeConversationNotFound Code = "conversation_not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeNotAcceptable        Code = "not_acceptable"
	CodeAppExists            Code = "app_exists"
	CodeUserExists           Code = "user_exists"
	CodeDeviceExists         Code = "device_exists"
	CodeGroupExists          Code = "group_exists"
	CodeSigningKeyExists     Code = "signing_key_exists"
	CodeResyncRequired       Code = "resync_required"
	CodeTooLarge             Code = "too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeIdempotencyConflict  Code = "idempotency_conflict"
	CodeRateLimited          Code = "rate_limited"
	CodeConnectionLimit      Code = "connection_limit"
	CodeDeviceLimit          Code = "device_limit"
	CodeUnavailable          Code = "unavailable"
	CodeInternal             Code = "internal"
	CodeMuted                Code = "muted"
	CodeGroupDismissed       Code = "group_dismissed"
	CodeApprovalRequired     Code = "approval_required"
	CodeJoinRequestNotFound  Code = "join_request_not_found"
	CodeContactNotFound      Code = "contact_not_found"
	CodeMessageNotFound      Code = "message_not_found"
	CodeMessageRecalled      Code = "message_recalled"
	CodeTooLate              Code = "too_late"
	CodeSearchUnavailable    Code = "search_unavailable"
	CodeReactionNotFound     Code = "reaction_not_found"
)

// CodeInfo is the catalogue's entry for a code.
type CodeInfo struct {
	Code      Code
	Title     string // a short sentence without a full stop
	Advice    string // what the caller can do about it
	Retryable bool   // the same request may succeed later
}

// Catalogue lists every code that gim answers with, over any transport. The
// caller owns the slice.
func Catalogue() []CodeInfo {
	return append([]CodeInfo(nil), catalogue...)
}

// Describe returns the catalogue's entry for c; an unknown code is described as
// internal.
func Describe(c Code) CodeInfo {
	for _, info := range catalogue {
		if info.Code == c {
			return info
		}
	}
	return catalogue[len(catalogue)-1]
}

var catalogue = []CodeInfo{
	{CodeBadRequest, "The request is malformed or breaks a rule", "Read errors: each entry points at a field and says what is allowed.", false},
	{CodeBadAck, "The acknowledged position is beyond the log", "Acknowledge only what was received.", false},
	{CodeUnsupported, "This kind of frame is not supported", "Check the protocol version of client and server.", false},
	{CodeUnauthorized, "The credentials are missing, wrong, expired or revoked", "Get a new token, or check the key.", false},
	{CodeDeviceNotBound, "The token names a device that is not registered to its user", "Register the device, or mint a token for one that is.", false},
	{CodeForbidden, "The credentials do not allow this", "Use a credential of the right kind.", false},
	{CodeNotInGroup, "The user is not a member of the group", "Add the user to the group first.", false},
	{CodeNotFriend, "The users are not contacts of each other", "Become contacts first.", false},
	{CodeBlocked, "The receiver does not take messages from this user", "Nothing; the receiver decides.", false},
	{CodeNotFound, "There is nothing at this address", "Check the path against /openapi.yaml.", false},
	{CodeAppNotFound, "There is no such app", "Check the app id.", false},
	{CodeKeyNotFound, "There is no such app key", "Check the key id.", false},
	{CodeSigningKeyNotFound, "There is no such signing key", "Check the kid.", false},
	{CodeUserNotFound, "There is no such user", "Create the user first, or check the id.", false},
	{CodeDeviceNotFound, "There is no such device", "Register the device first, or check the id.", false},
	{CodeBlockNotFound, "The user is not blocked", "List the blocked users to see who is.", false},
	{CodeGroupNotFound, "There is no such group", "Create the group first, or check the id.", false},
	{CodeMemberNotFound, "The user is not a member of this group", "List the members to see who is.", false},
	{CodeConversationNotFound, "There is no such conversation", "A conversation id is user:ID, group:ID or business.", false},
	{CodeMethodNotAllowed, "This address does not take this method", "The Allow header lists the methods it takes.", false},
	{CodeNotAcceptable, "None of the accepted formats can be produced", "Accept application/json.", false},
	{CodeAppExists, "An app with this id exists", "Choose another id.", false},
	{CodeUserExists, "A user with this id exists", "Choose another id.", false},
	{CodeDeviceExists, "A device with this id exists", "Choose another id, or delete that device first.", false},
	{CodeGroupExists, "A group with this id exists", "Choose another id.", false},
	{CodeSigningKeyExists, "This kid was revoked or belongs to gim's own key", "Choose another kid.", false},
	{CodeResyncRequired, "The cursor does not belong to this log", "Start again from 0.", false},
	{CodeTooLarge, "The request is too large", "Send less: 256 KiB of body and 64 KiB of message content are allowed.", false},
	{CodeUnsupportedMediaType, "The body's media type is not supported", "Send application/json.", false},
	{CodeIdempotencyConflict, "This key was used before with another request", "Use a new key for a new request.", false},
	{CodeMuted, "The user may not send to this group now", "Wait until the mute is over, or is lifted.", false},
	{CodeGroupDismissed, "The group was dismissed", "It can still be read; nothing else is possible.", false},
	{CodeApprovalRequired, "Joining this group takes an approval", "Make a join request, and wait until it is accepted.", false},
	{CodeJoinRequestNotFound, "There is no such join request", "It was answered or taken back, or never made.", false},
	{CodeContactNotFound, "The user is neither a contact, nor has one of the two asked the other", "List the contacts to see who is.", false},
	{CodeMessageNotFound, "There is no such message", "Check the id, and that the user may read the conversation.", false},
	{CodeMessageRecalled, "The message was recalled", "Nothing; what it said is gone.", false},
	{CodeTooLate, "The time in which this could be done is over", "Nothing; the app's settings say how long there is.", false},
	{CodeSearchUnavailable, "This gim does not search messages", "Ask the operator to turn search on.", false},
	{CodeReactionNotFound, "The user has not reacted with this", "Look the message up to see its reactions.", false},
	{CodeConnectionLimit, "There are too many connections", "Close one first, or ask the operator for more.", false},
	{CodeDeviceLimit, "The user has as many devices as the app allows", "Delete a device first.", false},
	{CodeRateLimited, "Too many requests", "Wait as long as Retry-After says.", true},
	{CodeUnavailable, "The service cannot answer right now", "Send the same request again after Retry-After; what carries an idempotency key is done at most once.", true},
	{CodeInternal, "Something went wrong inside gim", "Report the request id.", true},
}

// Sentinels for conditions that more than one package tests for.
var (
	ErrUnauthorized         = Failure(CodeUnauthorized, "")
	ErrDeviceNotBound       = Failure(CodeDeviceNotBound, "")
	ErrForbidden            = Failure(CodeForbidden, "")
	ErrNotInGroup           = Failure(CodeNotInGroup, "")
	ErrBlocked              = Failure(CodeBlocked, "")
	ErrAppNotFound          = Failure(CodeAppNotFound, "")
	ErrKeyNotFound          = Failure(CodeKeyNotFound, "")
	ErrSigningKeyNotFound   = Failure(CodeSigningKeyNotFound, "")
	ErrUserNotFound         = Failure(CodeUserNotFound, "")
	ErrDeviceNotFound       = Failure(CodeDeviceNotFound, "")
	ErrBlockNotFound        = Failure(CodeBlockNotFound, "")
	ErrGroupNotFound        = Failure(CodeGroupNotFound, "")
	ErrMemberNotFound       = Failure(CodeMemberNotFound, "")
	ErrMuted                = Failure(CodeMuted, "")
	ErrGroupDismissed       = Failure(CodeGroupDismissed, "")
	ErrApprovalRequired     = Failure(CodeApprovalRequired, "")
	ErrJoinRequestNotFound  = Failure(CodeJoinRequestNotFound, "")
	ErrContactNotFound      = Failure(CodeContactNotFound, "")
	ErrNotFriend            = Failure(CodeNotFriend, "")
	ErrMessageNotFound      = Failure(CodeMessageNotFound, "")
	ErrMessageRecalled      = Failure(CodeMessageRecalled, "")
	ErrReactionNotFound     = Failure(CodeReactionNotFound, "")
	ErrConversationNotFound = Failure(CodeConversationNotFound, "")
	ErrAppExists            = Failure(CodeAppExists, "")
	ErrDeviceExists         = Failure(CodeDeviceExists, "")
	ErrGroupExists          = Failure(CodeGroupExists, "")
	ErrSigningKeyExists     = Failure(CodeSigningKeyExists, "")
	ErrBadAck               = Failure(CodeBadAck, "")
	ErrResyncRequired       = Failure(CodeResyncRequired, "")
	ErrIdempotencyConflict  = Failure(CodeIdempotencyConflict, "")
	ErrDeviceLimit          = Failure(CodeDeviceLimit, "")
	ErrSearchUnavailable    = Failure(CodeSearchUnavailable, "")
	ErrUnavailable          = Failure(CodeUnavailable, "")
)

package wire

// CloseCode says why a connection ends: the code of a WebSocket close, and of
// the last frame over TCP.
type CloseCode int32

// CloseCodes of the protocol. Those below [FirstFinalClose] ask the client to
// come back, with jittered back-off; the others need new credentials, or
// somebody to do something, first.
const (
	CloseShutdown         CloseCode = 4000 // the server stops or restarts
	CloseSlowConsumer     CloseCode = 4001 // the client does not read
	CloseTryLater         CloseCode = 4002 // the server cannot serve right now
	CloseHeartbeatTimeout CloseCode = 4003 // silence for 2.5 heartbeats
	CloseInternal         CloseCode = 4004 // a defect of the server
	CloseResyncRequired   CloseCode = 4005 // the cursor does not belong to the log

	CloseBadRequest      CloseCode = 4500 // three malformed frames in a row, or a second sign-in
	CloseUnauthenticated CloseCode = 4501 // sign-in refused, or none in time
	CloseTokenExpired    CloseCode = 4502
	CloseRevoked         CloseCode = 4503 // the key, device or user is gone
	CloseReplaced        CloseCode = 4504 // the device opened a newer connection
	CloseForbidden       CloseCode = 4505
	CloseProtocolVersion CloseCode = 4506
	CloseConnectionLimit CloseCode = 4507
)

// FirstFinalClose is the lowest code after which a client must not come back by
// itself. Everything from 4000 up to it asks for that.
const FirstFinalClose CloseCode = 4500

// CloseInfo is a code's entry in the table of the protocol.
type CloseInfo struct {
	Code CloseCode
	Name string // sent as the reason
}

// CloseCodes lists every code a connection is closed with, ascending. The
// caller owns the slice.
func CloseCodes() []CloseInfo {
	return append([]CloseInfo(nil), closeCodes...)
}

// String returns the code's name, "" for a code that is not gim's.
func (c CloseCode) String() string {
	for _, info := range closeCodes {
		if info.Code == c {
			return info.Name
		}
	}
	return ""
}

// Reconnect reports whether a client that was closed with c should come back by
// itself. Codes that are not gim's, such as those of a broken network, say yes.
func (c CloseCode) Reconnect() bool {
	const firstForeign = 5000
	return c < FirstFinalClose || c >= firstForeign
}

var closeCodes = []CloseInfo{
	{CloseShutdown, "shutdown"},
	{CloseSlowConsumer, "slow_consumer"},
	{CloseTryLater, "try_later"},
	{CloseHeartbeatTimeout, "heartbeat_timeout"},
	{CloseInternal, "internal"},
	{CloseResyncRequired, "resync_required"},
	{CloseBadRequest, "bad_request"},
	{CloseUnauthenticated, "unauthenticated"},
	{CloseTokenExpired, "token_expired"},
	{CloseRevoked, "revoked"},
	{CloseReplaced, "replaced"},
	{CloseForbidden, "forbidden"},
	{CloseProtocolVersion, "protocol_version"},
	{CloseConnectionLimit, "connection_limit"},
}

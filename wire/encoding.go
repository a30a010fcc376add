package wire

// MaxFrameBytes bounds a frame from a client, in bytes. Frames to a client are
// larger only where they hold one page of a log.
const MaxFrameBytes = 128 << 10

// Encoding is one of the two forms a frame has.
type Encoding uint8

// The encodings.
const (
	JSON Encoding = iota + 1
	Proto
)

// The WebSocket subprotocols. Without one, JSON is spoken.
const (
	SubprotocolJSON  = "gim.v1.json"
	SubprotocolProto = "gim.v1.proto"
)

// String returns the subprotocol that asks for e.
func (e Encoding) String() string {
	switch e {
	case JSON:
		return SubprotocolJSON
	case Proto:
		return SubprotocolProto
	}
	return ""
}

package wire

// MaxFrameBytes bounds a frame from a client, in bytes. Frames to a client are
// larger only where they hold one page of a log.
const MaxFrameBytes = 128 << 10

// Encoding is one of the forms a frame has.
type Encoding uint8

// The encodings.
const (
	JSON Encoding = iota + 1
	Proto
	// EventStream is JSON in events of Server-Sent Events, for frames to a client;
	// those from one are JSON.
	EventStream
)

// MediaTypeEventStream is the media type of an event stream.
const MediaTypeEventStream = "text/event-stream"

// The WebSocket subprotocols. Without one, JSON is spoken.
const (
	SubprotocolJSON  = "gim.v1.json"
	SubprotocolProto = "gim.v1.proto"
)

// String returns the subprotocol that asks for e, or for an event stream its media
// type.
func (e Encoding) String() string {
	switch e {
	case JSON:
		return SubprotocolJSON
	case Proto:
		return SubprotocolProto
	case EventStream:
		return MediaTypeEventStream
	}
	return ""
}

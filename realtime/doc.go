// Package realtime has the transports of gim over HTTP, WebSocket and Server-Sent
// Events: it opens connections and hands them to the gateway as frames. What a frame
// means it does not know.
//
// A WebSocket costs one goroutine, which reads. Frames of data that come in one
// piece are read and written here; the handshake, control frames, fragments,
// whatever breaks the protocol and the close are the library's.
package realtime

// Package realtime is the WebSocket transport of gim: it opens connections and
// hands them to the gateway as frames. What a frame means it does not know.
package realtime

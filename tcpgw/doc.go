// Package tcpgw is the raw TCP transport of gim: it accepts connections, with or
// without TLS, and hands them to the gateway as frames. Each frame is protobuf
// with its length in front, see [wire.Decoder]. What a frame means the package
// does not know.
//
// A connection costs one goroutine, which reads, and half a kilobyte of buffer.
// Everything else is borrowed while it is needed. The gateway closes who does not
// sign in or falls silent; here is only what concerns the bytes: how long a frame
// may take to arrive, and who came to the wrong port.
package tcpgw

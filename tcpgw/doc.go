// Package tcpgw is the raw TCP transport of gim: it accepts connections, cuts them
// into length-value frames of protobuf and hands them to the gateway. What a frame
// means it does not know.
//
// Each connection has one goroutine, and while it is idle nothing else but a buffer
// of 512 bytes. A batch of frames is written with one system call.
package tcpgw

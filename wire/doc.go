// Package wire is the public contract of the long connection: the frames of
// gim.proto, their JSON form, and the numbers that close a connection. It holds
// no state and does no I/O.
package wire

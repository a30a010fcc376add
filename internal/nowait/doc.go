// Package nowait writes to sockets without waiting for them. What a socket takes
// at once, which is nearly always everything, then needs no deadline: setting one
// and taking it back costs as much as a small write.
//
// The package may be used concurrently.
package nowait

// Package gim is an instant-messaging back end: REST first, multi-tenant, one
// binary. This root package holds the REST contract, which everything else
// follows from; the program is in cmd/gim and a map of the house in
// ARCHITECTURE.md.
//
// # The message model
//
// A message belongs to a conversation and has the next number in it
// (conversation_seq). In one transaction with the message, every receiver's own
// log gets an entry with the next number there (seq). Both are contiguous. A
// device remembers one number, the last entry it holds, and asks for what
// follows: by REST, or on a connection where the server pushes it. A push may be
// lost, doubled or late without harm, because the number tells.
package gim

import _ "embed"

// OpenAPI is the REST contract, openapi.yaml, as served.
//
//go:embed openapi.yaml
var OpenAPI []byte

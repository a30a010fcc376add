// Package client is the Go SDK of gim.
//
// [NewREST] makes a client of the REST API, which is generated from openapi.yaml;
// [Check] makes errors of refusals.
//
// [Stream] is the long connection for programs that want messages as they come,
// over WebSocket or TCP: it reconnects, goes on from a cursor, hands on every entry
// of the user's log once and in order, and every message of its large groups, and
// sends until the outcome is known. [Conn] is one connection at the level of frames,
// for tools that want to see each.
//
// The guide is docs/sdk-go.md, the protocol docs/protocol.md.
package client

//go:generate go tool oapi-codegen -config config.yaml ../openapi.yaml

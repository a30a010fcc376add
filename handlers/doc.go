// Package handlers is the REST API of gim: it translates between openapi.yaml
// and package domain and holds no rule of its own.
//
// A request goes through these steps, each in a file of that name: its id is
// taken or made ([domain.RequestOf]), panics are caught and the time is measured
// (observe), credentials become a [domain.Principal] (auth), parameters and body
// are held to openapi.yaml (parameters, body, schema), a repeated creating call
// gets its first answer (idempotency), and a method of server calls one use case.
//
// Whatever goes wrong on the way, an unknown route and a panic included, is
// answered in one place (problem) as application/problem+json. Failures that the
// domain expects are shown; all others are logged once, with the request's id,
// and shown as nothing but that id.
//
// The handler that New returns may be used concurrently. Nothing in the package
// starts a goroutine.
package handlers

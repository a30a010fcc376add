// Package api is generated from openapi.yaml: the types of the REST contract
// and the interface that the server implements. Written by hand are the
// generator's settings and [Time].
package api

//go:generate go tool oapi-codegen -config config.yaml ../../openapi.yaml

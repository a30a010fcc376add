// Package api is generated from openapi.yaml: the types of the REST contract
// and the interface that the server implements. Nothing in it is written by hand
// but this comment and the generator's settings.
package api

//go:generate go tool oapi-codegen -config config.yaml ../../openapi.yaml

// Package client is the Go SDK of gim. What is here now is the REST client,
// generated from openapi.yaml.
package client

//go:generate go tool oapi-codegen -config config.yaml ../openapi.yaml

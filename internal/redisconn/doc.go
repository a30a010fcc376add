// Package redisconn connects to Redis by its URL: one server, one of a Cluster,
// or Sentinel. What goes over the connection is the business of its callers.
//
// Everything in it may be used concurrently, but for a [Backoff].
package redisconn

// Package e2e proves gim from outside: whole programs, real sockets, real
// databases, and what the README promises. It holds tests only.
package e2e

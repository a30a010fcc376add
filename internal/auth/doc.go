// Package auth finds out who is calling: it makes and checks the admin key, app
// keys and user tokens, and makes what was revoked stop within seconds.
//
// A user token is a JWT. Its key is looked up by the app it names as issuer and
// its kid, and the algorithm is that of the stored key, never the token's. Only
// public keys and hashes of secrets are stored; gim's own private keys are
// derived from a secret that each node keeps to itself, see [Signer].
//
// The [Authenticator] remembers good credentials, by their digest, until they
// run out or are revoked. The [Watcher] follows the log of revocations and drops
// them; when it cannot, nothing remembered is trusted, and every credential is
// checked against the store. A credential that was revoked therefore stops
// within five seconds whatever happens, or cannot be checked at all.
//
// A refusal is one generic error without a reason, see domain.ErrUnauthorized:
// reasons would tell an attacker how far a forgery came.
//
// Everything here may be called concurrently. No credential is ever logged or
// part of an error.
package auth

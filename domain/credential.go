package domain

import (
	"context"
	"encoding/json"
	"time"
)

// SigningKey verifies user tokens of an app. gim holds public keys only.
type SigningKey struct {
	KID       string
	Alg       string          // EdDSA, ES256 or RS256; fixed for the key's life
	JWK       json.RawMessage // the public key, canonical
	Own       bool            // made by gim for the tokens that it mints itself
	CreatedAt time.Time
}

// Subject is what a user token stands on, as the store knows it.
type Subject struct {
	User            UserRef
	TokensRevokedAt time.Time // tokens issued up to then are refused; zero when none
	DeviceBound     bool      // the device asked about is registered to the user
	TokenRevoked    bool      // the token id asked about is revoked
}

// RevocationKind says what was revoked.
type RevocationKind int

// The kinds of revocations.
const (
	RevokedApp        RevocationKind = iota + 1 // everything of the app
	RevokedAppKey                               // Name is the key id
	RevokedSigningKey                           // Name is the kid
	RevokedUser                                 // the user is gone
	RevokedTokens                               // the user's tokens issued up to At
	RevokedToken                                // Name is the jti
	RevokedDevice                               // Name is the device id
)

// Revocation is an entry of the log by which every node learns, within seconds,
// that credentials stopped. Seq is contiguous.
type Revocation struct {
	Seq  int64
	Kind RevocationKind
	App  AppNum
	User UserNum // 0 when no single user is meant
	Name string
	At   time.Time
}

// Covers reports whether the revocation ends p.
func (r Revocation) Covers(p Principal) bool {
	if r.App != p.App.Num || (r.User != 0 && r.User != p.User.Num) {
		return false
	}
	switch r.Kind {
	case RevokedApp, RevokedUser:
		return true
	case RevokedAppKey:
		return p.Kind == PrincipalApp && p.KeyID == r.Name
	case RevokedSigningKey:
		return p.Kind == PrincipalUser && p.KeyID == r.Name
	case RevokedTokens:
		return p.Kind == PrincipalUser && !p.IssuedAt.After(r.At)
	case RevokedToken:
		return p.Kind == PrincipalUser && p.TokenID == r.Name
	case RevokedDevice:
		return string(p.Device) == r.Name
	}
	return false
}

// CredentialStore is what checking and revoking credentials needs.
type CredentialStore interface {
	// AdminKeyHash returns the stored hash of the admin key; nil when there is none.
	AdminKeyHash(ctx context.Context) ([]byte, error)
	// InitAdminKeyHash stores hash unless one is stored, and reports whether it did.
	InitAdminKeyHash(ctx context.Context, hash []byte) (bool, error)

	// AppKeyHash returns the app and the hash of a live key, or ErrKeyNotFound.
	AppKeyHash(ctx context.Context, keyID string) (AppRef, []byte, error)

	// SigningKey returns a live key, or ErrSigningKeyNotFound.
	SigningKey(ctx context.Context, app AppNum, kid string) (SigningKey, error)
	// SigningKeyOf is SigningKey for an app's outside id; ErrAppNotFound too.
	SigningKeyOf(ctx context.Context, app AppID, kid string) (AppRef, SigningKey, error)
	// PutSigningKey creates or replaces a business's key. Replacing revokes what the
	// former key verified. A kid that gim owns or that was revoked is ErrSigningKeyExists.
	PutSigningKey(ctx context.Context, app AppNum, key SigningKey) (SigningKey, error)
	// EnsureOwnSigningKey registers a public key of gim's own, once; a kid that
	// was revoked is ErrSigningKeyExists.
	EnsureOwnSigningKey(ctx context.Context, app AppNum, key SigningKey) error
	// RevokeSigningKey ends a key; its kid is never accepted again. ErrSigningKeyNotFound.
	RevokeSigningKey(ctx context.Context, app AppNum, kid string, at time.Time) error

	// Subject looks up who a token speaks for; ErrUserNotFound.
	Subject(ctx context.Context, app AppNum, user UserID, device DeviceID, tokenID string) (Subject, error)
	// RevokeTokens refuses the user's tokens issued up to at. ErrUserNotFound.
	RevokeTokens(ctx context.Context, app AppNum, user UserID, at time.Time) error
	// RevokeToken refuses one token until it would have expired anyway. ErrUserNotFound.
	RevokeToken(ctx context.Context, app AppNum, user UserID, tokenID string, at time.Time) error

	// Revocations returns up to limit entries after seq, ascending.
	Revocations(ctx context.Context, after int64, limit int) ([]Revocation, error)
	// LastRevocation returns the highest seq, 0 when there is none.
	LastRevocation(ctx context.Context) (int64, error)
}

// TokenMinter makes user tokens.
type TokenMinter interface {
	// Mint signs a token for user, bound to device unless it is "".
	Mint(ctx context.Context, app AppRef, user UserID, device DeviceID, ttl time.Duration) (MintedToken, error)
}

// MintedToken is a fresh token, at the only moment gim knows it.
type MintedToken struct {
	Token     string
	ID        string // jti: revokes this token alone
	ExpiresAt time.Time
	Device    DeviceID
}

// KeyChecker understands public keys.
type KeyChecker interface {
	// CheckJWK returns the canonical form of a public key fit for alg; a key
	// that is private, weak or of another kind is bad_request.
	CheckJWK(alg string, jwk json.RawMessage) (json.RawMessage, error)
}

// Credentials is the use case around signing keys and user tokens.
type Credentials struct {
	store   CredentialStore
	users   UserStore
	devices *Devices
	minter  TokenMinter
	keys    KeyChecker
	clock   Clock
}

// NewCredentials returns the use case; all arguments are needed.
func NewCredentials(store CredentialStore, users UserStore, devices *Devices, minter TokenMinter, keys KeyChecker, clock Clock) *Credentials {
	return &Credentials{store: store, users: users, devices: devices, minter: minter, keys: keys, clock: clock}
}

// TokenRequest asks for a token. At most one of Device and DeviceID is set.
type TokenRequest struct {
	Device   *Device        // register this device and bind the token to it
	DeviceID DeviceID       // bind to this registered device
	TTL      *time.Duration // DefaultTokenTTL when nil
}

// Mint makes a token for a user. bad_request, forbidden, user_not_found,
// device_not_found, device_exists, device_limit.
func (s *Credentials) Mint(ctx context.Context, by Principal, user UserID, req TokenRequest) (MintedToken, error) {
	if err := s.allow(by, user); err != nil {
		return MintedToken{}, err
	}
	ttl := DefaultTokenTTL
	if req.TTL != nil {
		if ttl = *req.TTL; ttl < time.Second || ttl > MaxTokenTTL {
			return MintedToken{}, Invalid("/ttl_seconds", "must be between 1 and %d", int(MaxTokenTTL/time.Second))
		}
	}
	if req.Device != nil && req.DeviceID != "" {
		return MintedToken{}, Invalid("/device_id", "must not be given together with device")
	}
	u, err := s.users.User(ctx, by.App.Num, user)
	if err != nil {
		return MintedToken{}, err
	}
	device, err := s.bindDevice(ctx, by.App.Num, u.Ref(), req)
	if err != nil {
		return MintedToken{}, err
	}
	return s.minter.Mint(ctx, by.App, user, device, ttl)
}

func (s *Credentials) bindDevice(ctx context.Context, app AppNum, user UserRef, req TokenRequest) (DeviceID, error) {
	if req.Device != nil {
		d, err := s.devices.register(ctx, app, user, *req.Device, "/device")
		return d.ID, err
	}
	if req.DeviceID == "" {
		return "", nil
	}
	if err := ValidateID("/device_id", string(req.DeviceID)); err != nil {
		return "", err
	}
	d, err := s.devices.store.Device(ctx, app, user.Num, req.DeviceID)
	return d.ID, err
}

// RevokeTokens ends every token of a user. bad_request, forbidden, user_not_found.
func (s *Credentials) RevokeTokens(ctx context.Context, by Principal, user UserID) error {
	if err := s.allow(by, user); err != nil {
		return err
	}
	return s.store.RevokeTokens(ctx, by.App.Num, user, s.clock.Now())
}

// RevokeToken ends one token of a user by its jti. bad_request, forbidden, user_not_found.
func (s *Credentials) RevokeToken(ctx context.Context, by Principal, user UserID, tokenID string) error {
	if err := s.allow(by, user); err != nil {
		return err
	}
	if err := ValidateID("token_id", tokenID); err != nil {
		return err
	}
	return s.store.RevokeToken(ctx, by.App.Num, user, tokenID, s.clock.Now())
}

// PutSigningKey registers a business's public key. bad_request, forbidden, signing_key_exists.
func (s *Credentials) PutSigningKey(ctx context.Context, by Principal, kid, alg string, jwk json.RawMessage) (SigningKey, error) {
	if err := s.allowKey(by, kid); err != nil {
		return SigningKey{}, err
	}
	canonical, err := s.keys.CheckJWK(alg, jwk)
	if err != nil {
		return SigningKey{}, err
	}
	return s.store.PutSigningKey(ctx, by.App.Num, SigningKey{KID: kid, Alg: alg, JWK: canonical, CreatedAt: Millis(s.clock.Now())})
}

// SigningKey returns a public key. bad_request, forbidden, signing_key_not_found.
func (s *Credentials) SigningKey(ctx context.Context, by Principal, kid string) (SigningKey, error) {
	if err := s.allowKey(by, kid); err != nil {
		return SigningKey{}, err
	}
	return s.store.SigningKey(ctx, by.App.Num, kid)
}

// RevokeSigningKey ends a key and the tokens that it verifies. bad_request,
// forbidden, signing_key_not_found.
func (s *Credentials) RevokeSigningKey(ctx context.Context, by Principal, kid string) error {
	if err := s.allowKey(by, kid); err != nil {
		return err
	}
	return s.store.RevokeSigningKey(ctx, by.App.Num, kid, s.clock.Now())
}

func (s *Credentials) allow(by Principal, user UserID) error {
	if err := by.RequireApp(); err != nil {
		return err
	}
	return join(ValidateID("user_id", string(user)))
}

func (s *Credentials) allowKey(by Principal, kid string) error {
	if err := by.RequireApp(); err != nil {
		return err
	}
	return join(ValidateID("kid", kid))
}

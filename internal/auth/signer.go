package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	// MinNodeSecret is the least length of a node's secret, in bytes. It must
	// be random.
	MinNodeSecret = 32

	maxGenerations = 1000 // own keys of one app that may have been revoked
)

// SigningKeyStore is what a Signer needs of the store.
type SigningKeyStore interface {
	// SigningKey returns a live key, or ErrSigningKeyNotFound.
	SigningKey(ctx context.Context, app domain.AppNum, kid string) (domain.SigningKey, error)
	// EnsureOwnSigningKey registers a public key, once; ErrSigningKeyExists
	// when the kid was revoked.
	EnsureOwnSigningKey(ctx context.Context, app domain.AppNum, key domain.SigningKey) error
	// Subject looks up a user; ErrUserNotFound.
	Subject(ctx context.Context, app domain.AppNum, user domain.UserID, device domain.DeviceID, tokenID string) (domain.Subject, error)
}

// SignerOptions are what a Signer needs; all are required.
type SignerOptions struct {
	// Secret is the node's own: at least MinNodeSecret random bytes. Nodes need
	// not share it, and whoever has it can mint tokens for every app.
	Secret []byte
	Store  SigningKeyStore
	IDs    domain.IDSource
	Clock  domain.Clock
}

// Signer mints the user tokens that gim issues itself. Its private keys exist
// in memory only: one per app and generation is derived from the node's secret,
// and the public half is registered, so that any node verifies any node's
// tokens. When a key is revoked, the next generation takes its place.
type Signer struct {
	secret []byte
	store  SigningKeyStore
	ids    domain.IDSource
	clock  domain.Clock

	mu sync.Mutex // guards generations
	// generations has the one in use, of apps whose first key was revoked.
	generations map[domain.AppNum]int
}

var _ domain.TokenMinter = (*Signer)(nil)

// NewSigner returns a signer. The secret is copied.
func NewSigner(o SignerOptions) (*Signer, error) {
	if len(o.Secret) < MinNodeSecret {
		return nil, fmt.Errorf("auth: the node's secret must have at least %d bytes", MinNodeSecret)
	}
	if o.Store == nil || o.IDs == nil || o.Clock == nil {
		return nil, errors.New("auth: a signer needs a store, an id source and a clock")
	}
	return &Signer{
		secret: append([]byte(nil), o.Secret...), store: o.Store, ids: o.IDs, clock: o.Clock,
		generations: make(map[domain.AppNum]int),
	}, nil
}

// Mint signs a token for user, bound to device unless it is "". What the token
// may say is checked by the caller. user_not_found.
func (s *Signer) Mint(ctx context.Context, app domain.AppRef, user domain.UserID, device domain.DeviceID, ttl time.Duration) (domain.MintedToken, error) {
	subject, err := s.store.Subject(ctx, app.Num, user, device, "")
	if err != nil {
		return domain.MintedToken{}, wrap("look up the token's user", err)
	}
	key, err := s.key(ctx, app)
	if err != nil {
		return domain.MintedToken{}, err
	}
	issued := domain.Millis(s.clock.Now())
	if !issued.After(subject.TokensRevokedAt) {
		// The user's tokens were revoked in this millisecond, or by a node
		// whose clock is ahead. This token comes after that all the same.
		issued = domain.Millis(subject.TokensRevokedAt).Add(time.Millisecond)
	}
	return signToken(AlgEdDSA, key.private, key.kid, tokenContent{
		app: app.ID, user: user, device: device, id: s.ids.NewID(), issued: issued, expires: issued.Add(ttl),
	})
}

// ownKey is one of gim's own keys.
type ownKey struct {
	kid     string
	private ed25519.PrivateKey
}

// key returns the first generation of the app's keys that was not revoked, and
// sees to it that its public half is registered. It asks the store each time: a
// key that was revoked a moment ago would make tokens that nobody accepts.
func (s *Signer) key(ctx context.Context, app domain.AppRef) (ownKey, error) {
	first := s.generation(app.Num)
	for generation := first; generation < maxGenerations; generation++ {
		key, err := s.derive(app, generation)
		if err != nil {
			return ownKey{}, err
		}
		err = s.ensure(ctx, app.Num, key)
		if errors.Is(err, domain.ErrSigningKeyExists) {
			continue
		}
		if err != nil {
			return ownKey{}, wrap("register gim's own signing key", err)
		}
		if generation != first {
			s.setGeneration(app.Num, generation)
		}
		return key, nil
	}
	return ownKey{}, domain.Trace(fmt.Errorf("all %d generations of gim's own key for app %d were revoked", maxGenerations, app.Num))
}

// ensure registers the key unless it is; ErrSigningKeyExists when it cannot be used.
func (s *Signer) ensure(ctx context.Context, app domain.AppNum, key ownKey) error {
	stored, err := s.store.SigningKey(ctx, app, key.kid)
	if err == nil && !stored.Own {
		return domain.ErrSigningKeyExists
	}
	if !errors.Is(err, domain.ErrSigningKeyNotFound) {
		return err
	}
	return s.store.EnsureOwnSigningKey(ctx, app, domain.SigningKey{
		KID: key.kid, Alg: AlgEdDSA, JWK: canonicalJWK(key.private.Public()), Own: true,
		CreatedAt: domain.Millis(s.clock.Now()),
	})
}

// derive makes the key of an app and generation. The app's number is part of
// it, so that an app made anew under an old id does not accept the old tokens.
func (s *Signer) derive(app domain.AppRef, generation int) (ownKey, error) {
	info := fmt.Sprintf("gim user tokens\x00%d\x00%s\x00%d", app.Num, app.ID, generation)
	seed, err := hkdf.Key(sha256.New, s.secret, nil, info, ed25519.SeedSize)
	if err != nil {
		return ownKey{}, domain.Trace(fmt.Errorf("derive gim's own signing key: %w", err))
	}
	private := ed25519.NewKeyFromSeed(seed)
	sum := sha256.Sum256(private[ed25519.SeedSize:]) // the second half is the public key
	return ownKey{kid: "gim-" + hex.EncodeToString(sum[:8]), private: private}, nil
}

func (s *Signer) generation(app domain.AppNum) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generations[app]
}

func (s *Signer) setGeneration(app domain.AppNum, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generations[app] = max(s.generations[app], generation)
}

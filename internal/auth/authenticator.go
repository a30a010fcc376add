package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
)

const (
	defaultCacheSize = 100_000
	maxCachedKeys    = 10_000 // signing keys

	gimUserHeader = "Gim-User"
)

// Store is what checking credentials needs of the store.
type Store interface {
	// AppKeyHash returns the app and the hash of a live key, or ErrKeyNotFound.
	AppKeyHash(ctx context.Context, keyID string) (domain.AppRef, []byte, error)
	// SigningKeyOf returns a live key; ErrAppNotFound, ErrSigningKeyNotFound.
	SigningKeyOf(ctx context.Context, app domain.AppID, kid string) (domain.AppRef, domain.SigningKey, error)
	// Subject looks up who a token speaks for; ErrUserNotFound.
	Subject(ctx context.Context, app domain.AppNum, user domain.UserID, device domain.DeviceID, tokenID string) (domain.Subject, error)
}

// Options are what an Authenticator needs.
type Options struct {
	Store Store
	Clock domain.Clock

	// AdminKeyHash is what [EnsureAdminKey] returned; nil admits no admin.
	AdminKeyHash []byte

	// Watcher tells what was revoked. New adds a listener to it, so it must not
	// have been started. Without a watcher nothing is remembered.
	Watcher *Watcher

	// CacheSize is how many credentials, and how many users acted for, are
	// remembered; 0 means 100,000.
	CacheSize int
}

// Authenticator turns credentials into principals.
type Authenticator struct {
	store     Store
	clock     domain.Clock
	adminHash []byte
	watcher   *Watcher // nil: remember nothing

	credentials *cache[digest, domain.Principal]
	actingFor   *cache[userID, domain.UserRef]
	keys        *cache[keyID, verifyingKey]
}

type (
	// digest stands for a credential, which is not kept itself.
	digest [sha256.Size]byte

	userID struct {
		app domain.AppNum
		id  domain.UserID
	}
	keyID struct {
		app domain.AppID
		kid string
	}
	// verifyingKey is a stored signing key, understood.
	verifyingKey struct {
		kid    string // shared by all that it verifies
		app    domain.AppRef
		alg    string
		public crypto.PublicKey
	}
)

// New returns an authenticator.
func New(o Options) (*Authenticator, error) {
	if o.Store == nil || o.Clock == nil {
		return nil, errors.New("auth: an authenticator needs a store and a clock")
	}
	if o.AdminKeyHash != nil && len(o.AdminKeyHash) != sha256.Size {
		return nil, errors.New("auth: the admin key's hash has the wrong length")
	}
	if o.CacheSize == 0 {
		o.CacheSize = defaultCacheSize
	}
	if o.CacheSize < 0 {
		return nil, errors.New("auth: the cache's size is negative")
	}
	a := &Authenticator{
		store: o.Store, clock: o.Clock, adminHash: o.AdminKeyHash, watcher: o.Watcher,
		credentials: newCache[digest, domain.Principal](o.CacheSize),
		actingFor:   newCache[userID, domain.UserRef](o.CacheSize),
		keys:        newCache[keyID, verifyingKey](maxCachedKeys),
	}
	if a.watcher != nil {
		a.watcher.Listen(a.revoked, a.forgetAll)
	}
	return a, nil
}

// User returns the principal of a user token. unauthorized, device_not_bound;
// other errors say that the store could not be asked.
//
// It is for who keeps the principal, as a live session does, so it remembers
// nothing by itself. Who keeps it longer than a request calls User again once it
// can be reached by revocations: one that came in between is then seen here.
func (a *Authenticator) User(ctx context.Context, token string) (domain.Principal, error) {
	if len(token) > MaxToken {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	if a.trusts() {
		if p, ok := a.credentials.get(sha256.Sum256([]byte(token)), a.clock.Now()); ok {
			return p, nil
		}
	}
	return a.checkToken(ctx, token)
}

// trusts reports whether what is remembered may be used and added to.
func (a *Authenticator) trusts() bool { return a.watcher != nil && a.watcher.Synced() }

// Bearer returns the principal of an Authorization header's value, of any kind
// of credential. gimUser is the value of the Gim-User header, "" when there is
// none: the user for whom an app key acts. A request with more than one
// Authorization or Gim-User header must be refused by the caller.
// unauthorized, device_not_bound, forbidden, bad_request, user_not_found; other
// errors say that the store could not be asked.
func (a *Authenticator) Bearer(ctx context.Context, authorization, gimUser string) (domain.Principal, error) {
	credential, ok := bearerCredential(authorization)
	if !ok {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	p, err := a.credential(ctx, credential)
	if err != nil || gimUser == "" {
		return p, err
	}
	return a.actFor(ctx, p, gimUser)
}

// bearerCredential takes the credential out of the header (RFC 6750). Two in
// one header are none: no kind of credential has a space or a comma.
func bearerCredential(authorization string) (string, bool) {
	scheme, credential, ok := strings.Cut(authorization, " ")
	credential = strings.TrimLeft(credential, " ")
	return credential, ok && strings.EqualFold(scheme, "Bearer") && credential != "" && len(credential) <= MaxToken
}

func (a *Authenticator) credential(ctx context.Context, credential string) (domain.Principal, error) {
	sum := sha256.Sum256([]byte(credential))
	switch {
	case a.adminHash != nil && sameHash(sum[:], a.adminHash):
		return domain.Principal{Kind: domain.PrincipalAdmin}, nil
	case strings.HasPrefix(credential, appKeyPrefix):
		return a.appKey(ctx, credential, sum)
	}
	return a.user(ctx, credential, sum)
}

// actFor applies the Gim-User header.
func (a *Authenticator) actFor(ctx context.Context, p domain.Principal, gimUser string) (domain.Principal, error) {
	if p.Kind == domain.PrincipalAdmin {
		return domain.Principal{}, domain.Failure(domain.CodeForbidden, "The admin key belongs to no app and acts for no user.")
	}
	if err := domain.ValidateID(gimUserHeader, gimUser); err != nil {
		return domain.Principal{}, err
	}
	if p.Kind == domain.PrincipalUser {
		if string(p.User.ID) != gimUser {
			return domain.Principal{}, domain.Failure(domain.CodeForbidden, "A user acts for itself only.")
		}
		return p, nil
	}
	user, err := a.actingUser(ctx, p, domain.UserID(gimUser))
	if err != nil {
		return domain.Principal{}, err
	}
	p.User = user
	return p, nil
}

func (a *Authenticator) actingUser(ctx context.Context, p domain.Principal, id domain.UserID) (domain.UserRef, error) {
	key := userID{app: p.App.Num, id: id}
	return remember(a, a.actingFor, key, func() (domain.UserRef, domain.Principal, time.Time, error) {
		subject, err := a.store.Subject(ctx, p.App.Num, id, "", "")
		if err != nil {
			return domain.UserRef{}, domain.Principal{}, time.Time{}, wrap("look up the user acted for", err)
		}
		about := domain.Principal{Kind: domain.PrincipalApp, App: p.App, User: subject.User}
		return subject.User, about, time.Time{}, nil
	})
}

// remember returns what the cache holds under key, or what load says; load
// also says whose revocation ends it, and when it ends by itself. While the
// log of revocations cannot be followed the cache is left alone.
func remember[K comparable, V any](a *Authenticator, c *cache[K, V], key K, load func() (V, domain.Principal, time.Time, error)) (V, error) {
	trusted := a.trusts()
	if trusted {
		if v, ok := c.get(key, a.clock.Now()); ok {
			return v, nil
		}
	}
	begun := c.begin()
	v, about, until, err := load()
	if err == nil && trusted {
		c.put(begun, key, v, about, until)
	}
	return v, err
}

// revoked drops what r ends. Signing keys go first: a token that is being
// checked with a remembered key then began before credentials are evicted, and
// is not remembered.
func (a *Authenticator) revoked(r domain.Revocation) {
	a.keys.evict(r)
	a.actingFor.evict(r)
	a.credentials.evict(r)
}

// forgetAll drops everything, in the order of revoked.
func (a *Authenticator) forgetAll() {
	a.keys.clear()
	a.actingFor.clear()
	a.credentials.clear()
}

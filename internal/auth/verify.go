package auth

import (
	"context"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
)

// appKey checks an app key.
func (a *Authenticator) appKey(ctx context.Context, key string, sum digest) (domain.Principal, error) {
	id, secret, ok := splitAppKey(key)
	if !ok {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	return remember(a, a.credentials, sum, func() (p, about domain.Principal, until time.Time, err error) {
		app, hash, err := a.store.AppKeyHash(ctx, id)
		if err != nil {
			return p, about, until, refusal("look up the app key", err, domain.ErrKeyNotFound)
		}
		if !sameHash(hashSecret(secret), hash) {
			return p, about, until, domain.ErrUnauthorized
		}
		p = domain.Principal{Kind: domain.PrincipalApp, App: app, KeyID: id}
		return p, p, until, nil
	})
}

// user checks a user token.
func (a *Authenticator) user(ctx context.Context, token string, sum digest) (domain.Principal, error) {
	return remember(a, a.credentials, sum, func() (p, about domain.Principal, until time.Time, err error) {
		p, err = a.checkToken(ctx, token)
		return p, p, usableUntil(p.ExpiresAt), err
	})
}

func (a *Authenticator) checkToken(ctx context.Context, token string) (domain.Principal, error) {
	t, ok := parseToken(token)
	if !ok || !t.validAt(a.clock.Now()) {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	key, err := a.signingKey(ctx, t.app, t.kid)
	if err != nil {
		return domain.Principal{}, err
	}
	if !t.verify(key.alg, key.public) {
		return domain.Principal{}, domain.ErrUnauthorized
	}
	user, err := a.checkSubject(ctx, key.app.Num, t)
	if err != nil {
		return domain.Principal{}, err
	}
	return domain.Principal{
		Kind: domain.PrincipalUser, App: key.app, User: user, Device: t.device,
		KeyID: key.kid, TokenID: t.id, IssuedAt: t.issued, ExpiresAt: t.expires,
	}, nil
}

// signingKey returns the key that the token must be signed with. Nothing of the
// token but the names of app and key has a say in which that is.
func (a *Authenticator) signingKey(ctx context.Context, app domain.AppID, kid string) (verifyingKey, error) {
	return remember(a, a.keys, keyID{app: app, kid: kid}, func() (key verifyingKey, about domain.Principal, until time.Time, err error) {
		ref, stored, err := a.store.SigningKeyOf(ctx, app, kid)
		if err != nil {
			return key, about, until, refusal("look up the signing key", err, domain.ErrSigningKeyNotFound, domain.ErrAppNotFound)
		}
		public, err := parseJWK(stored.Alg, stored.JWK)
		if err != nil {
			// It was checked when it was stored. The code of a bad request must
			// not get through: this is no fault of the caller.
			return key, about, until, domain.Trace(errors.New("a stored signing key is unusable: " + err.Error()))
		}
		about = domain.Principal{Kind: domain.PrincipalUser, App: ref, KeyID: kid}
		return verifyingKey{kid: kid, app: ref, alg: stored.Alg, public: public}, about, until, nil
	})
}

// checkSubject asks the store whether the user is there and the token not revoked.
func (a *Authenticator) checkSubject(ctx context.Context, app domain.AppNum, t parsedToken) (domain.UserRef, error) {
	subject, err := a.store.Subject(ctx, app, t.user, t.device, t.id)
	switch {
	case err != nil:
		return domain.UserRef{}, refusal("look up the token's user", err, domain.ErrUserNotFound)
	case subject.TokenRevoked, !t.issued.After(subject.TokensRevokedAt):
		return domain.UserRef{}, domain.ErrUnauthorized
	case t.device != "" && !subject.DeviceBound:
		return domain.UserRef{}, domain.ErrDeviceNotBound
	}
	return subject.User, nil
}

// refusal turns the absences that a wrong credential meets into the one answer
// to all wrong credentials; other errors come back with the operation.
func refusal(operation string, err error, absences ...error) error {
	for _, absent := range absences {
		if errors.Is(err, absent) {
			return domain.ErrUnauthorized
		}
	}
	return wrap(operation, err)
}

package handlers

import (
	"context"
	"net/http"

	"github.com/gim-im/gim/domain"
)

const headerGimUser = "Gim-User"

type callerKey struct{}

// caller is who makes a request, and how to look again whether its credentials
// are still good.
type caller struct {
	domain.Principal
	again func(context.Context) error
}

func withCaller(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// stillGood checks the caller's credentials once more, for an answer that was
// long in coming: they may have been revoked meanwhile.
func stillGood(ctx context.Context) error {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.again(ctx)
	}
	return domain.ErrUnauthorized
}

// principalOf returns the caller, the zero value where the operation needs none.
// The use cases refuse the zero value.
func principalOf(ctx context.Context) domain.Principal {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.Principal
	}
	return domain.Principal{}
}

// authenticate returns the caller and the credential that it presented.
func (s *server) authenticate(r *http.Request) (domain.Principal, string, error) {
	credentials := r.Header.Values("Authorization")
	if len(credentials) != 1 {
		return domain.Principal{}, "", domain.ErrUnauthorized
	}
	users := r.Header.Values(headerGimUser)
	switch {
	case len(users) > 1:
		return domain.Principal{}, "", domain.Invalid(headerGimUser, "is given more than once")
	case len(users) == 1 && users[0] == "":
		// A caller that lost the name must not find itself acting as the business.
		return domain.Principal{}, "", domain.Invalid(headerGimUser, "must not be empty; leave it out to act as the business")
	}
	user := ""
	if len(users) == 1 {
		user = users[0]
	}
	by, err := s.Auth.Bearer(r.Context(), credentials[0], user)
	return by, credentials[0], err
}

// userID resolves the user of a path: "me" is the caller.
func userID(by domain.Principal, id string) (domain.UserID, error) {
	const me = "me"
	if id != me {
		return domain.UserID(id), nil
	}
	return by.User.ID, by.RequireUser()
}

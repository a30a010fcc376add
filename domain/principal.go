package domain

import "time"

// PrincipalKind says which kind of credential a caller presented.
type PrincipalKind int

// The kinds of credentials, see the REST contract.
const (
	PrincipalAdmin PrincipalKind = iota + 1 // the operator's admin key
	PrincipalApp                            // an app key: the business back end
	PrincipalUser                           // a user token: a client
)

// Principal is an authenticated caller. Treat it as immutable.
type Principal struct {
	Kind PrincipalKind

	App AppRef // zero for the admin

	// User is the caller, or the one for whom an app key acts (Gim-User); zero
	// when the business acts for itself.
	User UserRef
	// Device is the device that the token is bound to, or "".
	Device DeviceID

	KeyID     string    // app key id, or the kid that verified the token
	TokenID   string    // jti, or ""
	IssuedAt  time.Time // of the token
	ExpiresAt time.Time // of the token; zero for keys
}

// AppRef is an app by both its names.
type AppRef struct {
	Num AppNum
	ID  AppID
}

// UserRef is a user by both names.
type UserRef struct {
	Num UserNum
	ID  UserID
}

// ActsForUser reports whether the caller is a user or acts for one.
func (p Principal) ActsForUser() bool { return p.User.Num != 0 }

// RequireAdmin refuses everyone but the operator.
func (p Principal) RequireAdmin() error {
	if p.Kind != PrincipalAdmin {
		return Failure(CodeForbidden, "This needs the admin key.")
	}
	return nil
}

// RequireApp refuses everyone but the app's own back end.
func (p Principal) RequireApp() error {
	if p.Kind != PrincipalApp {
		return Failure(CodeForbidden, "This needs an app key.")
	}
	return nil
}

// RequireUser refuses callers that neither are a user nor act for one.
func (p Principal) RequireUser() error {
	switch {
	case p.ActsForUser():
		return nil
	case p.Kind == PrincipalApp:
		return Failure(CodeForbidden, "This is done by a user: send a user token, or name the user in the Gim-User header.")
	}
	return Failure(CodeForbidden, "This needs a user token, or an app key with the Gim-User header.")
}

// RequireUserToken refuses everyone but users themselves.
func (p Principal) RequireUserToken() error {
	if p.Kind != PrincipalUser {
		return Failure(CodeForbidden, "This needs a user token.")
	}
	return nil
}

// RequireUserOrApp refuses the operator, whose key belongs to no app.
func (p Principal) RequireUserOrApp() error {
	if p.Kind != PrincipalApp && p.Kind != PrincipalUser {
		return Failure(CodeForbidden, "This needs a user token or an app key.")
	}
	return nil
}

// RequireSelf refuses users who touch another user's resource. An app key may
// touch any user of its app, but not with a Gim-User who is someone else.
func (p Principal) RequireSelf(id UserID) error {
	if err := p.RequireUserOrApp(); err != nil {
		return err
	}
	if p.ActsForUser() && p.User.ID != id {
		return Failure(CodeForbidden, "A user may do this for itself only.")
	}
	return nil
}

package storetest

import (
	"time"

	"github.com/gim-im/gim/domain"
)

func tokenTests() map[string]func(*world) {
	return map[string]func(*world){
		"Subject_TellsWhatATokenStandsOn":                 subjectPlain,
		"Subject_KnowsRevokedTokens":                      subjectRevoked,
		"Subject_OfAUserMadeAgainRefusesTheFormersTokens": subjectReborn,
		"Revocation_OfTokensIsToldOnceEach":               tokensRevocations,
		"Revocation_CoversWhatStoodOnADevice":             deviceRevocation,
		"Revocation_NeedsAUser":                           revocationNeedsUser,
	}
}

func (w *world) subject(user domain.UserRef, device domain.DeviceID, token string) domain.Subject {
	w.Helper()
	s, err := w.store.Subject(w.ctx, w.app.Num, user.ID, device, token)
	w.ok(err)
	return s
}

func subjectPlain(w *world) {
	users := w.users("alice", "bob")
	w.device(users[0], "phone")
	w.same("without a device", w.subject(users[0], "", ""), domain.Subject{User: users[0]})
	w.same("with its device", w.subject(users[0], "phone", "t"), domain.Subject{User: users[0], DeviceBound: true})
	w.same("with another's device", w.subject(users[1], "phone", "t"), domain.Subject{User: users[1]})
	w.same("with an absent device", w.subject(users[0], "Phone", "t"), domain.Subject{User: users[0]})
	_, err := w.store.Subject(w.ctx, w.app.Num, "carol", "phone", "t")
	w.refused(err, domain.ErrUserNotFound)
}

func subjectRevoked(w *world) {
	users := w.users("alice", "bob")
	at := epoch.Add(time.Minute)
	w.ok(w.store.RevokeTokens(w.ctx, w.app.Num, "alice", at))
	w.same("revoked by time", w.subject(users[0], "", "t"), domain.Subject{User: users[0], TokensRevokedAt: at})
	w.same("another user's", w.subject(users[1], "", "t"), domain.Subject{User: users[1]})
	w.ok(w.store.RevokeToken(w.ctx, w.app.Num, "bob", "t", at))
	w.same("revoked by id", w.subject(users[1], "", "t"), domain.Subject{User: users[1], TokenRevoked: true})
	for _, other := range []string{"T", "t.", "", "t0"} {
		w.same("another token", w.subject(users[1], "", other), domain.Subject{User: users[1]})
	}
	w.same("the same id of another user", w.subject(users[0], "", "t"), domain.Subject{User: users[0], TokensRevokedAt: at})

	// What is revoked stays so when the profile is replaced.
	w.users("alice", "bob")
	w.same("by time, kept", w.subject(users[0], "", "t").TokensRevokedAt, at)
	w.same("by id, kept", w.subject(users[1], "", "t").TokenRevoked, true)
}

func subjectReborn(w *world) {
	w.user("alice")
	w.ok(w.store.RevokeTokens(w.ctx, w.app.Num, "alice", epoch))
	w.ok(w.store.RevokeToken(w.ctx, w.app.Num, "alice", "t", epoch))
	at := epoch.Add(time.Minute)
	w.ok(w.store.DeleteUser(w.ctx, w.app.Num, "alice", at))
	_, err := w.store.Subject(w.ctx, w.app.Num, "alice", "", "t")
	w.refused(err, domain.ErrUserNotFound)
	alice := w.user("alice")
	w.same("new user", w.subject(alice, "", "t"), domain.Subject{User: alice, TokensRevokedAt: at})
}

func tokensRevocations(w *world) {
	alice := w.user("alice")
	before := w.lastRevocation()
	w.ok(w.store.RevokeTokens(w.ctx, w.app.Num, "alice", epoch))
	w.ok(w.store.RevokeToken(w.ctx, w.app.Num, "alice", "t", epoch))
	w.ok(w.store.RevokeToken(w.ctx, w.app.Num, "alice", "t", epoch.Add(time.Hour))) // revoked already
	w.wantRevocations(before,
		domain.Revocation{Kind: domain.RevokedTokens, User: alice.Num, At: epoch},
		domain.Revocation{Kind: domain.RevokedToken, User: alice.Num, Name: "t", At: epoch})
}

func deviceRevocation(w *world) {
	alice := w.user("alice")
	w.device(alice, "phone")
	before := w.lastRevocation()
	w.ok(w.store.DeleteDevice(w.ctx, w.app.Num, alice.Num, "phone", epoch))
	w.refused(w.store.DeleteDevice(w.ctx, w.app.Num, alice.Num, "phone", epoch), domain.ErrDeviceNotFound)
	w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedDevice, User: alice.Num, Name: "phone", At: epoch})
	w.same("bound", w.subject(alice, "phone", "").DeviceBound, false)
}

func revocationNeedsUser(w *world) {
	before := w.lastRevocation()
	w.refused(w.store.RevokeTokens(w.ctx, w.app.Num, "nobody", epoch), domain.ErrUserNotFound)
	w.refused(w.store.RevokeToken(w.ctx, w.app.Num, "nobody", "t", epoch), domain.ErrUserNotFound)
	w.wantRevocations(before)
}

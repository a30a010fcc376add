package storetest

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

func keyTests() map[string]func(*world) {
	return map[string]func(*world){
		"SigningKey_IsReadAsItWasPut":                signingKeyIsRead,
		"SigningKey_ReplacingRevokesTheFormer":       signingKeyReplace,
		"SigningKey_RevokedKidIsNeverAcceptedAgain":  signingKeyRevoke,
		"SigningKey_OwnKeysAreNotOverwritten":        signingKeyOwn,
		"Revocation_LogIsContiguousUnderConcurrency": revocationsContiguous,
	}
}

func signingKeyOf(kid string) domain.SigningKey {
	return domain.SigningKey{KID: kid, Alg: "EdDSA", JWK: json.RawMessage(`{"kty":"OKP","x":"` + kid + `"}`), CreatedAt: epoch}
}

func signingKeyIsRead(w *world) {
	key := signingKeyOf("k1")
	got, err := w.store.PutSigningKey(w.ctx, w.app.Num, key)
	w.ok(err)
	w.same("put", got, key)
	got, err = w.store.SigningKey(w.ctx, w.app.Num, "k1")
	w.ok(err)
	w.same("read", got, key)
	ref, got, err := w.store.SigningKeyOf(w.ctx, w.app.ID, "k1")
	w.ok(err)
	w.same("read by app id", got, key)
	w.same("app", ref, w.app.Ref())

	for _, kid := range []string{"K1", "k1.", "k"} {
		_, err = w.store.SigningKey(w.ctx, w.app.Num, kid)
		w.refused(err, domain.ErrSigningKeyNotFound)
	}
	_, _, err = w.store.SigningKeyOf(w.ctx, w.app.ID, "k2")
	w.refused(err, domain.ErrSigningKeyNotFound)
	_, _, err = w.store.SigningKeyOf(w.ctx, "absent-app", "k1")
	w.refused(err, domain.ErrAppNotFound)
}

func signingKeyReplace(w *world) {
	_, err := w.store.PutSigningKey(w.ctx, w.app.Num, signingKeyOf("k1"))
	w.ok(err)
	before := w.lastRevocation()
	second := domain.SigningKey{KID: "k1", Alg: "ES256", JWK: json.RawMessage(`{"kty":"EC"}`), CreatedAt: epoch.Add(time.Hour)}
	got, err := w.store.PutSigningKey(w.ctx, w.app.Num, second)
	w.ok(err)
	w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedSigningKey, Name: "k1", At: second.CreatedAt})
	second.CreatedAt = epoch
	w.same("put", got, second)
	got, err = w.store.SigningKey(w.ctx, w.app.Num, "k1")
	w.ok(err)
	w.same("read", got, second)
}

func signingKeyRevoke(w *world) {
	w.refused(w.store.RevokeSigningKey(w.ctx, w.app.Num, "k1", epoch), domain.ErrSigningKeyNotFound)
	_, err := w.store.PutSigningKey(w.ctx, w.app.Num, signingKeyOf("k1"))
	w.ok(err)
	before := w.lastRevocation()
	w.ok(w.store.RevokeSigningKey(w.ctx, w.app.Num, "k1", epoch))
	w.wantRevocations(before, domain.Revocation{Kind: domain.RevokedSigningKey, Name: "k1", At: epoch})
	_, err = w.store.SigningKey(w.ctx, w.app.Num, "k1")
	w.refused(err, domain.ErrSigningKeyNotFound)
	w.refused(w.store.RevokeSigningKey(w.ctx, w.app.Num, "k1", epoch), domain.ErrSigningKeyNotFound)
	_, err = w.store.PutSigningKey(w.ctx, w.app.Num, signingKeyOf("k1"))
	w.refused(err, domain.ErrSigningKeyExists)
	w.refused(w.store.EnsureOwnSigningKey(w.ctx, w.app.Num, signingKeyOf("k1")), domain.ErrSigningKeyExists)
}

func signingKeyOwn(w *world) {
	own := signingKeyOf("gim-1")
	w.ok(w.store.EnsureOwnSigningKey(w.ctx, w.app.Num, own))
	before := w.lastRevocation()
	w.ok(w.store.EnsureOwnSigningKey(w.ctx, w.app.Num, own)) // once more changes nothing
	w.wantRevocations(before)
	got, err := w.store.SigningKey(w.ctx, w.app.Num, "gim-1")
	w.ok(err)
	own.Own = true
	w.same("read", got, own)
	_, err = w.store.PutSigningKey(w.ctx, w.app.Num, signingKeyOf("gim-1"))
	w.refused(err, domain.ErrSigningKeyExists)

	_, err = w.store.PutSigningKey(w.ctx, w.app.Num, signingKeyOf("theirs"))
	w.ok(err)
	w.refused(w.store.EnsureOwnSigningKey(w.ctx, w.app.Num, signingKeyOf("theirs")), domain.ErrSigningKeyExists)
}

// lastRevocation returns the end of the log of revocations, which all apps share.
func (w *world) lastRevocation() int64 {
	w.Helper()
	seq, err := w.store.LastRevocation(w.ctx)
	w.ok(err)
	return seq
}

// revocationsAfter reads the log from after to its end and checks that it is contiguous.
func (w *world) revocationsAfter(after int64) []domain.Revocation {
	w.Helper()
	var all []domain.Revocation
	for {
		page, err := w.store.Revocations(w.ctx, after, 3)
		w.ok(err)
		for _, r := range page {
			if after++; r.Seq != after {
				w.Fatalf("revocation %d comes after %d", r.Seq, after-1)
			}
		}
		if all = append(all, page...); len(page) < 3 {
			return all
		}
	}
}

// wantRevocations checks what was revoked of w's app since before.
func (w *world) wantRevocations(before int64, want ...domain.Revocation) {
	w.Helper()
	got := []domain.Revocation{}
	for _, r := range w.revocationsAfter(before) {
		if r.App == w.app.Num {
			r.Seq = 0
			got = append(got, r)
		}
	}
	for i := range want {
		want[i].App = w.app.Num
	}
	w.same("revocations", got, append([]domain.Revocation{}, want...))
}

func revocationsContiguous(w *world) {
	user := w.user("alice")
	before := w.lastRevocation()
	const each, workers = 10, 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { // ends with the test
			for range each {
				if err := w.store.RevokeTokens(w.ctx, w.app.Num, user.ID, epoch); err != nil {
					w.Error(err)
				}
			}
		})
	}
	for range 20 { // readers never see a gap, whatever is under way
		w.revocationsAfter(before)
	}
	wg.Wait()
	mine := 0
	for _, r := range w.revocationsAfter(before) {
		if r.App == w.app.Num {
			mine++
		}
	}
	w.same("entries", mine, each*workers)
	if last := w.lastRevocation(); last < before+each*workers {
		w.Errorf("LastRevocation is %d, want at least %d", last, before+each*workers)
	}
}

package auth_test

import (
	"testing"

	"github.com/gim-im/gim/internal/allocs"
)

func TestAllocations(t *testing.T) { //nolint:paralleltest // others would be counted
	w := newWorld(t)
	token := "Bearer " + forge(t, goodHeader().with(nil), goodClaims().with(nil), "EdDSA", w.keys["ed"])
	known := func(credential, user string) func() {
		return func() {
			if _, err := w.auth.Bearer(t.Context(), credential, user); err != nil {
				t.Fatal(err)
			}
		}
	}
	allocs.Check(t, map[string]func(){
		"a user's token that is remembered": known(token, ""),
		"an app key for a user":             known("Bearer "+w.appKey, "alice"),
	})
}

package auth_test

import (
	"testing"

	"github.com/gim-im/gim/domain"
)

// benchmarkUser checks one token of each algorithm again and again.
func benchmarkToken(b *testing.B, remembered bool) {
	w := newWorld(b)
	a := w.auth
	if !remembered {
		a = w.authenticator(b, nil, nil)
	}
	for _, kid := range []string{"ed", "ec", "rsa"} {
		token := forge(b, goodHeader().with(fields{"kid": kid, "alg": algOf[kid]}), goodClaims().with(nil), algOf[kid], w.keys[kid])
		b.Run(algOf[kid], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Bearer(b.Context(), "Bearer "+token, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkToken_FromTheStore(b *testing.B) { benchmarkToken(b, false) }
func BenchmarkToken_Remembered(b *testing.B)   { benchmarkToken(b, true) }

func BenchmarkBearer_AppKeyForAUser(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.auth.Bearer(b.Context(), "Bearer "+w.appKey, "alice"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMint(b *testing.B) {
	w := newWorld(b)
	s := w.signer(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Mint(b.Context(), demo, "alice", "", domain.DefaultTokenTTL); err != nil {
			b.Fatal(err)
		}
	}
}

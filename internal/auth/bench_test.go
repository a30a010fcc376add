package auth_test

import (
	"testing"

	"github.com/gim-im/gim/domain"
)

// benchmarkUser checks one token of each algorithm again and again.
func benchmarkUser(b *testing.B, remembered bool) {
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
				if _, err := a.User(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUser_FromTheStore(b *testing.B) { benchmarkUser(b, false) }
func BenchmarkUser_Remembered(b *testing.B)   { benchmarkUser(b, true) }

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

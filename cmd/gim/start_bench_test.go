package main

import (
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// BenchmarkStart is the time from the start of the program to the first sign-in
// that is answered: on an empty directory, where the store is made first, and on
// one that is there.
func BenchmarkStart(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			p := gimtest.NewProcess(b, gimtest.ProcessOptions{})
			gimtest.Binary(b)
			b.StartTimer()
			p.Start()
			b.StopTimer()
			signInOnce(b, p, userOf(b, p)) // whose making is none of the start
			p.Terminate()
			b.StartTimer()
		}
	})
	b.Run("again", func(b *testing.B) {
		p := gimtest.StartProcess(b, gimtest.ProcessOptions{})
		token := userOf(b, p)
		p.Terminate()
		for b.Loop() {
			p.Start()
			signInOnce(b, p, token)
			b.StopTimer()
			p.Terminate()
			b.StartTimer()
		}
		b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/start")
	})
}

func userOf(b *testing.B, p *gimtest.Process) (token string) {
	b.Helper()
	shop := p.NewApp(b, "shop")
	shop.NewUsers(b, "alice")
	token, _ = shop.Token(b, "alice")
	return token
}

func signInOnce(b *testing.B, p *gimtest.Process, token string) {
	b.Helper()
	conn, err := client.Dial(b.Context(), p.TCPURL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Drop() }()
	if _, err := conn.SignIn(b.Context(), token, nil); err != nil {
		b.Fatal(err)
	}
}

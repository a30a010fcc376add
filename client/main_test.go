package client_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// TestMain starts a gim for the examples, which find it as a program would.
func TestMain(m *testing.M) {
	whole := &wholeRun{}
	gim := gimtest.Start(whole, gimtest.Options{})
	app := gim.NewApp(whole, "examples")
	app.NewUsers(whole, "carol", "dave")
	_, device := app.Token(whole, "carol")
	whole.must(os.Setenv("GIM_URL", gim.URL), os.Setenv("GIM_APP_KEY", app.Key), os.Setenv("GIM_DEVICE", device))
	app.SendText(whole, "dave", "carol", "hi carol", "")

	code := m.Run()
	for _, end := range slices.Backward(whole.ends) {
		end()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // as net/http documents it
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(cmp.Or(code, whole.code))
}

// tokenFromYourBackEnd asks the back end, which makes a token with its app key.
func tokenFromYourBackEnd(ctx context.Context) (string, error) {
	rest, err := client.NewREST(os.Getenv("GIM_URL"), os.Getenv("GIM_APP_KEY"))
	if err != nil {
		return "", err
	}
	device := os.Getenv("GIM_DEVICE") // registered once, when the app was installed
	made, err := rest.CreateTokenWithResponse(ctx, "carol", nil, client.CreateTokenRequest{DeviceId: &device})
	if err := client.Check(made, err); err != nil {
		return "", err
	}
	return made.JSON201.Token, nil
}

// wholeRun is the test that a gim belongs to which all examples share.
type wholeRun struct {
	testing.TB
	ends []func()
	code int
}

func (w *wholeRun) Helper() {}

func (w *wholeRun) Context() context.Context { return context.Background() }

func (w *wholeRun) Cleanup(f func()) { w.ends = append(w.ends, f) }

func (w *wholeRun) Failed() bool { return w.code != 0 }

func (w *wholeRun) TempDir() string {
	dir, err := os.MkdirTemp("", "gim-examples-")
	w.must(err)
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (w *wholeRun) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (w *wholeRun) Errorf(format string, args ...any) {
	w.code = 1
	w.Logf(format, args...)
}

func (w *wholeRun) Fatalf(format string, args ...any) {
	w.Logf(format, args...)
	os.Exit(1)
}

func (w *wholeRun) must(errs ...error) {
	for _, err := range errs {
		if err != nil {
			w.Fatalf("%v", err)
		}
	}
}

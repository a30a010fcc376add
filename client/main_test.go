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
	"github.com/gim-im/gim/wire"
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
	app.NewUsers(whole, "erin", "frank")
	app.SendText(whole, "frank", "erin", "hi erin", "")

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

// listenAsGrace hands on what grace receives while heidi sends her a message, edits
// it, reacts to it and takes it back.
func listenAsGrace(handler client.Handler) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	whole := &wholeRun{}
	app := gimtest.App{Caller: gimtest.Caller{URL: os.Getenv("GIM_URL")}, Key: os.Getenv("GIM_APP_KEY")}
	app.NewUsers(whole, "grace", "heidi")
	token, _ := app.Token(whole, "grace")
	heidi := app.For(whole, "heidi")
	id := ""
	steps := []func() error{
		func() error { id = app.SendText(whole, "heidi", "grace", "secret", "").MessageId; return nil },
		func() error { _, err := heidi.Edit(ctx, id, []byte(`{"text":"harmless"}`)); return err },
		func() error {
			answer, err := heidi.AddReactionWithResponse(ctx, id, "👍", nil)
			return client.Check(answer, err)
		},
		func() error { _, err := heidi.Recall(ctx, id); return err },
		func() error { leave(); return nil },
	}
	next := func() error {
		step := steps[0]
		steps = steps[1:]
		return step()
	}
	messages := handler.Messages
	handler.Messages = func(ctx context.Context, page []*wire.Message) error {
		return cmp.Or(messages(ctx, page), next())
	}
	handler.State = func(state client.State) {
		if state.Phase == client.Connected && len(steps) == 5 {
			whole.must(next())
		}
	}
	stream, err := client.NewStream(client.StreamOptions{
		Address: os.Getenv("GIM_URL"), Token: func(context.Context) (string, error) { return token, nil },
		Cursor: &client.Cursor{}, Handler: handler,
	})
	whole.must(err)
	whole.must(stream.Run(ctx))
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

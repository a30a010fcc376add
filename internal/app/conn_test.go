package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

// patience is when something that should have come is given up.
const patience = 30 * time.Second

// connect opens a connection of user to a gim at url, with a new device.
func connect(t *testing.T, shop gimtest.App, url, user string) *client.Conn {
	t.Helper()
	conn, err := client.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	token, _ := shop.Token(t, user)
	if _, err := conn.SignIn(t.Context(), token, nil); err != nil {
		t.Fatal(err)
	}
	return conn
}

// next returns the next frame that want accepts, or how the connection ended.
func next(t *testing.T, conn *client.Conn, want func(*wire.ServerFrame) bool) (*wire.ServerFrame, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		f, err := conn.Read(ctx)
		if err != nil || want(f) {
			return f, err
		}
	}
}

func isPush(f *wire.ServerFrame) bool { return f.GetPush() != nil }

func isClosing(f *wire.ServerFrame) bool { return f.GetClosing() != nil }

// closeCode reads until the connection is closed and returns the code.
func closeCode(t *testing.T, conn *client.Conn) int {
	t.Helper()
	_, err := next(t, conn, func(*wire.ServerFrame) bool { return false })
	closed, ok := errors.AsType[*client.ClosedError](err)
	if !ok {
		t.Fatalf("the connection ends with %v, want a close code", err)
	}
	return closed.Code
}

func TestApp_AMessageIsPushedFromOneNodeToAnother(t *testing.T) {
	t.Parallel()
	a, b := gimtest.StartPair(t, gimtest.Options{})
	shop := a.NewApp(t, "shop")
	shop.NewUsers(t, "alice", "bob")
	bob := connect(t, shop, b.URL, "bob")
	sent := shop.SendText(t, "alice", "bob", "hi", "")
	f, err := next(t, bob, isPush)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.GetPush().GetMessages(); len(got) != 1 || got[0].GetMessageId() != sent.MessageId || got[0].GetSeq() != 1 {
		t.Errorf("pushed %v, want the message %s", got, sent.MessageId)
	}
}

func TestApp_RevokedTokensCloseLiveConnections(t *testing.T) {
	t.Parallel()
	a, b := gimtest.StartPair(t, gimtest.Options{})
	shop := a.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	here, there := connect(t, shop, a.URL, "alice"), connect(t, shop, b.URL, "alice")
	if got, err := shop.Back(t).RevokeTokensWithResponse(t.Context(), "alice"); err != nil || got.StatusCode() != 204 {
		t.Fatalf("revoke: %v %s", err, got.Body)
	}
	for name, conn := range map[string]*client.Conn{"the same node": here, "the other node": there} {
		if got := closeCode(t, conn); got != int(wire.CloseRevoked) {
			t.Errorf("on %s: close code %d, want %d", name, got, wire.CloseRevoked)
		}
	}
}

func TestApp_DrainTellsConnectionsWhenToComeBack(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	conn := connect(t, shop, g.URL, "alice")
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop() }() // ends with the drain
	f, err := next(t, conn, isClosing)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.GetClosing(); got.GetCode() != int32(wire.CloseShutdown) {
		t.Errorf("closing %v, want code %d", got, wire.CloseShutdown)
	}
	if got := closeCode(t, conn); got != int(wire.CloseShutdown) {
		t.Errorf("close code %d, want %d", got, wire.CloseShutdown)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

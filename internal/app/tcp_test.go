package app_test

import (
	"strings"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

func TestApp_AMessageIsPushedOverTCP(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice", "bob")
	bob := connect(t, shop, "tcp://"+g.TCPAddr, "bob")
	sent := shop.SendText(t, "alice", "bob", "hi", "")
	f, err := next(t, bob, isPush)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.GetPush().GetMessages(); len(got) != 1 || got[0].GetMessageId() != sent.MessageId || got[0].GetSeq() != 1 {
		t.Errorf("pushed %v, want the message %s", got, sent.MessageId)
	}
}

// A drain over TCP ends with the frame that says when to come back.
func TestApp_DrainOverTCPSaysWhenToComeBackLast(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	shop := g.NewApp(t, "shop")
	shop.NewUsers(t, "alice")
	conn := connect(t, shop, "tcp://"+g.TCPAddr, "alice")
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
	_ = conn.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if conn, err := client.Dial(t.Context(), "tcp://"+g.TCPAddr); err == nil {
		_ = conn.Close()
		t.Error("a stopped gim still accepts connections")
	}
}

// Without REST and WebSocket their address is neither taken nor announced.
func TestApp_WithTheRoleTCPAloneListensOnNothingElse(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *config.Config) {
		c.Roles, c.RESTAddr = []string{config.RoleTCP}, "192.0.2.1:1" // which this machine does not have
	}})
	conn, err := client.Dial(t.Context(), "tcp://"+g.TCPAddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.SignIn(t.Context(), "no token", nil); err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("signing in with no token: %v, want unauthorized", err)
	}
	if got := get(t, g.AdminURL+"/readyz").StatusCode; got != 200 {
		t.Errorf("readyz is %d, want 200", got)
	}
}

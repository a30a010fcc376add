package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

func TestTCP_SlowStrangersAreGoneInTime(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, func(c *config.Config) { c.SignInTimeout = time.Second })
	const strangers = 1000
	var gone errgroup.Group
	for range strangers {
		l := dialLine(t, g.TCPAddr)
		gone.Go(func() error {
			frame := framed(t, signInFrame(strings.Repeat("x", 100)))
			ended := make(chan struct{})
			go func() { // ends with the connection
				defer close(ended)
				_, _ = io.Copy(io.Discard, l.conn)
			}()
			for _, b := range frame {
				if _, err := l.conn.Write([]byte{b}); err != nil {
					break
				}
				select {
				case <-ended:
					return nil
				case <-time.After(300 * time.Millisecond):
				}
			}
			<-ended
			return nil
		})
	}
	token, _ := app.Token(t, "bob")
	dialLine(t, g.TCPAddr).signIn(token) // meanwhile
	if err := gone.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTCP_ConnectAndCloseTenThousandTimes(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	var herd errgroup.Group
	var failed atomic.Int64
	for range 20 {
		herd.Go(func() error {
			for range 500 {
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.TCPAddr)
				if err != nil {
					failed.Add(1)
					continue
				}
				_ = conn.Close() // that is all it came for
			}
			return nil
		})
	}
	_ = herd.Wait() // there are no errors
	if n := failed.Load(); n > 0 {
		t.Errorf("%d connections failed", n)
	}
	token, _ := app.Token(t, "bob")
	l := dialLine(t, g.TCPAddr)
	l.signIn(token)
	if strings.Contains(g.Log(), `"level":"ERROR"`) || strings.Contains(g.Log(), `"level":"WARN"`) {
		t.Error("it was logged as a failure")
	}
}

func TestTCP_APeerThatNeverReadsIsLetGo_AndFindsAllInItsLog(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	token, _ := app.Token(t, "bob")
	l := dialLine(t, g.TCPAddr)
	if err := l.conn.(*net.TCPConn).SetReadBuffer(4096); err != nil { //nolint:forcetypeassert // it is one
		t.Fatal(err)
	}
	l.signIn(token)
	const messages = 300
	text := strings.Repeat("x", 50_000)
	var senders sync.WaitGroup
	for i := range 10 {
		senders.Go(func() {
			for n := range messages / 10 {
				app.SendText(t, "alice", "bob", text, fmt.Sprint(i, "-", n))
			}
		})
	}
	senders.Wait()
	if err := l.conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for !strings.Contains(scrape(t, g.AdminURL), `gim_connection_closes_total{code="4001"} 1`) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not closed as that of a slow consumer")
		}
		time.Sleep(20 * time.Millisecond) // between looks
	}
	log := newKept(t)
	runStream(t, client.StreamOptions{Address: g.TCPURL, Token: always(token), Cursor: &client.Cursor{}, Handler: client.Handler{Messages: log.store}})
	log.until(messages)
	log.isWhole()
}

// A cable that is pulled says nothing: neither FIN nor RST comes.
func TestTCP_AHalfOpenConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, func(c *config.Config) { c.Heartbeat = 400 * time.Millisecond })
	proxy := testserver.NewProxy(t, g.TCPAddr)
	token, device := app.Token(t, "bob")
	l := dialLine(t, proxy.Addr())
	l.signIn(token)
	proxy.Blackhole()
	online := func() bool {
		got, err := app.For(t, "bob").GetDeviceWithResponse(t.Context(), device, nil)
		if err != nil || got.JSON200 == nil {
			t.Fatalf("read the device: %v", err)
		}
		return got.JSON200.Online != nil && *got.JSON200.Online
	}
	begin := time.Now()
	for online() {
		if time.Since(begin) > patience {
			t.Fatal("the device is still online")
		}
		time.Sleep(10 * time.Millisecond) // between looks
	}
	if !strings.Contains(scrape(t, g.AdminURL), `gim_connection_closes_total{code="4003"} 1`) {
		t.Error("it was not closed for its silence")
	}
}

func TestTCP_DrainSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	g, app := onTCP(t, nil)
	var lines []*line
	for range 20 {
		token, _ := app.Token(t, "bob")
		l := dialLine(t, g.TCPAddr)
		l.signIn(token)
		lines = append(lines, l)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop() }()
	after := make(map[int64]bool)
	for _, l := range lines {
		f, err := l.hear()
		if err != nil || wire.CloseCode(f.GetClosing().GetCode()) != wire.CloseShutdown {
			t.Fatalf("goodbye is %v, %v", f, err)
		}
		after[f.GetClosing().GetReconnectAfterMs()] = true
		if f, err := l.hear(); !errors.Is(err, io.EOF) {
			t.Errorf("after the goodbye came %v, %v", f, err)
		}
		_ = l.conn.Close() // as a client does
	}
	if len(after) < 10 {
		t.Errorf("reconnects are spread over %d moments", len(after))
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// scrape reads the figures of a gim.
func scrape(t *testing.T, admin string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

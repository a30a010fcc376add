package realtime

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// streamTo makes one event stream, of which use has the server's side and the test
// the client's.
func streamTo(t *testing.T, heartbeat time.Duration, use func(c *events)) *http.Response {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := newEvents(w, heartbeat)
		use(c)
		if c.finish() {
			panic(http.ErrAbortHandler)
		}
	}))
	web.Config.ErrorLog = nil
	t.Cleanup(web.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func soonest() time.Time { return time.Now().Add(20 * time.Second) }

func TestEvents_ArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	frames := make([][]byte, 3)
	for i, n := range []int{10, 1 << 16, 1 << 20} {
		frames[i] = append(bytes.Repeat([]byte{'a' + byte(i)}, n), '\n')
		want.Write(frames[i])
	}
	want.Write(wire.AppendClosing(nil, wire.EventStream, wire.CloseShutdown, time.Second))
	answer := streamTo(t, time.Hour, func(c *events) {
		if err := c.WriteFrames(frames[:2], soonest()); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := c.WriteFrames(frames[2:], soonest()); err != nil {
			t.Errorf("write: %v", err)
		}
		c.Close(wire.CloseShutdown, time.Second)
		if _, err := c.ReadFrame(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		if err := c.WriteFrames(frames, soonest()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after the close: %v", err)
		}
		c.Close(wire.CloseInternal, 0) // is too late
		c.Close(0, 0)
	})
	got, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("read %d bytes and %v, want %d: …%q", len(got), err, want.Len(), got[max(0, len(got)-200):])
	}
}

func TestEvents_WriteEndsAtItsDeadlineAndTheAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	answer := streamTo(t, time.Hour, func(c *events) {
		defer close(begun)
		big := bytes.Repeat([]byte("a"), 1<<20)
		deadline := time.Now().Add(300 * time.Millisecond)
		for range 1000 { // more than the network holds
			if err := c.WriteFrames([][]byte{big}, deadline); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("write: %v", err)
				}
				c.Close(wire.CloseSlowConsumer, 0)
				return
			}
		}
		t.Error("a client that does not read takes everything")
	})
	<-begun
	got, err := io.ReadAll(answer.Body)
	if err == nil || strings.Contains(string(got[len(got)-100:]), "closing") {
		t.Errorf("ends whole, with %q", got[len(got)-100:])
	}
}

func TestEvents_CloseAtOnceEndsAWrite(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	answer := streamTo(t, time.Hour, func(c *events) {
		if err := c.WriteFrames([][]byte{[]byte("first\n")}, soonest()); err != nil {
			t.Errorf("write: %v", err)
		}
		var closing sync.WaitGroup
		defer close(over)
		defer closing.Wait()
		closing.Go(func() { c.Close(0, 0) })
		big := bytes.Repeat([]byte("a"), 1<<20)
		for c.WriteFrames([][]byte{big}, time.Now().Add(time.Hour)) == nil { //nolint:revive // until it fails
		}
	})
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
	<-over
	if _, err := io.ReadAll(answer.Body); err == nil {
		t.Error("the answer ends whole")
	}
}

// The transport pings by itself.
func TestEvents_ReadFrameIsTheHeartbeat(t *testing.T) {
	t.Parallel()
	answer := streamTo(t, time.Millisecond, func(c *events) {
		for range 3 {
			if frame, err := c.ReadFrame(); err != nil || string(frame) != `{"ping":{}}` {
				t.Errorf("read %s and %v", frame, err)
			}
		}
		c.Close(wire.CloseReplaced, 0)
	})
	if got, err := io.ReadAll(answer.Body); err != nil || !strings.HasPrefix(string(got), "event: closing\ndata: ") {
		t.Errorf("got %q and %v", got, err)
	}
}

// What is written after a refusal, and by a timer that was late, is as if there had been
// no stream.
func TestEvents_AreOverWhenTheyAreFinished(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	c := newEvents(w, time.Hour)
	c.Close(0, 0)
	if !c.finish() {
		t.Error("is not known to be cut off")
	}
	c.Close(0, 0)
	c.Close(wire.CloseInternal, time.Second)
	if w.Body.Len() > 0 || w.Flushed {
		t.Errorf("wrote %q", w.Body)
	}
}

func TestEventStream_RefusesWhatIsNoSignIn(t *testing.T) {
	t.Parallel()
	h, err := NewEventStream(Options{Gateway: noGateway(t), Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, string(domain.CodeOf(err)), http.StatusTeapot)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		query  string
		header http.Header
		code   domain.Code
	}{
		"no token":        {"", http.Header{}, domain.CodeUnauthorized},
		"two tokens":      {"", http.Header{"Authorization": {"Bearer x", "Bearer x"}}, domain.CodeUnauthorized},
		"another scheme":  {"", http.Header{"Authorization": {"Basic eDp5"}}, domain.CodeUnauthorized},
		"a bad token":     {"", http.Header{"Authorization": {"Bearer x"}}, domain.CodeUnauthorized},
		"a bad after":     {"after=x", http.Header{"Authorization": {"Bearer x"}}, domain.CodeBadRequest},
		"a bad id":        {"after=1", http.Header{"Authorization": {"Bearer x"}, "Last-Event-Id": {"e1:7"}}, domain.CodeBadRequest},
		"two ids":         {"", http.Header{"Authorization": {"Bearer x"}, "Last-Event-Id": {"1", "1"}}, domain.CodeBadRequest},
		"a bad position":  {"groups=news", http.Header{"Authorization": {"Bearer x"}}, domain.CodeBadRequest},
		"negative cursor": {"after=-1", http.Header{"Authorization": {"Bearer x"}}, domain.CodeBadRequest},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/stream?"+tt.query, nil)
		r.Header = tt.header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusTeapot || got != string(tt.code) {
			t.Errorf("%s: %d %q, want %s", name, w.Code, got, tt.code)
		}
	}
	if _, err := NewEventStream(Options{}); err == nil {
		t.Error("serves without a gateway")
	}
}

func TestSignInOf(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/v1/stream?after=1&epoch=e1&groups=team:12,news:7", nil)
	r.Header.Set("Authorization", "bearer  secret")
	in, err := signInOf(r)
	if err != nil || in.GetToken() != "secret" || in.GetAfter() != 1 || in.GetEpoch() != "e1" || in.GetGroups()["team"] != 12 || in.GetGroups()["news"] != 7 {
		t.Errorf("got %v, %v", in, err)
	}
	r.Header.Set("Last-Event-ID", "9")
	if in, err = signInOf(r); err != nil || in.GetAfter() != 9 {
		t.Errorf("with an id: %v, %v", in, err)
	}
	r = httptest.NewRequest(http.MethodGet, "/v1/stream", nil)
	r.Header.Set("Authorization", "Bearer secret")
	if in, err = signInOf(r); err != nil || in.After != nil {
		t.Errorf("without a position: %v, %v", in, err)
	}
}

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/wire"
)

// sse is an event stream as a client reads it.
type sse struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
	signed *wire.SignedIn
	lastID string // of the events up to now
	retry  string
	queued []*wire.Message // of pushes, not yet asked for
}

// askSSE asks for a stream and returns whatever the answer is.
func askSSE(t *testing.T, url, token, query string, headers ...string) *sse {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/stream?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	answer, err := web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return &sse{t: t, answer: answer, lines: bufio.NewReader(answer.Body), cancel: cancel}
}

// openSSE opens a stream, which has to begin.
func openSSE(t *testing.T, url, token, query string, headers ...string) *sse {
	t.Helper()
	s := askSSE(t, url, token, query, headers...)
	if s.answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d", s.answer.StatusCode)
	}
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := s.answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	f, err := s.read()
	if s.signed = f.GetSignedIn(); s.signed == nil {
		t.Fatalf("the stream begins with %v, %v", f, err)
	}
	return s
}

// read returns the frame of the next event. The error is io.EOF after a whole answer.
func (s *sse) read() (*wire.ServerFrame, error) {
	late := time.AfterFunc(patience, s.cancel)
	defer late.Stop()
	var name, data string
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && data != "":
			f := decodeFrame(s.t, wire.JSON, []byte(data))
			if body := bodyName(f); body != name {
				s.t.Errorf("event %s has a frame %s", name, body)
			}
			return f, nil
		case line == "\n", field == "": // a comment
		case field == "event":
			name = value
		case field == "data":
			data = value
		case field == "id":
			s.lastID = value
		case field == "retry":
			s.retry = value
		default:
			return nil, fmt.Errorf("a line %q", line)
		}
	}
}

func bodyName(f *wire.ServerFrame) string {
	m := f.ProtoReflect()
	return string(m.WhichOneof(m.Descriptor().Oneofs().ByName("body")).Name())
}

// message returns the next pushed message.
func (s *sse) message() *wire.Message {
	s.t.Helper()
	for len(s.queued) == 0 {
		f, err := s.read()
		if err != nil {
			s.t.Fatalf("read: %v", err)
		}
		s.queued = f.GetPush().GetMessages()
		if len(s.queued) == 0 {
			s.t.Fatalf("%v where a push was expected", f)
		}
		if last := lastEntry(s.queued); last > 0 && s.lastID != strconv.FormatInt(last, 10) {
			s.t.Errorf("the id is %s, and the last entry %d", s.lastID, last)
		}
	}
	m := s.queued[0]
	s.queued = s.queued[1:]
	return m
}

func lastEntry(messages []*wire.Message) (last int64) {
	for _, m := range messages {
		last = max(last, m.GetSeq())
	}
	return last
}

// heartbeats reads n comments, and nothing else.
func (s *sse) heartbeats(n int) {
	s.t.Helper()
	late := time.AfterFunc(patience, s.cancel)
	defer late.Stop()
	for n > 0 {
		switch line, err := s.lines.ReadString('\n'); {
		case err != nil || line != ":\n" && line != "\n":
			s.t.Fatalf("read %q, %v", line, err)
		case line == ":\n":
			n--
		}
	}
}

// wantClosed reads to the end, which is announced with a code.
func (s *sse) wantClosed(code int32) *wire.Closing {
	s.t.Helper()
	for {
		f, err := s.read()
		if err != nil {
			s.t.Fatalf("ends with %v, and said nothing", err)
		}
		if f.GetClosing() == nil {
			continue
		}
		if got := f.GetClosing().GetCode(); got != code {
			s.t.Errorf("closed with %d, want %d", got, code)
		}
		if next, err := s.read(); err == nil {
			s.t.Errorf("after the close: %v", next)
		}
		return f.GetClosing()
	}
}

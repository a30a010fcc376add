package bench

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gim-im/gim/client"
)

// pipe is a connection of which only what comes is of interest.
type pipe struct {
	io.Reader
	sent bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) { return p.sent.Write(b) }
func (*pipe) Close() error                  { return nil }

// unmasked is a frame as a server writes it.
func unmasked(head byte, payload string) []byte {
	f := appendMasked(nil, head, []byte(payload))
	f[0], f[1] = head, f[1]&^maskBit
	mask := len(f) - len(payload) - 4
	return append(f[:mask], payload...)
}

func TestWSReader_ReadsMessagesWhereverTheyAreCut(t *testing.T) {
	t.Parallel()
	long, longest := strings.Repeat("m", 300), strings.Repeat("l", 70_000)
	stream := bytes.Join([][]byte{
		unmasked(finBit|opBinary, "short"), unmasked(finBit|opPing, "are you there"), unmasked(finBit|opBinary, long), unmasked(finBit|opPong, ""),
		unmasked(opBinary, "in "), unmasked(opContinuation, "three "), unmasked(finBit|opContinuation, "parts"),
		unmasked(finBit|opBinary, longest), unmasked(finBit|opClose, "\x03\xe9bye"),
	}, nil)
	for name, from := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		p := &pipe{Reader: from}
		r := &wsReader{line: &line{conn: p, ws: true}, buf: make([]byte, 16)}
		for _, want := range []string{"short", long, "in three parts", longest} {
			if got, err := r.next(); err != nil || string(got) != want {
				t.Fatalf("%s: read %.20q (%d bytes, error %v), want %.20q", name, got, len(got), err, want)
			}
		}
		_, err := r.next()
		if closed, ok := errors.AsType[*client.ClosedError](err); !ok || closed.Code != 1001 || closed.Reason != "bye" {
			t.Errorf("%s: the end is %v, want 1001 and why", name, err)
		}
		if want := append(appendMasked(nil, opPong, []byte("are you there")), appendMasked(nil, opClose, []byte("\x03\xe9bye"))...); !bytes.Equal(p.sent.Bytes(), want) {
			t.Errorf("%s: answered %q, want %q", name, p.sent.Bytes(), want)
		}
	}
}

func TestWSReader_RefusesWhatNoServerSends(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"text":             unmasked(finBit|0x1, "hello"),
		"a stray part":     unmasked(finBit|opContinuation, "hello"),
		"a mask":           appendMasked(nil, opBinary, []byte("hello")),
		"a message in one": append(unmasked(opBinary, "a"), unmasked(finBit|opBinary, "b")...),
		"a giant":          {finBit | opBinary, length64, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		r := &wsReader{line: &line{conn: &pipe{Reader: bytes.NewReader(stream)}}, buf: make([]byte, 16)}
		if got, err := r.next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: read %q, error %v; want an error that says what is wrong", name, got, err)
		}
	}
}

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/gim-im/gim/domain"
)

// framed puts its length in front of each frame.
func framed(frames ...[]byte) (stream []byte) {
	for _, f := range frames {
		stream = append(AppendLength(stream, len(f)), f...)
	}
	return stream
}

// decodeAll returns copies of all frames that come from r, and why it stopped:
// io.EOF, or what the decoder says.
func decodeAll(r io.Reader, limit int) (frames [][]byte, err error) {
	d := NewDecoder(limit)
	defer d.Rest()
	for {
		frame, ok, err := d.Next()
		switch {
		case err != nil:
			return frames, err
		case ok:
			frames = append(frames, bytes.Clone(frame))
			continue
		}
		if err := d.Fill(r); err != nil {
			return frames, err
		}
	}
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func fill(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }

func TestDecoder_JudgesALengthBeforeTheFrameIsThere(t *testing.T) {
	t.Parallel()
	const limit = MaxFrameBytes
	varint := func(v uint64) []byte { return binary.AppendUvarint(nil, v) }
	tests := []struct {
		name   string
		stream []byte
		code   domain.Code // "" for none
		frames []int       // lengths
	}{
		{"nothing", nil, "", nil},
		{"0", varint(0), "", []int{0}},
		{"1", framed(fill(1, 'a')), "", []int{1}},
		{"127, the longest in one byte", framed(fill(127, 'a')), "", []int{127}},
		{"128", framed(fill(128, 'a')), "", []int{128}},
		{"max", framed(fill(limit, 'a')), "", []int{limit}},
		{"several of max", framed(fill(limit, 'a'), fill(limit, 'b'), nil, fill(1, 'c')), "", []int{limit, limit, 0, 1}},
		{"max+1", varint(limit + 1), domain.CodeTooLarge, nil},
		{"max+1 after a good one", append(framed(fill(3, 'a')), varint(limit+1)...), domain.CodeTooLarge, []int{3}},
		{"2^31-1", varint(math.MaxInt32), domain.CodeTooLarge, nil},
		{"2^32-1", varint(math.MaxUint32), domain.CodeTooLarge, nil},
		{"2^35-1, the longest of five bytes", varint(1<<35 - 1), domain.CodeTooLarge, nil},
		{"2^35", varint(1 << 35), domain.CodeTooLarge, nil},
		{"2^63", varint(1 << 63), domain.CodeTooLarge, nil},
		{"2^64-1, ten bytes", varint(math.MaxUint64), domain.CodeTooLarge, nil},
		{"bytes without end", fill(100, 0xff), domain.CodeTooLarge, nil},
		{"0 in two bytes", []byte{0x80, 0}, domain.CodeBadRequest, nil},
		{"1 in two bytes", []byte{0x81, 0, 'a'}, domain.CodeBadRequest, nil},
		{"1 in five bytes", []byte{0x81, 0x80, 0x80, 0x80, 0, 'a'}, domain.CodeBadRequest, nil},
		{"0 in ten bytes", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, domain.CodeTooLarge, nil},
		{"part of a length", []byte{0x80}, "", nil},
		{"part of a frame", []byte{2, 'a'}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{
				"at once": bytes.NewReader(tt.stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(tt.stream)),
			} {
				frames, err := decodeAll(r, limit)
				if tt.code == "" && !errors.Is(err, io.EOF) || tt.code != "" && domain.CodeOf(err) != tt.code {
					t.Errorf("%s: error %v, want %q", how, err, tt.code)
				}
				var got []int
				for _, f := range frames {
					got = append(got, len(f))
				}
				if fmt.Sprint(got) != fmt.Sprint(tt.frames) {
					t.Errorf("%s: frames of %v bytes, want %v", how, got, tt.frames)
				}
			}
		})
	}
}

func TestDecoder_AnySplitGivesTheSameFrames(t *testing.T) {
	t.Parallel()
	want := [][]byte{fill(1, 'a'), nil, fill(200, 'b'), fill(510, 'c'), fill(2, 'd'), fill(511, 'e'), fill(1500, 'f'), nil}
	stream := framed(want...)
	for at := range len(stream) + 1 {
		r := io.MultiReader(bytes.NewReader(stream[:at]), bytes.NewReader(stream[at:]))
		if got, err := decodeAll(r, MaxFrameBytes); !equal(got, want) || !errors.Is(err, io.EOF) {
			t.Fatalf("split at %d: %d frames, %v; want %d", at, len(got), err, len(want))
		}
	}
}

// chopped reads in pieces of random sizes.
type chopped struct {
	r   io.Reader
	rng *rand.Rand
}

func (c chopped) Read(p []byte) (int, error) {
	return c.r.Read(p[:min(len(p), 1+c.rng.IntN(1<<(1+c.rng.IntN(17))))])
}

func TestDecoder_FramesOfAllSizesInPiecesOfAllSizes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		var want [][]byte
		for i := range 100 {
			want = append(want, fill(rng.IntN(1<<(1+rng.IntN(17))), byte(i)))
		}
		got, err := decodeAll(chopped{bytes.NewReader(framed(want...)), rng}, MaxFrameBytes)
		if !equal(got, want) || !errors.Is(err, io.EOF) {
			t.Fatalf("%d frames, %v; want %d", len(got), err, len(want))
		}
	}
}

// What a peer announces costs nothing: memory is taken as the bytes come, and
// given back when they have been handed out.
func TestDecoder_GrowsWithWhatArrived(t *testing.T) {
	t.Parallel()
	d := NewDecoder(MaxFrameBytes)
	arrived := 0
	feed := func(data []byte) {
		r := bytes.NewReader(data)
		for r.Len() > 0 {
			before := r.Len()
			if err := d.Fill(io.LimitReader(r, 100)); err != nil {
				t.Fatal(err)
			}
			arrived += before - r.Len()
			if most := max(8<<10, 4*arrived+100); len(d.buf) > smallBuffer && (len(d.buf) > most || arrived < smallBuffer) {
				t.Fatalf("a buffer of %d bytes after %d", len(d.buf), arrived)
			}
		}
	}
	whole := framed(fill(MaxFrameBytes, 'a'))
	feed(whole[:len(whole)-1])
	if _, ok, err := d.Next(); ok || err != nil || len(d.Buffered()) != len(whole)-1 {
		t.Fatalf("a frame before its end: %v, %v", ok, err)
	}
	feed(append(whole[len(whole)-1:], 5))
	if frame, ok, err := d.Next(); !ok || err != nil || len(frame) != MaxFrameBytes {
		t.Fatalf("the frame is %d bytes, %v, %v", len(frame), ok, err)
	}
	if err := d.Fill(bytes.NewReader([]byte("bbbbb"))); err != nil {
		t.Fatal(err)
	}
	if len(d.buf) != smallBuffer {
		t.Errorf("after a large frame it holds %d bytes, want %d", len(d.buf), smallBuffer)
	}
	if frame, ok, err := d.Next(); string(frame) != "bbbbb" || !ok || err != nil {
		t.Errorf("after a large frame comes %q, %v, %v", frame, ok, err)
	}
	d.Rest()
	if d.lent != nil || len(d.buf) != ownBuffer {
		t.Errorf("at rest it holds %d bytes", len(d.buf))
	}
	feed([]byte{3, 'c'})
	feed([]byte{'c'})
	d.Rest() // not in the middle of a frame
	feed([]byte{'c'})
	if frame, ok, err := d.Next(); string(frame) != "ccc" || !ok || err != nil {
		t.Errorf("after a rest comes %q, %v, %v", frame, ok, err)
	}
}

func TestDecoder_ReadsMoreAtATimeWhileMoreIsWaiting(t *testing.T) {
	t.Parallel()
	stream := bytes.NewReader(bytes.Repeat(framed(fill(100, 'a')), 10_000)) // about 1 MB
	d, reads := NewDecoder(MaxFrameBytes), 0
	defer d.Rest()
	for ; d.Fill(stream) == nil; reads++ {
		for ok := true; ok; _, ok, _ = d.Next() {
		}
	}
	if reads > 50 {
		t.Errorf("%d reads, want them to be larger", reads)
	}
}

// An error of the reader ends nothing that was read before.
func TestDecoder_FramesBeforeAnErrorAreHandedOut(t *testing.T) {
	t.Parallel()
	got, err := decodeAll(iotest.DataErrReader(bytes.NewReader(framed(fill(3, 'a'), fill(4, 'b')))), MaxFrameBytes)
	if len(got) != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames, %v; want 2 and the end", len(got), err)
	}
}

// Not parallel: the allocations of others would count.
func TestDecoder_HandsOutSmallFramesWithoutAllocating(t *testing.T) {
	stream := framed(fill(100, 'a'))
	d, r := NewDecoder(MaxFrameBytes), bytes.NewReader(nil)
	got := testing.AllocsPerRun(1000, func() {
		r.Reset(stream)
		for ok := false; !ok; {
			if err := d.Fill(r); err != nil {
				t.Fatal(err)
			}
			var err error
			if _, ok, err = d.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != 0 {
		t.Errorf("%v allocations for each frame, want none", got)
	}
}

// FuzzDecoder splits any bytes anywhere: the frames and the error are the same,
// none is over the limit, and together they are the input.
func FuzzDecoder(f *testing.F) {
	const limit = 5000
	f.Add([]byte{}, uint16(0), uint16(0))
	f.Add(framed(fill(1, 'a'), nil, fill(300, 'b')), uint16(1), uint16(200))
	f.Add(framed(fill(limit, 'a')), uint16(2), uint16(513))
	f.Add(AppendLength(nil, limit+1), uint16(1), uint16(2))
	f.Add([]byte{0x80, 0}, uint16(1), uint16(1))
	f.Add(fill(12, 0xff), uint16(5), uint16(6))
	f.Fuzz(func(t *testing.T, stream []byte, first, second uint16) {
		one := min(int(first), len(stream))
		two := min(one+int(second), len(stream))
		want, wantErr := decodeAll(bytes.NewReader(stream), limit)
		got, gotErr := decodeAll(io.MultiReader(bytes.NewReader(stream[:one]), bytes.NewReader(stream[one:two]), bytes.NewReader(stream[two:])), limit)
		if !equal(want, got) || fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			t.Fatalf("split at %d and %d: %d frames, %v; want %d, %v", one, two, len(got), gotErr, len(want), wantErr)
		}
		for _, frame := range want {
			if len(frame) > limit {
				t.Fatalf("a frame of %d bytes", len(frame))
			}
		}
		if all := framed(want...); !bytes.HasPrefix(stream, all) {
			t.Fatalf("frames %x are not what was sent: %x", all, stream)
		}
		if _, known := errors.AsType[*domain.Error](wantErr); !known && !errors.Is(wantErr, io.EOF) {
			t.Fatalf("ended with %v", wantErr)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	for _, size := range []int{100, 8 << 10, MaxFrameBytes} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			stream := framed(fill(size, 'a'))
			d, r := NewDecoder(MaxFrameBytes), bytes.NewReader(nil)
			defer d.Rest()
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				r.Reset(stream)
				for {
					_, ok, err := d.Next()
					if err != nil {
						b.Fatal(err)
					}
					if ok {
						break
					}
					if err := d.Fill(r); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

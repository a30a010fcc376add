package wire

import (
	"bytes"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

const fieldFramePing, fieldFramePong, fieldPongHead protowire.Number = 3, 3, 1

// PlainPing reports whether a frame from a client is a ping without a seq, written
// the way encoders write it: the id before the ping, and in JSON no space. It
// allocates nothing. Anything else, also a ping, is for DecodeClient.
func PlainPing(enc Encoding, payload []byte) (id uint64, ok bool) {
	if enc != Proto {
		return plainPingJSON(payload)
	}
	if num, kind, n := protowire.ConsumeTag(payload); num == fieldFrameID && kind == protowire.VarintType {
		v, m := protowire.ConsumeVarint(payload[n:])
		if m < 0 {
			return 0, false
		}
		id, payload = v, payload[n+m:]
	}
	num, kind, n := protowire.ConsumeTag(payload)
	return id, num == fieldFramePing && kind == protowire.BytesType && len(payload) == n+1 && payload[n] == 0
}

func plainPingJSON(payload []byte) (id uint64, ok bool) {
	rest, ok := bytes.CutSuffix(payload, []byte(`"ping":{}}`))
	if !ok || len(rest) == 0 || rest[0] != '{' {
		return 0, false
	}
	if len(rest) == 1 {
		return 0, true
	}
	digits, numbered := bytes.CutPrefix(rest[1:], []byte(`"id":`))
	digits, whole := bytes.CutSuffix(digits, []byte(","))
	const maxDigits = 19 // so that it cannot run over
	if !numbered || !whole || len(digits) == 0 || len(digits) > maxDigits || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		id = id*10 + uint64(d-'0')
	}
	return id, true
}

// AppendPong appends the answer to a ping.
func AppendPong(dst []byte, enc Encoding, id uint64, head int64) []byte {
	switch enc {
	case EventStream:
		return append(dst, heartbeat...)
	case JSON:
		dst = append(appendID(dst, id), `"pong":{"head_seq":`...)
		return append(strconv.AppendInt(dst, head, 10), "}}"...)
	}
	if id != 0 {
		dst = protowire.AppendTag(dst, fieldFrameID, protowire.VarintType)
		dst = protowire.AppendVarint(dst, id)
	}
	dst = protowire.AppendTag(dst, fieldFramePong, protowire.BytesType)
	if head == 0 {
		return append(dst, 0)
	}
	h := uint64(head) //nolint:gosec // not negative
	dst = protowire.AppendVarint(dst, uint64(protowire.SizeTag(fieldPongHead)+protowire.SizeVarint(h)))
	dst = protowire.AppendTag(dst, fieldPongHead, protowire.VarintType)
	return protowire.AppendVarint(dst, h)
}

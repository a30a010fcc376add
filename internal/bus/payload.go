package bus

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// A payload is
//
//	version 1 | node 8 | kind 1 | what the kind has
//
// where a message has
//
//	seq | flags 1 | origin | request id | traceparent | gim.v1.Message
//
// a session has
//
//	number | device
//
// a signal has
//
//	gim.v1.PushedSignal
//
// and a gap and presence have nothing. Numbers are unsigned varints, strings have their
// length before them, and the protobuf message takes the rest. The topic is not
// in it: the channel says it.
const (
	payloadVersion = 1
	nodeIDLength   = 8
	headLength     = 1 + nodeIDLength + 1
	flagSender     = 1

	// maxPayload is far above what a message needs; anything longer is not ours.
	maxPayload = 1 << 20
)

var errGarbage = errors.New("not a payload of this version of gim")

// nodeID tells the processes on a bus apart. It is drawn at random, because two
// nodes that shared a configured name would take each other's events for echoes.
type nodeID [nodeIDLength]byte

// isEcho reports whether node itself published payload, without reading it.
func isEcho(payload string, node nodeID) bool {
	return len(payload) >= headLength && payload[1:1+nodeIDLength] == string(node[:])
}

// appendPayload encodes e. The protobuf form of a message is made once and
// copied for each recipient.
func appendPayload(buf []byte, node nodeID, e *wire.Event) []byte {
	buf = append(buf, payloadVersion)
	buf = append(buf, node[:]...)
	buf = append(buf, byte(e.Kind))
	switch e.Kind {
	case wire.EventMessage:
		buf = binary.AppendUvarint(buf, uint64(e.Seq)) //nolint:gosec // never negative
		var flags byte
		if e.IsSender {
			flags |= flagSender
		}
		buf = append(buf, flags)
		buf = appendString(buf, e.Origin)
		buf = appendString(buf, e.Request.ID)
		buf = appendString(buf, e.Request.TraceParent)
		buf = append(buf, e.Body.CommonProto()...)
	case wire.EventSession:
		buf = binary.AppendUvarint(buf, uint64(e.Session)) //nolint:gosec // never negative
		buf = appendString(buf, string(e.Device))
	case wire.EventSignal:
		buf = wire.AppendSignal(buf, e.Signal.Message())
	case wire.EventGap, wire.EventPresence, wire.EventHead:
	}
	return buf
}

func appendString(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

// decoder reads payloads. It is for one goroutine.
type decoder struct {
	// The last message of each node. Its recipients follow one another, and they
	// share one Body here as they do where it was published.
	last map[nodeID]lastBody
}

type lastBody struct {
	common string
	body   *wire.Body
}

// maxLastBodies bounds what a decoder remembers, against a stream of made-up nodes.
const maxLastBodies = 64

// decode reads a payload that came for t. The error is errGarbage or that of
// the protobuf message.
func (d *decoder) decode(payload string, t wire.Topic) (*wire.Event, error) {
	if len(payload) < headLength || len(payload) > maxPayload || payload[0] != payloadVersion {
		return nil, errGarbage
	}
	r := reader{rest: payload[headLength:]}
	e := &wire.Event{Kind: wire.EventKind(payload[headLength-1]), Topic: t}
	switch e.Kind {
	case wire.EventMessage:
		e.Seq = r.number()
		e.IsSender = r.byte()&flagSender != 0
		e.Origin = r.string()
		e.Request = domain.RequestInfo{ID: r.string(), TraceParent: r.string()}
		if r.bad || r.rest == "" {
			return nil, errGarbage
		}
		var err error
		e.Body, err = d.body(nodeID([]byte(payload[1:1+nodeIDLength])), r.rest)
		return e, err
	case wire.EventSession:
		e.Session = r.number()
		e.Device = domain.DeviceID(r.string())
	case wire.EventSignal:
		pushed, err := wire.ParseSignal([]byte(r.rest))
		e.Signal = wire.NewSignal(pushed)
		return e, err
	case wire.EventGap, wire.EventPresence:
	default:
		return nil, errGarbage
	}
	if r.bad || r.rest != "" {
		return nil, errGarbage
	}
	return e, nil
}

func (d *decoder) body(node nodeID, common string) (*wire.Body, error) {
	if last := d.last[node]; last.common == common {
		return last.body, nil
	}
	body, err := wire.ParseBody([]byte(common))
	if err != nil {
		return nil, err
	}
	if d.last == nil || len(d.last) >= maxLastBodies {
		d.last = make(map[nodeID]lastBody)
	}
	d.last[node] = lastBody{common: common, body: body}
	return body, nil
}

// reader takes a payload apart. Once something is missing it is bad, and gives
// zero values.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if n <= 0 {
		r.bad, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) number() int64 {
	v := r.uvarint()
	if v > math.MaxInt64 {
		r.bad = true
		return 0
	}
	return int64(v)
}

func (r *reader) byte() byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

package wire

import (
	"encoding/json"
	"errors"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
)

// SignalBody is a signal together with the frame that pushes it, which is the same for
// all receivers and made once in each encoding. It is safe for concurrent use.
type SignalBody struct {
	message *PushedSignal

	proto, json, event atomic.Pointer[[]byte]
}

// NewSignal wraps s, which must not be changed afterwards.
func NewSignal(s *PushedSignal) *SignalBody { return &SignalBody{message: s} }

// Message returns the signal, nil of nil; treat it as immutable.
func (s *SignalBody) Message() *PushedSignal {
	if s == nil {
		return nil
	}
	return s.message
}

// Frame returns the frame that pushes the signal. Its bytes are shared: do not change
// them.
func (s *SignalBody) Frame(enc Encoding) []byte {
	kept := &s.proto
	switch enc {
	case JSON:
		kept = &s.json
	case EventStream:
		kept = &s.event
	}
	if made := kept.Load(); made != nil {
		return *made
	}
	return keepFirst(kept, AppendFrame(nil, enc, &ServerFrame{Body: &ServerFrame_Signal{Signal: s.message}}))
}

// AppendSignal appends s as gim.v1.PushedSignal.
func AppendSignal(dst []byte, s *PushedSignal) []byte {
	out, err := proto.MarshalOptions{}.MarshalAppend(dst, s)
	if err != nil { // text that is not UTF-8, which domain never lets in
		return dst
	}
	return out
}

// ParseSignal reads what AppendSignal wrote. It fails on anything that is not a
// whole signal.
func ParseSignal(data []byte) (*PushedSignal, error) {
	s := new(PushedSignal)
	if err := proto.Unmarshal(data, s); err != nil {
		return nil, err
	}
	if s.GetKind() == "" || s.GetConversationId() == "" || s.GetSender().GetType() == "" || !json.Valid(s.GetData()) {
		return nil, errors.New("signal lacks its kind, conversation, sender or data")
	}
	return s, nil
}

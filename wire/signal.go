package wire

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/proto"
)

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

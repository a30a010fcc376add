package bench

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of the fields that are written by hand, as in gim.proto.
const (
	fieldSend protowire.Number = 6 // of a frame from a client

	fieldTo        protowire.Number = 1 // of a send
	fieldSendType  protowire.Number = 2
	fieldSendBody  protowire.Number = 3
	fieldClientID  protowire.Number = 4
	fieldPersist   protowire.Number = 6
	fieldUserID    protowire.Number = 1 // of a target
	fieldGroupID   protowire.Number = 2
	fieldFramePing protowire.Number = 3
)

// sendFrames makes the frames in which a loop sends, out of parts that stay.
type sendFrames struct {
	head     []byte // to and type
	send     []byte // of the last frame
	frame    []byte
	clientID []byte
}

// next is the frame of message n. It is valid until the next call.
func (s *sendFrames) next(l *loop, n int64) []byte {
	if s.head == nil {
		num, id := fieldUserID, l.toUser
		if l.toGroup != "" {
			num, id = fieldGroupID, l.toGroup
		}
		to := protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), id)
		s.head = protowire.AppendBytes(protowire.AppendTag(nil, fieldTo, protowire.BytesType), to)
		s.head = protowire.AppendString(protowire.AppendTag(s.head, fieldSendType, protowire.BytesType), "text")
	}
	s.send = append(s.send[:0], s.head...)
	s.send = protowire.AppendTag(s.send, fieldSendBody, protowire.BytesType)
	s.send = protowire.AppendVarint(s.send, uint64(contentBytes))
	s.send = stamp{l.sender, n}.append(s.send)
	if l.passing {
		s.send = protowire.AppendVarint(protowire.AppendTag(s.send, fieldPersist, protowire.VarintType), 0)
	} else {
		s.clientID = strconv.AppendInt(append(append(s.clientID[:0], l.user...), '-'), n, 10)
		s.send = protowire.AppendBytes(protowire.AppendTag(s.send, fieldClientID, protowire.BytesType), s.clientID)
	}
	s.frame = protowire.AppendTag(s.frame[:0], fieldID, protowire.VarintType)
	s.frame = protowire.AppendVarint(s.frame, firstSendID+uint64(n)) //nolint:gosec // counts up from 0
	s.frame = protowire.AppendBytes(protowire.AppendTag(s.frame, fieldSend, protowire.BytesType), s.send)
	return s.frame
}

// pingFrame is a ping that asks nothing of the store.
func pingFrame(id uint64) []byte {
	frame := protowire.AppendVarint(protowire.AppendTag(nil, fieldID, protowire.VarintType), id)
	return protowire.AppendBytes(protowire.AppendTag(frame, fieldFramePing, protowire.BytesType), nil)
}

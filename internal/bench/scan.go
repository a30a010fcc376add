package bench

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of the fields that are read by hand, as in gim.proto.
const (
	fieldID   protowire.Number = 1 // of a frame
	fieldPong protowire.Number = 3
	fieldSent protowire.Number = 6
	fieldPush protowire.Number = 8

	fieldMessages protowire.Number = 1 // of a push

	fieldSeq     protowire.Number = 1 // of a message
	fieldConv    protowire.Number = 4
	fieldSender  protowire.Number = 5
	fieldType    protowire.Number = 7
	fieldContent protowire.Number = 8

	fieldSentConv protowire.Number = 3
	fieldSentSeq  protowire.Number = 4

	fieldSenderType protowire.Number = 1
)

var errGarbled = errors.New("the server sent a frame that is not one of gim.proto")

// field is one field of a protobuf message: a number or bytes.
type field struct {
	num   protowire.Number
	kind  protowire.Type
	value uint64
	bytes []byte // part of what it was read from
}

// cutField reads the first field of data, which is not empty.
func cutField(data []byte) (f field, rest []byte, err error) {
	num, kind, n := protowire.ConsumeTag(data)
	if n < 0 {
		return f, nil, errGarbled
	}
	f.num, f.kind, data = num, kind, data[n:]
	switch kind { //nolint:exhaustive // the others are skipped
	case protowire.VarintType:
		f.value, n = protowire.ConsumeVarint(data)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(data)
	default:
		n = protowire.ConsumeFieldValue(num, kind, data)
	}
	if n < 0 {
		return f, nil, errGarbled
	}
	return f, data[n:], nil
}

// cutFrame reads a frame from the server as far as its id and which body it has.
func cutFrame(payload []byte) (id uint64, body field, err error) {
	for len(payload) > 0 {
		var f field
		if f, payload, err = cutField(payload); err != nil {
			return 0, field{}, err
		}
		switch {
		case f.num == fieldID && f.kind == protowire.VarintType:
			id = f.value
		case f.kind != protowire.BytesType || body.num != 0:
			return 0, field{}, errGarbled
		default:
			body = f
		}
	}
	return id, body, nil
}

// told is what a witness needs of a message.
type told struct {
	seq, conv    int64
	content      []byte
	kind, sender []byte // type of the message, and who sent it
}

// cutMessage reads a message.
func cutMessage(data []byte) (m told, err error) {
	for len(data) > 0 {
		var f field
		if f, data, err = cutField(data); err != nil {
			return m, err
		}
		switch {
		case f.num == fieldSeq && f.kind == protowire.VarintType:
			m.seq = int64(f.value) //nolint:gosec // two's complement, as protobuf has it
		case f.num == fieldConv && f.kind == protowire.VarintType:
			m.conv = int64(f.value) //nolint:gosec // as above
		case f.num == fieldContent && f.kind == protowire.BytesType:
			m.content = f.bytes
		case f.num == fieldType && f.kind == protowire.BytesType:
			m.kind = f.bytes
		case f.num == fieldSender && f.kind == protowire.BytesType:
			m.sender = f.bytes
		}
	}
	return m, nil
}

// senderType reads the type of a message's sender, "" where that has none.
func (m told) senderType() string {
	for rest := m.sender; len(rest) > 0; {
		f, more, err := cutField(rest)
		if err != nil {
			return ""
		}
		if f.num == fieldSenderType {
			return string(f.bytes)
		}
		rest = more
	}
	return ""
}

// cutSent reads the place of a message from the answer to it.
func cutSent(data []byte) (seq, conv int64, err error) {
	for len(data) > 0 {
		var f field
		if f, data, err = cutField(data); err != nil {
			return 0, 0, err
		}
		switch {
		case f.kind != protowire.VarintType:
		case f.num == fieldSentSeq:
			seq = int64(f.value) //nolint:gosec // two's complement, as protobuf has it
		case f.num == fieldSentConv:
			conv = int64(f.value) //nolint:gosec // as above
		}
	}
	return seq, conv, nil
}

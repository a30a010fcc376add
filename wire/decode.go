package wire

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/strictjson"
)

// DecodeClient reads a frame from a client; payload may be reused afterwards.
//
// The error is bad_request for a malformed frame, unsupported for a well-formed
// one of a kind that is not known here. The frame is never nil: with an error it
// holds the id, where that could be read, for the answer.
func DecodeClient(enc Encoding, payload []byte) (*ClientFrame, error) {
	if enc != Proto {
		return decodeClientJSON(payload)
	}
	return decodeClientProto(payload)
}

func decodeClientProto(payload []byte) (*ClientFrame, error) {
	f := new(ClientFrame)
	if err := proto.Unmarshal(payload, f); err != nil {
		return &ClientFrame{}, domain.Failure(domain.CodeBadRequest, "The frame is not a ClientFrame of gim.proto.")
	}
	switch {
	case f.GetBody() == nil && len(f.ProtoReflect().GetUnknown()) > 0:
		return f, errUnsupported
	case f.GetBody() == nil:
		return f, domain.Failure(domain.CodeBadRequest, "The frame has no body.")
	}
	return f, checkEmbedded(f)
}

// checkEmbedded checks the JSON inside a protobuf frame. JSON frames have been
// checked as a whole.
func checkEmbedded(f *ClientFrame) error {
	if content := f.GetSend().GetContent(); len(content) > 0 {
		return checkJSON("/content", content)
	}
	if data := f.GetSignal().GetData(); len(data) > 0 {
		return checkJSON("/data", data)
	}
	return nil
}

var errUnsupported = domain.Failure(domain.CodeUnsupported, "")

// checkJSON is strictjson.Check with our own kind of error; under is the pointer
// to data within the frame.
func checkJSON(under string, data []byte) error {
	err := strictjson.Check(data)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*strictjson.Error](err); ok {
		return domain.Invalid(under+wrong.Pointer, "%s", wrong.Detail)
	}
	return domain.Invalid(under, "is not valid JSON")
}

package conntest

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gim-im/gim/wire"
)

// ParseClosing reads a frame of the server that says why the connection ends; ok
// is false for every other frame.
func ParseClosing(enc wire.Encoding, frame []byte) (closed *Closed, ok bool) {
	if enc == wire.Proto {
		var f wire.ServerFrame
		if proto.Unmarshal(frame, &f) != nil || f.GetClosing() == nil {
			return nil, false
		}
		c := f.GetClosing()
		return newClosed(c.GetCode(), c.GetReconnectAfterMs()), true
	}
	var f struct {
		Closing *struct {
			Code             int32 `json:"code"`
			ReconnectAfterMs int64 `json:"reconnect_after_ms"`
		} `json:"closing"`
	}
	if json.Unmarshal(frame, &f) != nil || f.Closing == nil {
		return nil, false
	}
	return newClosed(f.Closing.Code, f.Closing.ReconnectAfterMs), true
}

func newClosed(code int32, ms int64) *Closed {
	return &Closed{Code: wire.CloseCode(code), ReconnectAfter: time.Duration(ms) * time.Millisecond}
}

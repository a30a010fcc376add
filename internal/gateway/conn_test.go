package gateway_test

import (
	"testing"

	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/gateway/conntest"
	"github.com/gim-im/gim/wire"
)

func TestPipe_IsAConn(t *testing.T) {
	t.Parallel()
	conntest.Run(t, func(_ *testing.T, enc wire.Encoding) (gateway.Conn, conntest.Peer) {
		return conntest.NewPipe(enc)
	}, wire.JSON, wire.Proto)
}

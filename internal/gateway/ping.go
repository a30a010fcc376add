package gateway

import "github.com/gim-im/gim/wire"

// answerQuickly answers a ping that asks nothing of the store, which is all that
// an idle connection does, right here: neither the pump nor a larger stack is
// needed for it. It reports false when the frame has to go the usual way.
func (s *Session) answerQuickly(payload []byte) (answered bool) {
	id, ok := wire.PlainPing(s.conn.Encoding(), payload)
	if !ok || !s.box.borrowPump() {
		return false
	}
	defer s.box.returnPump()
	s.life.sign()
	s.frames++
	s.malformed = 0
	buf := s.gw.buffers.get()
	*buf = wire.AppendPong((*buf)[:0], s.conn.Encoding(), id, s.knownHead())
	if quick, ok := s.conn.(QuickConn); !ok || !quick.TryWrite(*buf) {
		s.pump.writeFrames([][]byte{*buf})
	}
	s.gw.buffers.put(buf)
	return true
}

// knownHead is the head of the log as far as the session knows.
func (s *Session) knownHead() int64 { return max(s.cursor.Load()-1, s.box.highestSeen()) }

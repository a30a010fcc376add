package gateway

import (
	"sync"
	"time"

	"github.com/gim-im/gim/wire"
)

// expiryNotice is how long before its end a token is announced to run out.
const expiryNotice = 60 * time.Second

// life holds what a session does because of the time: it closes when nobody
// signs in, when nothing is heard, and when the token runs out. One alarm serves
// all three; a frame does not touch it.
type life struct {
	mu        sync.Mutex // guards what follows
	alarm     alarm
	over      bool // there is no session to look at any more
	closing   *time.Timer
	begin     time.Time // of the connection
	last      time.Time // of the last frame
	handling  bool      // a frame is being handled: nobody is to blame for silence
	signedIn  bool
	announced bool      // that the token runs out
	expires   time.Time // of the token; zero when never
}

func (l *life) start(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin, l.alarm.of = time.Now(), s
	s.gw.alarms.set(&l.alarm, l.begin.Add(s.gw.opts.SignInTimeout))
}

// stop ends the alarm and the timer. It does not wait for a tick that is under
// way, which finds the session over.
func (l *life) stop(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	s.gw.alarms.unset(&l.alarm)
	if l.closing != nil {
		l.closing.Stop()
	}
}

// closeAfter closes the connection without a word if it is still there then.
func (l *life) closeAfter(s *Session, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = time.AfterFunc(d, func() { s.conn.Close(0, 0) })
}

// busy and sign stand around the handling of a frame.
func (l *life) busy() { l.note(true) }
func (l *life) sign() { l.note(false) }

func (l *life) note(handling bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.handling = time.Now(), handling
}

// signIn calls open, which must not block, or reports false when it comes too
// late. expires is how long the token is still good for; 0 and below are over at
// once. That it runs out is told after what open queues.
func (l *life) signIn(s *Session, expires time.Duration, limited bool, open func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.begin) >= s.gw.opts.SignInTimeout {
		return false
	}
	l.signedIn = true
	if limited {
		l.expires = now.Add(expires)
	}
	open()
	s.gw.alarms.set(&l.alarm, now) // to find out when it is needed next
	return true
}

// extend gives the session the time of another token, see signIn.
func (l *life) extend(s *Session, expires time.Duration, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.expires, l.announced = time.Time{}, false
	if limited {
		l.expires = now.Add(expires)
	}
	s.gw.alarms.set(&l.alarm, now)
}

// tick does what is due and sets the alarm for what is next. It does not block.
func (l *life) tick(s *Session) {
	announce, code, next := l.due(s)
	switch {
	case code != 0:
		s.end(ending{code: code})
		return
	case announce:
		s.reply(s.closing(wire.CloseTokenExpired))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		s.gw.alarms.set(&l.alarm, time.Now().Add(next))
	}
}

// due decides what a tick does. code 0 closes nothing.
func (l *life) due(s *Session) (announce bool, code wire.CloseCode, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !l.signedIn {
		if left := s.gw.opts.SignInTimeout - now.Sub(l.begin); left > 0 {
			return false, 0, left
		}
		return false, wire.CloseUnauthenticated, 0
	}
	last := l.last
	if ping := s.conn.LastPing(); ping.After(last) {
		last = ping
	}
	if l.handling {
		last = now
	}
	silence := s.gw.opts.Heartbeat * 5 / 2
	next = silence - now.Sub(last)
	if next <= 0 {
		return false, wire.CloseHeartbeatTimeout, 0
	}
	if l.expires.IsZero() {
		return false, 0, next
	}
	left := l.expires.Sub(now)
	switch {
	case left <= 0:
		return false, wire.CloseTokenExpired, 0
	case l.announced:
		return false, 0, min(next, left)
	case left > expiryNotice:
		return false, 0, min(next, left-expiryNotice)
	}
	l.announced = true
	return true, 0, min(next, left)
}

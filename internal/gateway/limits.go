package gateway

import (
	"net/netip"

	"github.com/gim-im/gim/domain"
)

// limits counts connections by what they are limited by. The gateway's mutex
// guards it.
type limits struct {
	byAddr map[netip.Addr]int
	byApp  map[domain.AppNum]int
}

func newLimits() limits {
	return limits{byAddr: make(map[netip.Addr]int), byApp: make(map[domain.AppNum]int)}
}

// enter counts a connection of an address, unless that has most already; 0 is no
// limit. Who has no address is not counted.
func (l *limits) enter(addr netip.Addr, most int) (ok bool) {
	return !addr.IsValid() || countUp(l.byAddr, addr, most)
}

// admit counts a connection that signs in for an app, likewise.
func (l *limits) admit(app domain.AppNum, most int) (ok bool) {
	return countUp(l.byApp, app, most)
}

// leave takes a connection back; app is 0 when it was not admitted.
func (l *limits) leave(addr netip.Addr, app domain.AppNum) {
	countDown(l.byAddr, addr)
	countDown(l.byApp, app)
}

func countUp[K comparable](counts map[K]int, key K, most int) (ok bool) {
	if most > 0 && counts[key] >= most {
		return false
	}
	counts[key]++
	return true
}

func countDown[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}

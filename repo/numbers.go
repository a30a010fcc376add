package repo

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// numberBits are those below the time in a number.
const numberBits = 20

// numbers makes the inside numbers of users and conversations: 41 bits of time
// in milliseconds and 20 random bits, always rising in one process. Two nodes
// may rarely make the same one; then the unique key refuses the second, and its
// transaction runs again with another.
type numbers struct{ last atomic.Int64 }

func (n *numbers) next(now time.Time) int64 {
	fresh := now.UnixMilli()<<numberBits | rand.Int64N(1<<numberBits) //nolint:gosec // not a secret
	for {
		last := n.last.Load()
		next := max(fresh, last+1)
		if n.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heapRoom is how much may be allocated between two collections at least, in bytes.
// Go collects when the heap has doubled, which for a process that holds a few MiB and
// allocates some hundred in a second is all the time.
const heapRoom = 64 << 20

// relaxCollector gives the heap that room from now on, and from twice as large a heap
// on leaves it to Go, which a limit of memory (GOMEMLIMIT) goes before anyway.
// Whoever sets GOGC has decided otherwise.
var relaxCollector = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		afterCollection(func() {
			live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
			metrics.Read(live)
			if percent := gcPercent(live[0].Value.Uint64()); percent != int(live[1].Value.Uint64()) { //nolint:gosec // small
				debug.SetGCPercent(percent)
			}
		})
	}
})

// gcPercent is how much the heap may grow by when so many bytes of it are in use,
// rounded down so that it changes seldom.
func gcPercent(live uint64) int {
	percent := 100
	for uint64(percent)*2*live <= heapRoom*100 && percent < 100<<6 { //nolint:gosec // positive
		percent *= 2
	}
	return percent
}

// afterCollection calls f after each collection, in a goroutine of the runtime.
func afterCollection(f func()) {
	type witness struct{ _ [16]byte }
	runtime.AddCleanup(new(witness), func(again func()) {
		again()
		afterCollection(again)
	}, f)
}

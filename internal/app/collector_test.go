package app

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestGCPercent_GivesASmallHeapRoom(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 6400, 1 << 20: 6400, 4 << 20: 1600, 7 << 20: 800, 30 << 20: 200, 32 << 20: 200, 33 << 20: 100, 1 << 40: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("with %d bytes in use the heap may grow by %d %%, want %d", live, got, want)
		}
	}
}

func TestRelaxCollector_ActsAfterACollection(t *testing.T) {
	t.Setenv("GOGC", "")
	relaxCollector()
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for range 1000 { // the cleanup runs in a goroutine of its own
		runtime.GC()
		runtime.Gosched()
		if metrics.Read(percent); percent[0].Value.Uint64() > 100 {
			return
		}
	}
	t.Errorf("the heap may grow by %d %%", percent[0].Value.Uint64())
}

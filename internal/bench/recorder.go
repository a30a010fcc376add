package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is how long something took, in milliseconds.
type Latency struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p99_9_ms"`
	Max  float64 `json:"max_ms"`
}

// recorder collects times from many goroutines, to a thousandth of each, in
// memory that does not grow.
type recorder struct {
	mu   sync.Mutex // guards hist
	hist *hdrhistogram.Histogram
}

// longestRecorded is far beyond what any run waits for; longer times count as it.
const longestRecorded = 10 * time.Minute

func newRecorder() *recorder {
	return &recorder{hist: hdrhistogram.New(1, longestRecorded.Microseconds(), 3)}
}

func (r *recorder) record(d time.Duration) {
	us := min(max(d.Microseconds(), 1), longestRecorded.Microseconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.hist.RecordValue(us) // within the range
}

func (r *recorder) count() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hist.TotalCount()
}

func (r *recorder) latency() *Latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hist.TotalCount() == 0 {
		return nil
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return &Latency{
		P50: ms(r.hist.ValueAtQuantile(50)), P99: ms(r.hist.ValueAtQuantile(99)),
		P999: ms(r.hist.ValueAtQuantile(99.9)), Max: ms(r.hist.Max()),
	}
}

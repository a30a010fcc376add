package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// summarise adds up what the pairs saw.
func summarise(pairs []*pair, took time.Duration) Result {
	var pushes, acks []time.Duration
	r := Result{Seconds: took.Seconds()}
	for _, p := range pairs {
		pushes, acks = append(pushes, p.pushes...), append(acks, p.acks...)
		r.Lost += p.lost
		r.Doubled += p.doubled
		r.Disorder += p.disorder
	}
	slices.Sort(pushes)
	slices.Sort(acks)
	r.Messages = len(pushes)
	r.PerSecond = float64(r.Messages) / took.Seconds()
	r.P50, r.P99, r.P999 = quantile(pushes, 0.5), quantile(pushes, 0.99), quantile(pushes, 0.999)
	r.AckP50, r.AckP99 = quantile(acks, 0.5), quantile(acks, 0.99)
	return r
}

// quantile returns the q-th part of sorted times, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

// Print writes results as a table.
func Print(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "by\tin flight\tmessages/s\tp50 ms\tp99 ms\tp99.9 ms\tack p50\tack p99\tCPU s/1000\tlost\tdoubled\tout of order\t")
	for _, r := range results {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.3f\t%d\t%d\t%d\t\n", r.Transport, r.InFlight, r.PerSecond,
			r.P50, r.P99, r.P999, r.AckP50, r.AckP99, r.CPU, r.Lost, r.Doubled, r.Disorder)
	}
	return t.Flush()
}

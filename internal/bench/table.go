package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// column is one figure of a table.
type column struct {
	name string
	cell func(*Result) string
}

// Print writes the results of one workload as a table.
func Print(w io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	columns := columnsOf(results[0].Workload)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	_, _ = fmt.Fprintln(t, strings.Join(names, "\t")+"\t") // errors come with Flush
	for i := range results {
		cells := make([]string, len(columns))
		for j, c := range columns {
			cells[j] = c.cell(&results[i])
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t")+"\t")
	}
	return t.Flush()
}

// columnsOf chooses what a workload measures.
func columnsOf(workload string) []column {
	var columns []column
	switch workload {
	case "single":
		columns = append([]column{by, inFlight, perSecond}, times("", latencyOf)...)
		columns = append(append(columns, times("ack ", ackOf)[:2]...), cpu)
	case "storm":
		columns = append([]column{by, inFlight, members, senders}, times("alone ", aloneOf)[:2]...)
		columns = append(append(columns, times("", latencyOf)...),
			column{"p99 ratio", figure("%.1f", func(r *Result) float64 { return r.Storm.Ratio })},
			perSecond,
			column{"log entries/s", figure("%.0f", func(r *Result) float64 { return r.Storm.EntriesPer })})
	case "idle":
		columns = []column{
			{"over", func(r *Result) string { return r.Receive }},
			{"connections", whole(func(r *Result) int64 { return int64(r.Connections) })},
			{"connects/s", figure("%.0f", func(r *Result) float64 { return r.Idle.ConnectsPerSecond })},
			{"KiB each", figure("%.1f", func(r *Result) float64 { return r.Idle.KiB })},
			{"live KiB each", figure("%.1f", func(r *Result) float64 { return r.Idle.LiveKiB })},
			{"CPU %", figure("%.2f", func(r *Result) float64 { return r.Idle.CPUPercent })},
			{"reached", whole(func(r *Result) int64 { return r.Messages })},
		}
	case "crowd":
		columns = crowdColumns()
	case "growth":
		columns = growthColumns()
	case "sync":
		columns = append([]column{
			{"by", func(r *Result) string { return r.Way }},
			{"over", func(r *Result) string { return r.Receive }},
			{"clients", whole(func(r *Result) int64 { return int64(r.Clients) })},
			{"entries each", whole(func(r *Result) int64 { return r.LogEntries })},
			perSecond,
		}, times("page ", latencyOf)[:2]...)
		columns = append(columns, cpu)
	default:
		columns = append([]column{
			by, kind, members, senders, perSecond,
			{"deliveries/s", figure("%.0f", func(r *Result) float64 { return r.DeliveriesPer })},
		}, times("", latencyOf)...)
		columns = append(append(columns, times("ack ", ackOf)[:2]...), cpu,
			column{"µs/delivery", figure("%.2f", func(r *Result) float64 { return r.CPUPerDelivery })})
	}
	return append(columns,
		column{"lost", whole(func(r *Result) int64 { return r.Lost })},
		column{"doubled", whole(func(r *Result) int64 { return r.Doubled })},
		column{"out of order", whole(func(r *Result) int64 { return r.Disorder })})
}

// Columns that several tables have.
var (
	by = column{"by", func(r *Result) string { return Options{Via: r.Via, Receive: r.Receive}.by() }}

	kind      = column{"type", func(r *Result) string { return r.Type }}
	inFlight  = column{"in flight", whole(func(r *Result) int64 { return int64(r.InFlight) })}
	members   = column{"members", whole(func(r *Result) int64 { return int64(r.Members) })}
	senders   = column{"senders", whole(func(r *Result) int64 { return int64(r.Senders) })}
	perSecond = column{"messages/s", figure("%.0f", func(r *Result) float64 { return r.PerSecond })}
	cpu       = column{"CPU s/1000", figure("%.3f", func(r *Result) float64 { return r.CPUPer1000 })}
)

func latencyOf(r *Result) *Latency { return r.Latency }
func ackOf(r *Result) *Latency     { return r.Ack }
func aloneOf(r *Result) *Latency   { return r.Storm.Alone }

// times are the columns of a latency, p50 first.
func times(of string, get func(*Result) *Latency) []column {
	part := func(name string, value func(*Latency) float64) column {
		return column{of + name, func(r *Result) string {
			if l := get(r); l != nil {
				return fmt.Sprintf("%.2f", value(l))
			}
			return "-"
		}}
	}
	return []column{
		part("p50 ms", func(l *Latency) float64 { return l.P50 }),
		part("p99 ms", func(l *Latency) float64 { return l.P99 }),
		part("p99.9 ms", func(l *Latency) float64 { return l.P999 }),
	}
}

// figure shows what was not measured, and is 0, as a dash.
func figure(format string, get func(*Result) float64) func(*Result) string {
	return func(r *Result) string {
		if v := get(r); v != 0 {
			return fmt.Sprintf(format, v)
		}
		return "-"
	}
}

func whole(get func(*Result) int64) func(*Result) string {
	return func(r *Result) string { return thousands(get(r)) }
}

package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/gim-im/gim/internal/chart"
)

// growths are the results of one store at several sizes, which are those of what
// differs between them: messages or else users.
type growths struct {
	label      string
	of         string // what the sizes are of
	sizes      []int64
	operations []string
	at         map[string]map[int64]*Result // by operation and size
}

// growthsOf sorts results of Growth.
func growthsOf(results []Result) (*growths, error) {
	g := &growths{of: "messages stored", at: map[string]map[int64]*Result{}}
	size := func(r *GrowthResult) int64 { return r.Stored }
	for i := range results {
		if results[i].Growth == nil {
			return nil, fmt.Errorf("the results of %s say nothing about growth", results[i].Workload)
		}
		if results[i].Growth.Users != results[0].Growth.Users {
			g.of, size = "users", func(r *GrowthResult) int64 { return int64(r.Users) }
		}
	}
	for i := range results {
		r := &results[i]
		n := size(r.Growth)
		if g.label = cmp.Or(g.label, r.Growth.Label); g.at[r.Growth.Operation] == nil {
			g.operations = append(g.operations, r.Growth.Operation)
			g.at[r.Growth.Operation] = map[int64]*Result{}
		}
		g.at[r.Growth.Operation][n] = r // the last that was measured
		g.sizes = append(g.sizes, n)
	}
	slices.Sort(g.sizes)
	g.sizes = slices.Compact(g.sizes)
	if len(g.sizes) < 2 {
		return nil, fmt.Errorf("there is nothing to compare in results of %d sizes", len(g.sizes))
	}
	return g, nil
}

// figures are what is compared between sizes.
var figures = []struct {
	name string
	of   func(*Result) float64
}{
	{"time (p50)", func(r *Result) float64 { return r.Latency.P50 }},
	{"CPU", func(r *Result) float64 { return r.CPUPer1000 }},
}

// allowed is by what cost may rise with each doubling.
const allowed = 1.1

// DrawGrowth draws how costs rise with the size of a store, each as a multiple of
// that at the least size: a row of pictures for each list of results, which are of one
// store.
func DrawGrowth(w io.Writer, lists ...[]Result) error {
	c := chart.Chart{Title: "Cost of an operation, as a multiple of that at the least size", Columns: len(figures)}
	for _, results := range lists {
		g, err := growthsOf(results)
		if err != nil {
			return err
		}
		for _, f := range figures {
			p := chart.Panel{Title: g.label + ": " + f.name, X: g.of, Y: "multiple", Series: []chart.Series{g.guide()}}
			for _, op := range g.operations {
				p.Series = append(p.Series, chart.Series{Name: op, Points: g.multiples(op, f.of)})
			}
			c.Panels = append(c.Panels, p)
		}
	}
	return c.Write(w)
}

// guide is what the costs may rise to.
func (g *growths) guide() chart.Series {
	s := chart.Series{Name: "a tenth more with each doubling", Guide: true}
	for _, n := range g.sizes {
		s.Points = append(s.Points, chart.Point{X: float64(n), Y: math.Pow(allowed, math.Log2(float64(n)/float64(g.sizes[0])))})
	}
	return s
}

func (g *growths) multiples(op string, figure func(*Result) float64) (points []chart.Point) {
	var least float64
	for _, n := range g.sizes {
		r := g.at[op][n]
		if r == nil || figure(r) == 0 {
			continue
		}
		least = cmp.Or(least, figure(r))
		points = append(points, chart.Point{X: float64(n), Y: figure(r) / least})
	}
	return points
}

// PrintGrowth writes the results of one store as a table in Markdown. Its last column
// is by how much the cost rose with each doubling, from the least size to the largest.
func PrintGrowth(w io.Writer, results []Result) error {
	g, err := growthsOf(results)
	if err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "| %s, by %s |", g.label, g.of)
	for _, n := range g.sizes {
		fmt.Fprintf(&out, " %s |", thousands(n))
	}
	out.WriteString(" a doubling adds |\n|---|" + strings.Repeat("---|", len(g.sizes)+1) + "\n")
	for _, op := range g.operations {
		fmt.Fprintf(&out, "| %s |", op)
		for _, n := range g.sizes {
			if r := g.at[op][n]; r != nil {
				fmt.Fprintf(&out, " %.2f / %.2f / %.2f |", r.Latency.P50, r.Latency.P99, r.CPUPer1000)
			} else {
				out.WriteString(" - |")
			}
		}
		for i, f := range figures {
			out.WriteString([]string{" ", " / "}[min(i, 1)] + rise(g.multiples(op, f.of)))
		}
		out.WriteString(" |\n")
	}
	out.WriteString("| bytes a message |")
	for _, n := range g.sizes {
		text := "-"
		for _, op := range g.operations {
			if r := g.at[op][n]; r != nil && r.Growth.StoreBytes > 0 {
				text = thousands(r.Growth.StoreBytes / r.Growth.Stored)
			}
		}
		fmt.Fprintf(&out, " %s |", text)
	}
	out.WriteString(" |\n")
	_, err = io.WriteString(w, out.String())
	return err
}

// rise is what each doubling adds on average, in percent.
func rise(points []chart.Point) string {
	if len(points) < 2 {
		return "-"
	}
	last := points[len(points)-1]
	return fmt.Sprintf("%+.1f %%", 100*(math.Pow(last.Y, 1/math.Log2(last.X/points[0].X))-1))
}

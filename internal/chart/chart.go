// Package chart draws lines over a logarithmic axis as SVG, to be read on light and
// on dark ground. A picture depends on nothing but its data: the same data is the same
// file.
package chart

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
)

// Chart is panels beside and below one another, with one legend: series of the same
// name look the same.
type Chart struct {
	Title   string // for those who cannot see it, too
	Columns int    // panels in a row; at least 1
	Panels  []Panel
}

// Panel is a pair of axes.
type Panel struct {
	Title  string
	X, Y   string // what the axes show
	Series []Series
}

// Series is a line.
type Series struct {
	Name   string
	Points []Point // by rising X, which are above 0
	Guide  bool    // a line to compare with, dashed and without marks
}

// Point is a value of a series.
type Point struct{ X, Y float64 }

// Sizes in pixels.
const (
	panelWidth, panelHeight = 440, 300
	left, right, top, below = 52, 16, 34, 44 // around the lines of a panel
	head                    = 34             // of the picture
	legendRow               = 20
	mark                    = 3.5
)

// colours are told apart on light and on dark ground; beyond them the marks differ.
var colours = []string{"#3b82d6", "#d97706", "#16a34a", "#dc4c4c", "#9061e0", "#0e9aa7", "#c2559d", "#8a8a2b", "#7a6a5a", "#5f7d95"}

// style sets what depends on the ground.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}.axis{stroke:#57606a}.grid{stroke:#d0d7de;stroke-width:.6}.guide{stroke:#57606a}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#9198a1}.grid{stroke:#3d444d}.guide{stroke:#9198a1}}
</style>
`

// Write draws c.
func (c Chart) Write(w io.Writer) error {
	d := &drawing{looks: map[string]int{}}
	columns := max(1, c.Columns)
	rows := (len(c.Panels) + columns - 1) / columns
	for _, p := range c.Panels {
		for _, s := range p.Series {
			d.learn(s)
		}
	}
	legendTop := head + rows*panelHeight
	width, height := columns*panelWidth, legendTop+legendRow*((len(d.names)+columns-1)/columns)+12
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", width, height)
	d.add("<title>%s</title>\n%s", escape(c.Title), style)
	d.add(`<text class="title" x="%d" y="22">%s</text>`+"\n", left, escape(c.Title))
	for i, p := range c.Panels {
		d.add(`<g transform="translate(%d %d)">`+"\n", i%columns*panelWidth, head+i/columns*panelHeight)
		d.panel(p)
		d.add("</g>\n")
	}
	for i, s := range d.names {
		d.add(`<g transform="translate(%d %d)">`, left+i%columns*panelWidth, legendTop+i/columns*legendRow+10)
		d.line(s, [][2]float64{{0, 0}, {24, 0}})
		if !s.Guide {
			d.mark(d.looks[s.Name], 12, 0, "")
		}
		d.add(`<text x="32" y="4">%s</text></g>`+"\n", escape(s.Name))
	}
	d.add("</svg>\n")
	_, err := io.WriteString(w, d.out.String())
	return err
}

// drawing is a picture under way.
type drawing struct {
	out   strings.Builder
	looks map[string]int // by name of a series
	names []Series       // that are in the legend
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.out, format, args...) }

// learn gives a series its looks.
func (d *drawing) learn(s Series) {
	if _, known := d.looks[s.Name]; known {
		return
	}
	look := 0
	for _, other := range d.names {
		if !other.Guide {
			look++
		}
	}
	d.looks[s.Name] = look
	d.names = append(d.names, s)
}

func (d *drawing) panel(p Panel) {
	a := axesOf(p)
	d.add(`<text class="title" x="%d" y="20">%s</text>`+"\n", left, escape(p.Title))
	for _, y := range a.ticks() {
		d.add(`<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n",
			left, a.y(y), panelWidth-right, a.y(y), left-6, a.y(y)+4, y)
	}
	for e := math.Ceil(math.Log10(a.lowX) - 1e-9); e <= math.Log10(a.highX)+1e-9; e++ {
		x := a.x(math.Pow(10, e))
		d.add(`<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">10<tspan dy="-5" font-size="9">%.0f</tspan></text>`+"\n",
			x, top, x, panelHeight-below, x, panelHeight-below+17, e)
	}
	d.add(`<path class="axis" fill="none" d="M%d %dV%dH%d"/>`+"\n", left, top, panelHeight-below, panelWidth-right)
	d.add(`<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+panelWidth-right)/2, panelHeight-8, escape(p.X))
	d.add(`<text transform="translate(13 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+panelHeight-below)/2, escape(p.Y))
	for _, s := range p.Series {
		points := make([][2]float64, len(s.Points))
		for i, q := range s.Points {
			points[i] = [2]float64{a.x(q.X), a.y(q.Y)}
		}
		d.line(s, points)
		if s.Guide {
			continue
		}
		for i, q := range points {
			d.mark(d.looks[s.Name], q[0], q[1], fmt.Sprintf("%s: %.3g at %.0f", s.Name, s.Points[i].Y, s.Points[i].X))
		}
	}
}

func (d *drawing) line(s Series, points [][2]float64) {
	var at strings.Builder
	for i, p := range points {
		if i > 0 {
			at.WriteByte(' ')
		}
		fmt.Fprintf(&at, "%.1f,%.1f", p[0], p[1])
	}
	if s.Guide {
		d.add(`<polyline class="guide" fill="none" stroke-dasharray="5 4" points="%s"/>`+"\n", at.String())
		return
	}
	d.add(`<polyline fill="none" stroke="%s" stroke-width="1.8" points="%s"/>`+"\n", colour(d.looks[s.Name]), at.String())
}

func colour(look int) string { return colours[look%len(colours)] }

// mark draws one of four forms, with what it says when it is pointed at.
func (d *drawing) mark(look int, x, y float64, says string) {
	form := [...]string{
		"M%[1]g 0A%[1]g %[1]g 0 1 1 %[2]g 0A%[1]g %[1]g 0 1 1 %[1]g 0Z", // circle
		"M%[2]g %[2]gH%[1]gV%[1]gH%[2]gZ",                               // square
		"M0 %[2]gL%[1]g %[1]gH%[2]gZ",                                   // triangle
		"M0 %[2]gL%[1]g 0L0 %[1]gL%[2]g 0Z",                             // diamond
	}[look%4]
	d.add(`<path fill="%s" transform="translate(%.1f %.1f)" d="%s">`, colour(look), x, y, fmt.Sprintf(form, mark, -mark))
	if says != "" {
		d.add("<title>%s</title>", escape(says))
	}
	d.add("</path>\n")
}

// axes place values in a panel: X by its logarithm, Y from 0 on.
type axes struct{ lowX, highX, highY float64 }

func axesOf(p Panel) axes {
	a := axes{lowX: math.Inf(1), highX: math.Inf(-1)}
	for _, s := range p.Series {
		for _, q := range s.Points {
			a.lowX, a.highX, a.highY = min(a.lowX, q.X), max(a.highX, q.X), max(a.highY, q.Y)
		}
	}
	if a.lowX >= a.highX { // a single size, or none
		if math.IsInf(a.lowX, 0) {
			a.lowX = 1
		}
		a.lowX, a.highX = a.lowX/2, a.lowX*2
	}
	if a.highY == 0 {
		a.highY = 1
	}
	step := a.step()
	a.highY = math.Ceil(a.highY/step-1e-9) * step
	return a
}

// step is the distance of the lines of the grid: 1, 2 or 5 of a power of ten.
func (a axes) step() float64 {
	const most = 6 // lines
	unit := math.Pow(10, math.Floor(math.Log10(a.highY/most)))
	for _, n := range []float64{1, 2, 5} {
		if a.highY/(n*unit) <= most {
			return n * unit
		}
	}
	return 10 * unit
}

func (a axes) ticks() (at []float64) {
	step := a.step()
	for i := 0; float64(i)*step <= a.highY+step/2; i++ {
		at = append(at, float64(i)*step)
	}
	return at
}

func (a axes) x(v float64) float64 {
	return left + (panelWidth-left-right)*math.Log(v/a.lowX)/math.Log(a.highX/a.lowX)
}

func (a axes) y(v float64) float64 {
	return panelHeight - below - (panelHeight-top-below)*v/a.highY
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

package chart_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/chart"
)

var picture = chart.Chart{
	Title: "Costs & <growth>", Columns: 2,
	Panels: []chart.Panel{
		{Title: "left", X: "messages", Y: "ms", Series: []chart.Series{
			{Name: "send", Points: []chart.Point{{X: 1e4, Y: 1}, {X: 1e5, Y: 2}, {X: 1e7, Y: 0.5}}},
			{Name: "limit", Points: []chart.Point{{X: 1e4, Y: 1}, {X: 1e7, Y: 3}}, Guide: true},
		}},
		{Title: "right", X: "users", Y: "ms", Series: []chart.Series{
			{Name: "sync", Points: []chart.Point{{X: 1e3, Y: 4}}},
			{Name: "send", Points: []chart.Point{{X: 1e3, Y: 0}}},
		}},
		{Title: "nothing"},
	},
}

// element is a part of a picture.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

func elements(t *testing.T, c chart.Chart) (all []element) {
	t.Helper()
	var out strings.Builder
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Local, attrs: map[string]string{}}
			for _, a := range x.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			all = append(all, e)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].text += strings.TrimSpace(string(x))
			}
		}
	}
}

// lines are the points of all lines, those of the legend last.
func lines(t *testing.T, all []element) (lines [][][2]float64) {
	t.Helper()
	for _, e := range all {
		if e.name != "polyline" {
			continue
		}
		var line [][2]float64
		for _, pair := range strings.Fields(e.attrs["points"]) {
			var x, y float64
			if _, err := fmt.Sscanf(pair, "%f,%f", &x, &y); err != nil {
				t.Fatalf("%q: %v", pair, err)
			}
			line = append(line, [2]float64{x, y})
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWrite_PlacesPointsByTheirValues(t *testing.T) {
	t.Parallel()
	got := lines(t, elements(t, picture))
	if len(got) != 4+3 {
		t.Fatalf("%d lines, want 4 and 3 in the legend", len(got))
	}
	send, limit := got[0], got[1]
	third := (send[2][0] - send[0][0]) / 3
	if len(send) != 3 || third <= 0 || abs(send[1][0]-send[0][0]-third) > 0.2 {
		t.Errorf("the line is at %v, want the second of three decades after a third", send)
	}
	if send[1][1] >= send[0][1] || send[0][1] >= send[2][1] {
		t.Errorf("the line is at %v, want larger values higher", send)
	}
	if send[0] != limit[0] || limit[1][1] >= send[1][1] {
		t.Errorf("the lines are at %v and %v, want them on the same axes", send, limit)
	}
	for _, line := range got[:4] {
		for _, p := range line {
			if p[0] < 52-0.1 || p[0] > 440-16+0.1 || p[1] < 34-0.1 || p[1] > 300-44+0.1 {
				t.Errorf("a point is outside of its panel: %v", p)
			}
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func TestWrite_SeriesOfOneNameLookTheSame(t *testing.T) {
	t.Parallel()
	colours := map[string]int{}
	for _, e := range elements(t, picture) {
		if e.name == "polyline" && e.attrs["class"] != "guide" {
			colours[e.attrs["stroke"]]++
		}
	}
	if len(colours) != 2 { // send in both panels and the legend, sync in one
		t.Errorf("the colours are %v, want two", colours)
	}
	for colour, times := range colours {
		if times != 2 && times != 3 {
			t.Errorf("%s is used %d times", colour, times)
		}
	}
}

func TestWrite_SaysWhatItShows(t *testing.T) {
	t.Parallel()
	all := elements(t, picture)
	said := map[string]int{}
	for _, e := range all {
		said[e.text]++
	}
	for _, want := range []string{"Costs & <growth>", "left", "right", "messages", "users", "ms", "send", "sync", "limit", "send: 2 at 100000"} {
		if said[want] == 0 {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, want := range []string{"send", "limit"} {
		if said[want] != 1 {
			t.Errorf("the legend has %q %d times", want, said[want])
		}
	}
	if !strings.Contains(all[2].text, "prefers-color-scheme:dark") {
		t.Errorf("it has no colours for dark ground: %q", all[2].text)
	}
}

func TestWrite_IsTheSameForTheSameData(t *testing.T) {
	t.Parallel()
	var a, b strings.Builder
	if err := errors.Join(picture.Write(&a), picture.Write(&b)); err != nil || a.String() != b.String() {
		t.Errorf("%v, or two pictures of the same differ", err)
	}
	if strings.Contains(a.String(), "NaN") || strings.Contains(a.String(), "Inf") {
		t.Errorf("a value has no place: %s", a.String())
	}
}

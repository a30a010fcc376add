package screen

import (
	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"
)

// canvas is what is drawn on: a tcell.Screen, or a grid in tests.
type canvas interface {
	Size() (width, height int)
	Clear()
	Put(x, y int, s string, style tcell.Style) (rest string, width int)
	ShowCursor(x, y int)
	HideCursor()
}

// monochrome is a canvas of a terminal without colours, or whose user wants none.
// tcell would make something else stand out there instead.
type monochrome struct{ canvas }

// Put draws without the colour.
func (m monochrome) Put(x, y int, s string, style tcell.Style) (rest string, width int) {
	return m.canvas.Put(x, y, s, style.Foreground(color.Default))
}

// box is a part of a canvas. Nothing is drawn outside of it.
type box struct {
	c             canvas
	x, y          int
	width, height int
}

// part returns what is at x and y within b.
func (b box) part(x, y, width, height int) box {
	x, y = min(max(x, 0), b.width), min(max(y, 0), b.height)
	return box{b.c, b.x + x, b.y + y, max(0, min(width, b.width-x)), max(0, min(height, b.height-y))}
}

// put draws s from x on and returns where it ends. What does not fit is left out.
func (b box) put(x, y int, s string, style tcell.Style) int {
	if y < 0 || y >= b.height {
		return x
	}
	for _, cluster := range split(s) {
		shown, w := visible(cluster)
		if x+w > b.width {
			break
		}
		b.c.Put(b.x+x, b.y+y, shown, style)
		x += w
	}
	return x
}

// right draws s so that it ends at the right edge, and returns where it begins.
func (b box) right(y int, s string, style tcell.Style) int {
	s = fit(s, b.width)
	x := b.width - width(s)
	b.put(x, y, s, style)
	return x
}

// fill fills a row with a character of one cell.
func (b box) fill(y int, s string, style tcell.Style) {
	for x := range b.width {
		b.put(x, y, s, style)
	}
}

package screen

import (
	"hash/fnv"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"
)

// The styles. Colours are those of the terminal's own palette, so that they are
// readable on what the user has chosen; nothing is told by colour alone.
var (
	plain    = tcell.StyleDefault
	bold     = plain.Bold(true)
	dim      = plain.Dim(true)
	bar      = plain.Reverse(true)
	chosen   = plain.Reverse(true)
	good     = plain.Foreground(color.Green)
	warning  = plain.Foreground(color.Olive).Bold(true)
	bad      = plain.Foreground(color.Maroon)
	newMark  = plain.Foreground(color.Maroon).Bold(true)
	myself   = plain.Foreground(color.Teal)
	nameTags = []tcell.Style{
		plain.Foreground(color.Green), plain.Foreground(color.Olive), plain.Foreground(color.Purple), plain.Foreground(color.Teal),
	}
)

// nameStyle gives a user the same colour each time.
func nameStyle(user string) tcell.Style {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user)) // it cannot fail
	return nameTags[h.Sum32()%uint32(len(nameTags))]
}

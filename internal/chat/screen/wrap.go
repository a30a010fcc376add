package screen

import (
	"os"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// widths measures text as tcell does: the environment may say that characters of
// ambiguous width are wide, as some East Asian terminals have them.
var widths = func() displaywidth.Options {
	switch strings.ToLower(os.Getenv("RUNEWIDTH_EASTASIAN")) {
	case "1", "true", "yes":
		return displaywidth.Options{EastAsianWidth: true}
	}
	return displaywidth.Options{}
}()

// width is how many cells s takes.
func width(s string) int { return widths.String(s) }

// visible is how a cluster is shown, and its width, which is never 0: one without
// a width of its own stands on a space.
func visible(cluster string) (string, int) {
	if cluster == "\t" {
		return "  ", 2
	}
	if w := width(cluster); w > 0 {
		return cluster, w
	}
	return " " + cluster, 1
}

// wrap breaks a text into rows of at most limit cells, at spaces where there are
// any.
func wrap(text string, limit int) []string {
	limit = max(limit, 2) // room for a wide character
	var rows []string
	for line := range strings.SplitSeq(text, "\n") {
		rows = append(rows, wrapLine(line, limit)...)
	}
	return rows
}

func wrapLine(line string, limit int) []string {
	var rows []string
	var row strings.Builder
	used := 0                // cells of row
	space, spaceAt := -1, -1 // the last space in row: its byte, and cells up to behind it
	for _, cluster := range split(line) {
		shown, w := visible(cluster)
		if used+w > limit {
			text := row.String()
			row.Reset()
			switch {
			case cluster == " ": // the break takes its place
				rows = append(rows, text)
				used, space = 0, -1
				continue
			case space >= 0:
				rows = append(rows, text[:space])
				row.WriteString(text[space+1:])
				used -= spaceAt
			default:
				rows = append(rows, text)
				used = 0
			}
			space = -1
		}
		if cluster == " " && used > 0 {
			space, spaceAt = row.Len(), used+1
		}
		row.WriteString(shown)
		used += w
	}
	return append(rows, row.String())
}

// fit cuts s to at most limit cells, with a sign that it was cut.
func fit(s string, limit int) string {
	if width(s) <= limit {
		return s
	}
	if limit <= 0 {
		return ""
	}
	return widths.TruncateString(s, limit, "…")
}

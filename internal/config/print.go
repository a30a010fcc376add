package config

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const commentWidth = 96 // columns

// WriteYAML writes every setting of c with its description, as a file that
// --config takes. Secrets and settings that are empty stand as comments, so the
// file never holds a secret.
func WriteYAML(w io.Writer, c Config) error {
	flags, err := flagsOf(&c)
	if err != nil {
		return err
	}
	var out strings.Builder
	out.WriteString("# Settings of gim. Flags and environment variables override this file.\n")
	group := ""
	for _, f := range flags {
		if f.Group != nil && f.Group.Title != group {
			group = f.Group.Title
			fmt.Fprintf(&out, "\n# --- %s ---\n", strings.TrimSuffix(group, ":"))
		}
		writeSetting(&out, f)
	}
	_, err = io.WriteString(w, out.String())
	return err
}

func writeSetting(out *strings.Builder, f *kong.Flag) {
	about := f.Help
	if f.Default != "" {
		about += " Default: " + f.Default + "."
	}
	about += " (--" + f.Name + ", " + EnvVar(f.Name) + ")"
	out.WriteString("\n")
	for _, line := range wrap(about, commentWidth) {
		out.WriteString("# " + line + "\n")
	}
	switch value := f.Target.Interface().(type) {
	case Secret:
		if value == "" {
			fmt.Fprintf(out, "# %s: %s\n", f.Name, f.PlaceHolder)
			return
		}
		fmt.Fprintf(out, "# %s: %s\n", f.Name, value)
	case []string:
		if len(value) == 0 {
			fmt.Fprintf(out, "# %s: []\n", f.Name)
			return
		}
		fmt.Fprintf(out, "%s: [%s]\n", f.Name, strings.Join(quoteAll(value), ", "))
	case string:
		fmt.Fprintf(out, "%s: %s\n", f.Name, quote(value))
	case time.Duration:
		fmt.Fprintf(out, "%s: %s\n", f.Name, shortDuration(value))
	default:
		fmt.Fprintf(out, "%s: %v\n", f.Name, value)
	}
}

// quote makes a YAML scalar: a double-quoted JSON-like string can hold anything.
func quote(s string) string { return fmt.Sprintf("%q", s) }

func quoteAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return out
}

// shortDuration is 1m30s where Go says 1m30s, and 2m where Go says 2m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// wrap breaks text into lines of at most width columns, at spaces.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

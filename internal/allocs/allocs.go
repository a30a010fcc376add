// Package allocs holds hot paths to the number of allocations that is recorded for
// them. Unlike times, these numbers are the same on every machine, so that a change
// for the worse fails a test.
//
// They stand in testdata/allocs.txt of the package under test. With
// GIM_RECORD_ALLOCS=1 the tests write what they find there. The race detector adds
// allocations and makes pools forget, so in a build with it the paths only run:
// scripts/test.sh counts in a build without.
package allocs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Recorded is where the numbers of a package are, in its directory.
const Recorded = "testdata/allocs.txt"

const (
	runs = 200
	how  = "GIM_RECORD_ALLOCS=1 go test -run '^TestAllocations' ."
)

// Check counts what one call of each path allocates, by name, and compares with what
// is recorded. It must not be called in a parallel test: others would be counted.
func Check(t *testing.T, paths map[string]func()) {
	t.Helper()
	found := make(map[string]int, len(paths))
	for name, path := range paths {
		for range 10 {
			path() // pools and maps fill
		}
		found[name] = int(testing.AllocsPerRun(runs, path))
	}
	switch {
	case isRace:
	case os.Getenv("GIM_RECORD_ALLOCS") != "":
		if err := record(found); err != nil {
			t.Fatal(err)
		}
	default:
		recorded, err := read()
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range compare(recorded, found) {
			t.Error(problem)
		}
	}
}

// compare says what is different, one sentence each.
func compare(recorded, found map[string]int) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(found)) {
		was, known := recorded[name]
		switch now := found[name]; {
		case !known:
			problems = append(problems, fmt.Sprintf("%s allocates %d times, and nothing is recorded; record it: %s", name, now, how))
		case now > was:
			problems = append(problems, fmt.Sprintf("%s allocates %d times, recorded are %d", name, now, was))
		case now < was:
			problems = append(problems, fmt.Sprintf("%s allocates only %d times, recorded are %d; keep the gain: %s", name, now, was, how))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		if _, known := found[name]; !known {
			problems = append(problems, fmt.Sprintf("%s is recorded, and nothing counts it; record anew: %s", name, how))
		}
	}
	return problems
}

func record(found map[string]int) error {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(found)) {
		_, _ = fmt.Fprintf(&out, "%4d  %s\n", found[name], name) // a builder takes everything
	}
	if err := os.MkdirAll(filepath.Dir(Recorded), 0o755); err != nil { //nolint:gosec // files of the source tree
		return err
	}
	return os.WriteFile(Recorded, []byte(out.String()), 0o644) //nolint:gosec // the same
}

func read() (map[string]int, error) {
	text, err := os.ReadFile(Recorded)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	recorded := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", Recorded, line, err)
		}
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		recorded[name] = n
	}
	return recorded, nil
}

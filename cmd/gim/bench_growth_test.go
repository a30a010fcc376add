package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/gimtest"
)

// From an empty store to a picture, as scripts/growth.sh does it.
func TestBenchGrowth_FillsMeasuresAndDraws(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	app, dir := g.NewApp(t, "growth"), g.Config.DataDir
	results := ""
	for _, messages := range []string{"400", "800"} {
		if err := g.Stop(); err != nil {
			t.Fatal(err)
		}
		got := gim(t, "", nil, "bench", "fill", "--data-dir="+dir, "--users=200", "--groups=10", "--messages="+messages)
		if got.code != exitDone || !strings.Contains(got.out, messages+" messages of 200 users and 10 groups are stored; 400 of them were added") {
			t.Fatalf("%+v", got)
		}
		g = gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.DataDir, c.RateLimitSends = dir, 0 }})
		got = gim(t, "", []string{"GIM_APP_KEY=" + app.Key, "GIM_URL=" + g.URL},
			"bench", "growth", "--label=SQLite", "--store-files="+dir, "--operations=history page;sync page", "--duration=1s", "--json")
		if got.code != exitDone {
			t.Fatalf("%+v", got)
		}
		results += got.out
	}
	file := filepath.Join(t.TempDir(), "growth.json")
	if err := os.WriteFile(file, []byte(results), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"| SQLite, by messages stored | 400 | 800 |": {"bench", "draw", "--table", file, file},
		">SQLite: CPU<": {"bench", "draw", file},
	} {
		if got := gim(t, "", nil, args...); got.code != exitDone || !strings.Contains(got.out, want) || !strings.Contains(got.out, "history page") {
			t.Errorf("gim %v: %+v, want %q", args, got, want)
		}
	}
}

func TestBenchGrowth_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "odd.json")
	if err := os.WriteFile(file, []byte("[]{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"at least 200 users": {"bench", "fill", "--data-dir=" + t.TempDir(), "--users=1"},
		`"nobody"`:           {"bench", "fill", "--data-dir=" + t.TempDir(), "--app=nobody"},
		"odd.json":           {"bench", "draw", file},
		"no such file":       {"bench", "draw", file + "x"},
		"--duration":         {"bench", "growth", "--app-key=k", "--duration=1ms"},
	} {
		if got := gim(t, "", nil, args...); got.code != exitConfig || !strings.Contains(got.err, want) {
			t.Errorf("gim %v: %+v, want %q", args, got, want)
		}
	}
}

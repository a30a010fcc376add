package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/gimtest"
)

// tourOf returns the shell lines of the tour in a README, to be run in one shell.
func tourOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	tour := ""
	for block := range strings.SplitSeq(string(text), "```") {
		if script, ok := strings.CutPrefix(block, "sh\n"); ok && strings.Contains(script, "$GIM/") {
			tour += script
		}
	}
	if tour == "" {
		t.Fatalf("%s has no tour", file)
	}
	return tour
}

func TestTour_OfTheReadmesWorksAsPrinted(t *testing.T) {
	t.Parallel()
	tour := tourOf(t, "README.md")
	if got := tourOf(t, "README.zh-CN.md"); withoutComments(got) != withoutComments(tour) {
		t.Errorf("the READMEs print different tours:\n%s\n%s", got, tour)
	}
	dir := t.TempDir()
	gim := gimtest.StartProcess(t, gimtest.ProcessOptions{DataDir: filepath.Join(dir, "gim-data"), Args: []string{"--demo"}})
	const here = "http://127.0.0.1:8080"
	if strings.Count(tour, here) != 1 || strings.Count(tour, "curl ") != 5+1 {
		t.Fatalf("the tour does not name its server once or is not of five calls and a group:\n%s", tour)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Replace(tour, here, gim.URL, 1))
	shell.Dir = dir // where gim-data is, as in the checkout
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"user_id":"carol"`, `"conversation_id":"user:dave"`, `"text":"hi dave"`, `"conversation_id":"user:carol"`, `"acked_seq":1`, `"my_role":"owner"`, `"role":"member"`, `"text":"hi all"`, `"conversation_id":"group:team"`, `"unread":2`, `"total_unread":2`, `"delivered_seq":2`, `"read_seq":2`, `"text":"lunch at 2?"`, `"status":"recalled"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour does not show %s:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), `"request_id"`) {
		t.Errorf("the tour shows an error:\n%s", out)
	}
}

// withoutComments drops what may be said in another language.
func withoutComments(script string) string {
	var lines []string
	for line := range strings.Lines(script) {
		code, _, _ := strings.Cut(line, "#")
		if code = strings.TrimRight(code, " \n"); code != "" {
			lines = append(lines, code)
		}
	}
	return strings.Join(lines, "\n")
}

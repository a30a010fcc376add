package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// result is what a command did.
type result struct {
	code     int
	out, err string
}

// gim runs a command line in this process.
func gim(t *testing.T, stdin string, environ []string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{environ: environ, in: strings.NewReader(stdin), out: &out, err: &errs})
	return result{code, out.String(), errs.String()}
}

func parserOf(t *testing.T) *kong.Kong {
	t.Helper()
	source, err := config.NewSource(nil)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := newParser(&cli{}, source, streams{out: new(bytes.Buffer), err: new(bytes.Buffer)})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

func TestGim_WithoutACommandServes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--demo"}, {"serve"}} {
		got, err := parserOf(t).Parse(args)
		if err != nil || got.Command() != "serve" {
			t.Errorf("gim %v runs %v, %v; want serve", args, got, err)
		}
	}
}

func TestHelp_EveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	leaves := parserOf(t).Model.Leaves(false)
	if len(leaves) < 10 {
		t.Fatalf("%d commands, want at least 10", len(leaves))
	}
	commands := [][]string{{"app"}, {"key"}, {"token"}}
	for _, leaf := range leaves {
		commands = append(commands, strings.Fields(leaf.FullPath())[1:])
	}
	for _, args := range commands {
		got := gim(t, "", nil, append(args, "--help")...)
		if got.code != exitDone || !strings.Contains(got.out, "Example") || !strings.Contains(got.out, "gim "+args[0]) {
			t.Errorf("gim %v --help exits with %d and has no example:\n%s%s", args, got.code, got.out, got.err)
		}
	}
}

func TestHelp_NamesTheEnvironmentVariable(t *testing.T) {
	t.Parallel()
	got := gim(t, "", nil, "serve", "--help")
	for _, want := range []string{"$GIM_REST_ADDR", "$GIM_ADMIN_KEY", "--drain-timeout"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("help lacks %s:\n%s", want, got.out)
		}
	}
}

func TestGim_WrongUseIsAConfigurationErrorThatSaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		args    []string
		want    []string
	}{
		{"unknown command", nil, []string{"dance"}, []string{"dance", "--help"}},
		{"unknown flag", nil, []string{"serve", "--heartbeet=1s"}, []string{"--heartbeet", "--heartbeat", "gim serve --help"}},
		{"bad value", []string{"GIM_HEARTBEAT=soon"}, []string{"config"}, []string{"GIM_HEARTBEAT", "soon"}},
		{"bad combination", nil, []string{"--demo", "--rest-addr=:0"}, []string{"--demo", "loopback"}},
		{"plain TCP for everybody", nil, []string{"serve", "--tcp-addr=:7272"}, []string{"--tcp-addr", "--tcp-tls-cert", "--tcp-plain"}},
		{"no admin key", nil, []string{"app", "list"}, []string{"GIM_ADMIN_KEY"}},
		{"no app key", nil, []string{"token", "--user=alice"}, []string{"GIM_APP_KEY", "--key-file"}},
		{"no user", []string{"GIM_APP_KEY=gim_x"}, []string{"token"}, []string{"--user"}},
		{"two devices", []string{"GIM_APP_KEY=gim_x"}, []string{"token", "--user=a", "--device-id=d", "--device-type=web"}, []string{"exclude"}},
		{"nobody there", []string{"GIM_ADMIN_KEY=0123456789abcdef"}, []string{"app", "list", "--url=http://127.0.0.1:1"}, []string{"127.0.0.1:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := gim(t, "", tt.environ, tt.args...)
			if got.code != exitConfig {
				t.Errorf("exit code %d, want %d", got.code, exitConfig)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.err, want) {
					t.Errorf("%q lacks %q", got.err, want)
				}
			}
		})
	}
}

func TestConfig_PrintsAFileThatItAccepts(t *testing.T) {
	t.Parallel()
	environ := []string{"GIM_ADMIN_KEY=canary-canary-canary"}
	printed := gim(t, "", environ, "config", "--heartbeat=7s", "--roles=ws")
	if printed.code != exitDone || !strings.Contains(printed.out, "heartbeat: 7s\n") || strings.Contains(printed.out, "canary") {
		t.Fatalf("exit code %d:\n%s%s", printed.code, printed.out, printed.err)
	}
	file := filepath.Join(t.TempDir(), "gim.yaml")
	if err := os.WriteFile(file, []byte(printed.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := gim(t, "", environ, "config", "--config", file); again.out != printed.out {
		t.Errorf("printed %q, from the file %q", printed.out, again.out)
	}
	if got := gim(t, "", nil, "config", "--config", file, "--check"); got.code != exitDone || got.out != "" {
		t.Errorf("--check: %+v", got)
	}
	if err := os.WriteFile(file, []byte("heartbeat: 1ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := gim(t, "", nil, "config", "--config", file, "--check"); got.code != exitConfig || !strings.Contains(got.err, "heartbeat") {
		t.Errorf("--check of a bad file: %+v", got)
	}
}

func TestGim_UnknownVariableIsAWarning(t *testing.T) {
	t.Parallel()
	got := gim(t, "", []string{"GIM_HEARTBEET=1s", "GIM_URL=http://x", "GIM_APP_KEY=gim_x"}, "config", "--check")
	if got.code != exitDone || !strings.Contains(got.err, "GIM_HEARTBEET") || strings.Contains(got.err, "GIM_URL") {
		t.Errorf("%+v", got)
	}
}

func TestMigrate_AppliesOnceAndShowsIt(t *testing.T) {
	t.Parallel()
	dir := "--data-dir=" + filepath.Join(t.TempDir(), "data")
	if got := gim(t, "", nil, "migrate", "--status", dir); got.code != exitDone || !strings.HasPrefix(got.out, "missing ") {
		t.Errorf("before: %+v", got)
	}
	if got := gim(t, "", nil, "migrate", dir); got.code != exitDone || !strings.HasPrefix(got.out, "applied ") {
		t.Errorf("migrate: %+v", got)
	}
	if got := gim(t, "", nil, "migrate", "--status", "--json", dir); got.code != exitDone || !strings.Contains(got.out, `"applied": true`) {
		t.Errorf("after: %+v", got)
	}
}

func TestMigrate_UnreachableStorageExitsWith2AndShowsNoPassword(t *testing.T) {
	t.Parallel()
	got := gim(t, "", []string{"GIM_MYSQL_DSN=gim:canary@tcp(127.0.0.1:1)/gim"}, "migrate")
	if got.code != exitStorage || strings.Contains(got.err, "canary") {
		t.Errorf("%+v", got)
	}
}

func TestVersion_IsReadByScripts(t *testing.T) {
	t.Parallel()
	if got := gim(t, "", nil, "version", "--json"); got.code != exitDone || !strings.Contains(got.out, `"go": "go1.`) {
		t.Errorf("%+v", got)
	}
	if got := gim(t, "", nil, "version"); !strings.HasPrefix(got.out, "gim ") {
		t.Errorf("%+v", got)
	}
}

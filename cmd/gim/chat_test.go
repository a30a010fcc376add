package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// patience is how long a screen may take to show something.
const patience = 30 * time.Second

// terminal is a program on a terminal of 80 columns and 24 lines.
type terminal struct {
	t      *testing.T
	socket string
}

func openTerminal(t *testing.T, command string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("GIM_TEST_ALL") != "" {
			t.Fatal("tmux is not installed; make deps installs it")
		}
		t.Skip("tmux is not installed; make deps installs it")
	}
	dir, err := os.MkdirTemp("", "gim-tmux-") // a short path: that of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		_, _ = term.run("kill-server") // there may be none any more
		_ = os.RemoveAll(dir)
	})
	if out, err := term.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command); err != nil {
		t.Fatalf("start a terminal: %v, %s", err, out)
	}
	return term
}

func (k *terminal) run(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-S", k.socket}, args...)...) //nolint:gosec // our own
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (k *terminal) press(keys ...string) {
	k.t.Helper()
	if out, err := k.run(append([]string{"send-keys"}, keys...)...); err != nil {
		k.t.Fatalf("press %v: %v, %s", keys, err, out)
	}
}

// shows waits until the screen shows all of the texts.
func (k *terminal) shows(texts ...string) {
	k.t.Helper()
	var screen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // between looks
		screen, _ = k.run("capture-pane", "-p")
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(screen, text)
		}
		if !missing {
			return
		}
	}
	k.t.Fatalf("the screen does not show %q:\n%s", texts, screen)
}

// demoChat is `gim chat` as a user of the demo.
func demoChat(t *testing.T, g *gimtest.Process, user string) []string {
	return []string{gimtest.Binary(t), "chat", "--url", g.URL, "--address", g.TCPURL, "--demo-user", user, "--state", ""}
}

func demoApp(t *testing.T, g *gimtest.Process) gimtest.App {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(g.DataDir, "demo.key"))
	if err != nil {
		t.Fatal(err)
	}
	return gimtest.App{Caller: g.Caller(), ID: "demo", Key: strings.TrimSpace(string(key))}
}

// Alice chats on a terminal over TCP, bob answers by REST and from a script, and
// gim is killed in between.
func TestChat_OnATerminal(t *testing.T) {
	t.Parallel()
	g := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--demo"}})
	var quoted []string
	for _, arg := range append(demoChat(t, g, "alice"), "--to", "user:bob") {
		quoted = append(quoted, "'"+arg+"'")
	}
	alice := openTerminal(t, strings.Join(quoted, " "))
	alice.shows("connected via tcp", "offline")
	alice.press("hello bob", "Enter")
	alice.shows("you hello bob ✓")
	demoApp(t, g).SendText(t, "bob", "alice", "hello \x1b[2Jalice 你好", "")
	alice.shows("alice 你好", "you hello bob ✓") // what clears a screen in a message does not

	bob := exec.CommandContext(t.Context(), demoChat(t, g, "bob")[0], append(demoChat(t, g, "bob")[1:], "--json", "--follow")...) //nolint:gosec // our own
	in, err := bob.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.Start(); err != nil {
		t.Fatal(err)
	}
	alice.shows("online via tcp")
	if _, err := io.WriteString(in, `{"signal":{"to":{"user_id":"alice"},"kind":"typing"}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	alice.shows("typing")
	_ = bob.Process.Kill()
	_ = bob.Wait() // it was killed

	g.Kill()
	alice.shows("reconnecting")
	g.Start()
	demoApp(t, g).SendText(t, "bob", "alice", "while you were away", "")
	alice.shows("connected via tcp", "while you were away", "you hello bob ✓")
	alice.press("/quit", "Enter")
}

// Alice leaves and comes back on a smaller terminal: what came meanwhile is marked
// as new, and the shell has its screen back in between.
func TestChat_ComesBackWhereItWas(t *testing.T) {
	t.Parallel()
	g := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--demo"}})
	app := demoApp(t, g)
	app.SendText(t, "bob", "alice", "hello alice", "")
	args := demoChat(t, g, "alice")
	args[len(args)-1] = filepath.Join(t.TempDir(), "alice.json")
	var quoted []string
	for _, arg := range args {
		quoted = append(quoted, "'"+arg+"'")
	}
	shell := openTerminal(t, "echo before; "+strings.Join(quoted, " ")+"; echo left with $?; read -r again; "+strings.Join(quoted, " "))
	shell.shows("connected via tcp", "bob hello alice")
	shell.press("/quit", "Enter")
	shell.shows("before", "left with 0")

	app.SendText(t, "bob", "alice", "where are you?", "")
	for _, user := range []string{"carol", "dave"} {
		app.NewUsers(t, user)
		app.SendText(t, user, "alice", "it is "+user, "")
	}
	if out, err := shell.run("resize-window", "-x", "40", "-y", "12"); err != nil {
		t.Fatalf("resize: %v, %s", err, out)
	}
	shell.press("Enter")
	shell.shows("connected via tcp", "─ new ─", "bob where are you?", "+2 elsewhere")
	if out, err := shell.run("resize-window", "-x", "100", "-y", "30"); err != nil {
		t.Fatalf("resize: %v, %s", err, out)
	}
	shell.shows("carol", "1 │", "bob where are you?")
	shell.press("Tab")
	shell.shows("it is dave")
}

func TestChat_InAScript(t *testing.T) {
	t.Parallel()
	g := gimtest.StartProcess(t, gimtest.ProcessOptions{Args: []string{"--demo"}})
	args := append(demoChat(t, g, "alice"), "--json", "--to", "user:bob")
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...) //nolint:gosec // our own
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sent := 0
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		var event struct {
			Event string
			Sent  struct{ Seq int }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Errorf("not a JSON object: %s", lines.Text())
		}
		if event.Event == "sent" {
			if sent++; event.Sent.Seq != sent {
				t.Errorf("receipt %d is %s", sent, lines.Text())
			}
		}
	}
	page, err := demoApp(t, g).For(t, "bob").SyncWithResponse(t.Context(), &client.SyncParams{})
	if err != nil || page.JSON200 == nil || sent != 2 {
		t.Fatalf("%d receipts, %v", sent, err)
	}
	for i, m := range page.JSON200.Items {
		if want := fmt.Sprintf(`{"text":%q}`, []string{"one", "two"}[i]); string(m.Content) != want {
			t.Errorf("bob got %s, want %s", m.Content, want)
		}
	}
	refused := append(demoChat(t, g, "alice"), "--json", "--to", "user:nobody-of-that-name")
	cmd = exec.CommandContext(t.Context(), refused[0], refused[1:]...) //nolint:gosec // our own
	cmd.Stdin = strings.NewReader("hello\n")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitConfig {
		t.Errorf("a refused message ends with %v", err)
	}
}

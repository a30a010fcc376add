package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const canary = "canary-canary-canary"

// secrets are settings that hold the canary where a password would stand.
func secrets() []string {
	return []string{
		"GIM_ADMIN_KEY=" + canary,
		"GIM_MYSQL_DSN=gim:" + canary + "@tcp(db:3306)/gim",
		"GIM_REDIS_URL=redis://:" + canary + "@cache:6379/0",
	}
}

func TestSecret_IsShownNowhere(t *testing.T) {
	t.Parallel()
	c, _, err := Load(nil, secrets())
	if err != nil {
		t.Fatal(err)
	}
	if c.AdminKey.Reveal() != canary {
		t.Fatal("the secret was not taken")
	}
	var out bytes.Buffer
	if err := WriteYAML(&out, c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s", c, c, c, c.AdminKey)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("settings", "config", c, "key", c.AdminKey)
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "config", c, "key", c.AdminKey)
	if strings.Contains(out.String(), canary) {
		t.Errorf("a secret is shown:\n%s", out.String())
	}
}

func TestLoad_ErrorsRepeatNoSecret(t *testing.T) {
	t.Parallel()
	for _, environ := range [][]string{
		{"GIM_SECRET_KEY=" + canary},
		{"GIM_ADMIN_KEY=gim_" + canary},
		{"GIM_ADMIN_KEY=" + canary + " with a space"},
		{"GIM_REDIS_URL=http://:" + canary + "@h"},
		{"GIM_REDIS_URL=redis://:" + canary + "@h:port/%zz"},
	} {
		_, _, err := Load(nil, environ)
		if err == nil {
			t.Errorf("%q was accepted", environ)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestDecodeSecretKey_TakesHexAndBase64(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	for _, text := range []string{
		strings.Repeat("fbff", 16), strings.Repeat("FBFF", 16),
		"+//7//v/+//7//v/+//7//v/+//7//v/+//7//v/+/8=", "-__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8\n",
	} {
		got, err := DecodeSecretKey(text)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: got %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fbff", strings.Repeat("ff", 33), strings.Repeat("zz", 32)} {
		if _, err := DecodeSecretKey(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestWriteYAML_IsAFileThatGivesTheSameSettings(t *testing.T) {
	t.Parallel()
	want, _, err := Load([]string{
		"--data-dir=/var/lib/gim: 1", "--roles=ws", "--allowed-origins=https://a.example,https://b.example",
		"--heartbeat=2m", "--log-level=debug", "--rate-limit-sends=0",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteYAML(&out, want); err != nil {
		t.Fatal(err)
	}
	got, _, err := Load([]string{"--config", write(t, out.String())}, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings differ (-want +got):\n%s", diff)
	}
}

func TestWriteYAML_DescribesEverySetting(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := WriteYAML(&out, Default()); err != nil {
		t.Fatal(err)
	}
	flags, err := flagsOf(&Config{})
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.ReplaceAll(out.String(), "\n# ", " ") // as before it was broken into lines
	for _, f := range flags {
		if f.Help == "" || !strings.Contains(flat, "(--"+f.Name+", "+EnvVar(f.Name)+")") {
			t.Errorf("%s is not described", f.Name)
		}
	}
	if !strings.Contains(out.String(), "# --- Timers ---") || !strings.Contains(out.String(), "\nheartbeat: 30s\n") {
		t.Errorf("got:\n%s", out.String())
	}
}

package domain

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestLimits_AreWhatTheProtocolPageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		fmt.Sprintf("| content of a message | %d KiB |", MaxContentBytes>>10),
		fmt.Sprintf("| mentions of a message | %d |", MaxMentions),
		fmt.Sprintf("| data of a signal | %d KiB |", MaxSignalBytes>>10),
		fmt.Sprintf("| `limit` of a sync | 1 to %d, %d unless given |", MaxPageSize, DefaultPageSize),
		fmt.Sprintf("| users that a connection watches | %d; at most %d devices of each are named |", MaxPresenceUsers, MaxPresenceDevices),
	} {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/protocol.md does not say %q", row)
		}
	}
	tokens, err := os.ReadFile("../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, sentence := range []string{
		fmt.Sprintf("at most %d days after `iat`", MaxTokenTTL/(24*time.Hour)),
		fmt.Sprintf("Clocks may differ by %d seconds.", TokenLeeway/time.Second),
	} {
		if !strings.Contains(string(tokens), sentence) {
			t.Errorf("docs/tokens.md does not say %q", sentence)
		}
	}
}

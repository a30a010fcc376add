package domain

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestValidateID(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"a": true, "A-z_0.9@+x": true, "@bob": true, "+49170": true, "-": true, "_": true,
		strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"": false, ".a": false, "a.": true, "me": false, "batch": false, "Me": true,
		"a b": false, "a/b": false, "ä": false, "a\x00": false, "a\n": false, "a:b": false, "😀": false,
	} {
		if err := ValidateID("id", id); (err == nil) != ok {
			t.Errorf("ValidateID(%q) = %v, want ok %v", id, err, ok)
		}
	}
}

func TestMessageID_IsValidUniqueAndSortsByTime(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_000)
	ids := []MessageID{
		NewMessageID(at, 5, 1), NewMessageID(at, 5, 2), NewMessageID(at, 5, 1<<40), NewMessageID(at, 6, 1),
		NewMessageID(at.Add(time.Millisecond), 1, 1), NewMessageID(at.Add(time.Hour), 1, 1),
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not sorted: %v", ids)
	}
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("not unique: %v", ids)
	}
	for _, id := range ids {
		if err := ValidateID("message_id", string(id)); err != nil || len(id) != 32 {
			t.Errorf("%s: %v, length %d", id, err, len(id))
		}
	}
}

func TestConversationID_IsWrittenFromTheReadersSide(t *testing.T) {
	t.Parallel()
	user := Message{Sender: Sender{Type: SenderUser, User: "alice"}, To: Target{User: "bob"}}
	business := Message{Sender: Sender{Type: SenderBusiness}, To: Target{User: "bob"}}
	group := Message{Sender: Sender{Type: SenderUser, User: "alice"}, To: Target{Group: "team"}}
	for _, c := range []struct {
		m        Message
		toSender bool
		want     string
	}{
		{user, true, "user:bob"}, {user, false, "user:alice"},
		{business, true, "user:bob"}, {business, false, "business"},
		{group, true, "group:team"}, {group, false, "group:team"},
	} {
		if got := c.m.ConversationID(c.toSender); got != c.want {
			t.Errorf("ConversationID(%v) = %s, want %s", c.toSender, got, c.want)
		}
	}
}

func TestParseConversationID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id          string
		forBusiness bool
		want        Target
		ok          bool
	}{
		{"user:bob", false, Target{User: "bob"}, true},
		{"user:bob", true, Target{User: "bob"}, true},
		{"group:team", true, Target{Group: "team"}, true},
		{"business", false, Target{}, true},
		{"business", true, Target{}, false},
		{"user:", false, Target{}, false},
		{"group:a b", false, Target{Group: "a b"}, false},
		{"bob", false, Target{}, false},
		{"", false, Target{}, false},
	} {
		got, err := ParseConversationID("conversation_id", c.id, c.forBusiness)
		if (err == nil) != c.ok || (c.ok && got != c.want) {
			t.Errorf("ParseConversationID(%q, %v) = %+v, %v", c.id, c.forBusiness, got, err)
		}
	}
}

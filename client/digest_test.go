package client

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/gim-im/gim/wire"
)

// The page shows these messages and digests, which were computed by its Python.
func TestDigest_IsThatOfThePage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	page := []*wire.Message{
		{
			Seq: 1, MessageId: "0cu1k8p5000000000000000000000001", ConversationId: "user:alice", ConversationSeq: 1, Type: "text", SentAt: 1767225600000,
			Sender: &wire.Sender{Type: "user", UserId: "alice", DeviceId: "phone"}, To: &wire.Target{UserId: "bob"}, ClientMsgId: "c1",
			Content: []byte(`{"text":"hi"}`), Status: "edited", EditedAt: 1767225700000,
		},
		{
			Seq: 2, MessageId: "0cu1k8p5000000000000000000000002", ConversationId: "group:team", ConversationSeq: 5, Type: "command", SentAt: 1767225600001,
			Sender: &wire.Sender{Type: "system"}, To: &wire.Target{GroupId: "team"}, Content: []byte(`{"code":101}`), Status: "normal",
		},
	}
	var log Digest
	for i, m := range page {
		log.Add(m)
		log.Add(page[:i+1]...) // repeats
		if sum := hex.EncodeToString(log.Sum[:]); log.Seq != m.GetSeq() || !strings.Contains(string(raw), sum) {
			t.Errorf("docs/verify.md does not show %s up to %d", sum, log.Seq)
		}
	}
	chat := Digest{Conversation: "user:alice"}
	chat.Add(page...)
	if first := (Digest{}); chat.Seq != 1 || chat.Sum == log.Sum || chat.Sum == first.Sum {
		t.Errorf("the chat is %+v", chat)
	}
}

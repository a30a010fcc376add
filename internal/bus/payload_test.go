package bus

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

func sampleEvents() []*wire.Event {
	body := wire.NewBody(&domain.Message{
		ConversationSeq: 3, ID: "id", Sender: domain.Sender{Type: domain.SenderUser, User: "ann"},
		To: domain.Target{Group: "g"}, Type: "text", Content: json.RawMessage(`{"text":"hi"}`),
		SentAt: time.UnixMilli(5).UTC(), Status: domain.StatusNormal,
	})
	topic := wire.Topic{App: 1, User: 2}
	return []*wire.Event{
		{Kind: wire.EventMessage, Topic: topic, Seq: 300, IsSender: true, Body: body, Origin: "o", Request: domain.RequestInfo{ID: "r", TraceParent: "t"}},
		{Kind: wire.EventMessage, Topic: topic, Body: body},
		{Kind: wire.EventSession, Topic: topic, Device: "d", Session: 1 << 40},
		{Kind: wire.EventPresence, Topic: topic},
		{Kind: wire.EventGap, Topic: topic},
	}
}

func TestPayload_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for _, want := range sampleEvents() {
		var d decoder
		got, err := d.decode(string(appendPayload(nil, nodeID{1}, want)), want.Topic)
		if err != nil {
			t.Fatal(err)
		}
		sameMessage := cmp.Comparer(func(a, b *wire.Body) bool {
			return a == nil && b == nil || a != nil && b != nil && cmp.Equal(a.Message(), b.Message())
		})
		if diff := cmp.Diff(want, got, sameMessage); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestPayload_WithoutAllItsFieldsIsRefused(t *testing.T) {
	t.Parallel()
	for _, e := range sampleEvents() {
		whole := string(appendPayload(nil, nodeID{1}, e))
		fields := len(whole)
		if e.Body != nil {
			fields -= len(e.Body.CommonProto()) - 1 // protobuf may end after any of its fields
		}
		for n := range fields {
			var d decoder
			if got, err := d.decode(whole[:n], e.Topic); err == nil {
				t.Errorf("%d of %d bytes are taken for %+v", n, len(whole), got)
			}
		}
	}
}

func TestPayload_WhatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	gap := string(appendPayload(nil, nodeID{1}, &wire.Event{Kind: wire.EventGap}))
	session := string(appendPayload(nil, nodeID{1}, &wire.Event{Kind: wire.EventSession}))
	for name, payload := range map[string]string{
		"other version":   "\x02" + gap[1:],
		"unknown kind":    gap[:headLength-1] + "\x09",
		"kind zero":       gap[:headLength-1] + "\x00",
		"trailing bytes":  session + "x",
		"negative number": gap[:headLength-1] + "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
		"endless number":  gap[:headLength-1] + "\x02" + strings.Repeat("\xff", 20),
		"too long":        gap[:headLength-1] + "\x02\x01\x80\x80\x80\x01" + strings.Repeat("x", 1<<21),
	} {
		var d decoder
		if e, err := d.decode(payload, wire.Topic{}); err == nil {
			t.Errorf("%s: taken for %+v", name, e)
		}
	}
}

func TestDecoder_RecipientsOfAMessageShareItsBody(t *testing.T) {
	t.Parallel()
	var d decoder
	var bodies []*wire.Body
	for _, e := range sampleEvents()[:2] {
		got, err := d.decode(string(appendPayload(nil, nodeID{1}, e)), e.Topic)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, got.Body)
	}
	if bodies[0] != bodies[1] {
		t.Error("the message was read twice")
	}
}

func TestDecoder_ForgetsNodesBeforeTheyAreTooMany(t *testing.T) {
	t.Parallel()
	var d decoder
	for i := range 10 * maxLastBodies {
		if _, err := d.decode(string(appendPayload(nil, nodeID{byte(i), byte(i >> 8)}, sampleEvents()[0])), wire.Topic{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.last) > maxLastBodies {
		t.Errorf("remembers %d nodes", len(d.last))
	}
}

func TestIsEcho_TellsOnlyTheOwnNode(t *testing.T) {
	t.Parallel()
	payload := string(appendPayload(nil, nodeID{1}, &wire.Event{Kind: wire.EventGap}))
	if !isEcho(payload, nodeID{1}) || isEcho(payload, nodeID{2}) || isEcho(payload[:5], nodeID{1}) {
		t.Error("echoes are not told apart")
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range sampleEvents() {
		f.Add(string(appendPayload(nil, nodeID{1}, e)))
	}
	f.Fuzz(func(t *testing.T, payload string) {
		var d decoder
		topic := wire.Topic{App: 1, User: 2}
		first, err := d.decode(payload, topic)
		if err != nil {
			return
		}
		node := nodeID([]byte(payload[1 : 1+nodeIDLength]))
		again, err := d.decode(string(appendPayload(nil, node, first)), topic)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if first.Body != nil {
			if diff := cmp.Diff(first.Body.Message(), again.Body.Message()); diff != "" {
				t.Errorf("message changed (-first +again):\n%s", diff)
			}
		}
		a, b := *first, *again
		a.Body, b.Body = nil, nil
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("event changed (-first +again):\n%s", diff)
		}
	})
}

package handlers

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	gim "github.com/gim-im/gim"
	"github.com/gim-im/gim/internal/strictjson"
)

// TestShape_KnowsTheContract fails when a schema of a body is out of reach, so that
// its bodies are all looked at the slow way.
func TestShape_KnowsTheContract(t *testing.T) {
	t.Parallel()
	for id, op := range bodies(t) {
		if op.shape == nil && id != "updateMember" { // it has a time, which has rules of its own
			t.Errorf("%s: its body has a schema that shape does not know", id)
		}
	}
}

func bodies(tb testing.TB) map[string]*operation {
	tb.Helper()
	operations, err := loadOperations(gim.OpenAPI)
	if err != nil {
		tb.Fatal(err)
	}
	all := make(map[string]*operation)
	for _, methods := range operations {
		for _, op := range methods {
			if op.body != nil {
				all[op.id] = op
			}
		}
	}
	return all
}

func TestShape_TakesWhatIsCommon(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		sendHi.body,
		` { "to" : { "group_id" : "team" } , "type":"custom","content":{"a":[1,{"b":"]}\"\\"},null,-1.5e3,true]},"mentions":["@all","b"],"persist":false,"client_msg_id":"é"}` + "\n",
	} {
		if err := strictjson.Check([]byte(body)); err != nil {
			t.Fatal(err)
		}
		if !bodies(t)["sendMessage"].shape.fits([]byte(body)) {
			t.Errorf("not sure of %s", body)
		}
	}
}

// FuzzShape holds what is taken at a glance to the rules: they take it too.
func FuzzShape(f *testing.F) {
	all := bodies(f)
	names := slices.Sorted(maps.Keys(all))
	for i := range names {
		f.Add(i, []byte(sendHi.body))
	}
	for _, body := range []string{
		`{"to":{},"type":"text","content":{},"mentions":[1]}`, `{"ttl_seconds":0}`, `{"ttl_seconds":1.0}`, `{"seq":-0}`, `{"seq":99999999999999999}`,
		`{"users":[{"user_id":"a","extra":{"x":null}}]}`, `{"members":[]}`, `{"user_ids":["a b"]}`, `{"app_id":"a","settings":{"max_group_members":0}}`,
		`{"content":null}`, `{}`, `{"to":{},"content":{}}`, `{"mentions":[]}`, `{"to":{"user_id":"me"},"to":1}`, `[]`, `"a"`, `{"a\u0062":1}`, `{"group_id":"\u0061","members":["a"]}`,
	} {
		for i := range names {
			f.Add(i, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		if which < 0 || strictjson.Check(body) != nil {
			return
		}
		op := all[names[which%len(names)]]
		if !op.shape.fits(body) {
			return
		}
		var value any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if wrong := validate(op.body, value); wrong != nil {
			t.Errorf("%s takes %s at a glance, and the rules say %v", op.id, body, wrong)
		}
	})
}

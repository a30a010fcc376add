package domain

import (
	"errors"
	"strings"
	"testing"
)

func TestParseContent_AcceptsEveryTypeInCompactForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ       ContentType
		raw, want string
	}{
		{ContentText, `{ "text" : "hi 😀" }`, `{"text":"hi 😀"}`},
		{ContentFace, `{"face_id":"smile"}`, `{"face_id":"smile"}`},
		{ContentFace, `{"face_id":"smile","url":"https://a.example/s.png"}`, `{"face_id":"smile","url":"https://a.example/s.png"}`},
		{ContentVoice, `{"id":"v","size":10,"duration":1.5,"url":"https://a.example/v"}`, `{"id":"v","size":10,"duration":1.5,"url":"https://a.example/v"}`},
		{ContentImage, `{"id":"i","width":1,"height":2,"url":"a/b.png","thumbnail_url":"a/c.png"}`, `{"id":"i","width":1,"height":2,"url":"a/b.png","thumbnail_url":"a/c.png"}`},
		{ContentFile, `{"id":"f","name":"n","size":0,"url":"http://a.example/f"}`, `{"id":"f","name":"n","size":0,"url":"http://a.example/f"}`},
		{ContentLocation, `{"desc":"here","latitude":-90,"longitude":180}`, `{"desc":"here","latitude":-90,"longitude":180}`},
		{ContentCommand, `{"code":1000,"data":{"x":[1, 2]}}`, `{"code":1000,"data":{"x":[1,2]}}`},
		{ContentCustom, `{"n":12345678901234567890.12345678901234567890}`, `{"n":12345678901234567890.12345678901234567890}`},
	} {
		got, err := ParseContent(c.typ, []byte(c.raw))
		if err != nil || string(got) != c.want {
			t.Errorf("ParseContent(%s, %s) = %s, %v; want %s", c.typ, c.raw, got, err, c.want)
		}
	}
}

func TestParseContent_NamesTheFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxText+1)
	for _, c := range []struct {
		typ          ContentType
		raw, pointer string
	}{
		{"video", `{}`, "/type"},
		{"", `{}`, "/type"},
		{ContentText, `"hi"`, "/content"},
		{ContentText, `null`, "/content"},
		{ContentText, `[]`, "/content"},
		{ContentText, ``, "/content"},
		{ContentText, `{`, "/content"},
		{ContentText, `{}`, "/content/text"},
		{ContentText, `{"text":""}`, "/content/text"},
		{ContentText, `{"text":null}`, "/content/text"},
		{ContentText, `{"text":1}`, "/content/text"},
		{ContentText, `{"Text":"hi"}`, "/content/Text"},
		{ContentText, `{"text":"hi","more":1}`, "/content/more"},
		{ContentText, `{"text":"a\u0000b"}`, "/content/text"},
		{ContentFace, `{"url":"https://a.example"}`, "/content/face_id"},
		{ContentFace, `{"face_id":"x","url":"javascript:alert(1)"}`, "/content/url"},
		{ContentVoice, `{}`, "/content/url"},
		{ContentVoice, `{"url":"a","size":-1}`, "/content/size"},
		{ContentVoice, `{"url":"a","size":1.5}`, "/content/size"},
		{ContentVoice, `{"url":"a","duration":-1}`, "/content/duration"},
		{ContentImage, `{"url":"a","width":-1}`, "/content/width"},
		{ContentImage, `{"url":"a","height":-1}`, "/content/height"},
		{ContentImage, `{"url":"a","thumbnail_url":"data:text/html,x"}`, "/content/thumbnail_url"},
		{ContentImage, `{"url":"a b"}`, "/content/url"},
		{ContentFile, `{"url":"a","name":"` + long + `"}`, "/content/name"},
		{ContentFile, `{"url":""}`, "/content/url"},
		{ContentLocation, `{"longitude":0}`, "/content/latitude"},
		{ContentLocation, `{"latitude":90.1,"longitude":0}`, "/content/latitude"},
		{ContentLocation, `{"latitude":0,"longitude":-180.1}`, "/content/longitude"},
		{ContentLocation, `{"latitude":"0","longitude":0}`, "/content/latitude"},
		{ContentCommand, `{}`, "/content/code"},
		{ContentCommand, `{"code":999}`, "/content/code"},
		{ContentCommand, `{"code":4294967296}`, "/content/code"},
		{ContentCommand, `{"code":"1000"}`, "/content/code"},
		{ContentCustom, `[1]`, "/content"},
	} {
		_, err := ParseContent(c.typ, []byte(c.raw))
		wrong, ok := errors.AsType[*Error](err)
		if !ok || wrong.Code != CodeBadRequest || len(wrong.Fields) != 1 || wrong.Fields[0].Pointer != c.pointer {
			t.Errorf("ParseContent(%s, %.60s) = %v; want bad_request at %s", c.typ, c.raw, err, c.pointer)
		}
	}
}

func TestParseContent_LimitCountsTheCompactObject(t *testing.T) {
	t.Parallel()
	frame := len(`{"text":""}`)
	fits := `{"text": "` + strings.Repeat("x", MaxContentBytes-frame) + `" }`
	if _, err := ParseContent(ContentText, []byte(fits)); err != nil {
		t.Errorf("content of %d bytes: %v", MaxContentBytes, err)
	}
	over := `{"text":"` + strings.Repeat("x", MaxContentBytes-frame+1) + `"}`
	if _, err := ParseContent(ContentText, []byte(over)); CodeOf(err) != CodeTooLarge {
		t.Errorf("content of %d bytes: %v, want too_large", MaxContentBytes+1, err)
	}
}

func FuzzParseContent(f *testing.F) {
	for _, seed := range []string{`{"text":"hi"}`, `{"code":1000,"data":null}`, `{"latitude":1e308,"longitude":0}`, "{\"text\":\"\xff\"}"} {
		for _, typ := range []ContentType{ContentText, ContentCommand, ContentLocation, ContentCustom} {
			f.Add(string(typ), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, typ string, raw []byte) {
		out, err := ParseContent(ContentType(typ), raw)
		if err != nil {
			if CodeOf(err) == CodeInternal {
				t.Errorf("unexpected kind of error: %v", err)
			}
			return
		}
		if len(out) > MaxContentBytes || out[0] != '{' {
			t.Errorf("accepted %.80q", out)
		}
		again, err := ParseContent(ContentType(typ), out)
		if err != nil || string(again) != string(out) {
			t.Errorf("what is stored is not accepted again: %v", err)
		}
	})
}

package handlers

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	gim "github.com/gim-im/gim"
	"github.com/gim-im/gim/domain"
)

func TestDocs_ContractIsServedAndRemembered(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	w := (request{"GET", "/openapi.yaml", "", nil}).do(h)
	etag := w.Header().Get("ETag")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), gim.OpenAPI) || w.Header().Get("Content-Type") != "application/yaml" || etag == "" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	again := (request{"GET", "/openapi.yaml", "", []string{"If-None-Match: " + etag}}).do(h)
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("asked again: status %d with %d bytes, want 304", again.Code, again.Body.Len())
	}
	head := (request{"HEAD", "/openapi.yaml", "", nil}).do(h)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("ETag") != etag {
		t.Errorf("HEAD: status %d with %d bytes", head.Code, head.Body.Len())
	}
}

func TestDocs_PageLoadsItsOwnFilesOnlyAndAllOfThemAreThere(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for _, page := range []string{"/docs", "/docs/errors"} {
		w := (request{"GET", page, "", nil}).do(h)
		if csp := w.Header().Get("Content-Security-Policy"); w.Code != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src 'self' '") {
			t.Errorf("%s: status %d, policy %q", page, w.Code, csp)
		}
		html := w.Body.String()
		if strings.Contains(html, "http://") || strings.Contains(html, "https://") || regexp.MustCompile(`<script(>| [^>]*>[^<])`).MatchString(html) {
			t.Errorf("%s names another host or has an inline script", page)
		}
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"#:]+)"`).FindAllStringSubmatch(html, -1) {
			target := strings.TrimSuffix(page, "docs") + m[1] // relative to /
			if page == "/docs/errors" {
				target = strings.Replace("/docs/"+m[1], "/docs/../", "/", 1)
			}
			if w := (request{"GET", target, "", nil}).do(h); w.Code != 200 {
				t.Errorf("%s refers to %s, which answers %d", page, target, w.Code)
			}
		}
	}
}

func TestDocs_PackedFilesSuitEveryClient(t *testing.T) {
	t.Parallel()
	h := newAPI(t, newFake().options())
	for accept, isPacked := range map[string]bool{
		"gzip": true, "br, gzip": true, "GZIP;q=0.5": true, "gzip; q=0": false, "gzip;q=0.000": false, "": false, "br": false, "x-gzip": false,
	} {
		w := (request{"GET", "/docs/swagger-ui.css", "", []string{"Accept-Encoding: " + accept}}).do(h)
		body := w.Body.Bytes()
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != isPacked {
			t.Errorf("%q: packed %v, want %v", accept, got, isPacked)
			continue
		}
		if isPacked {
			reader, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(reader); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Contains(body, []byte(".swagger-ui")) || w.Header().Get("Content-Type") != "text/css; charset=utf-8" || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: header %v, begins %.20q", accept, w.Header(), body)
		}
	}
}

func TestDocs_EveryCodeHasItsPlace(t *testing.T) {
	t.Parallel()
	html := (request{"GET", "/docs/errors", "", nil}).do(newAPI(t, newFake().options())).Body.String()
	for _, info := range domain.Catalogue() {
		if !strings.Contains(html, `<section id="`+string(info.Code)+`">`) {
			t.Errorf("%s has no place", info.Code)
		}
	}
}

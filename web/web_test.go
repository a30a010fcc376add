package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gim-im/gim/web"
)

func get(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestHandler_ServesEachFileWithItsType(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"/":              "text/html; charset=utf-8",
		"/app/main.js":   "text/javascript; charset=utf-8",
		"/app/style.css": "text/css; charset=utf-8",
		"/app/icon.svg":  "image/svg+xml",
	}
	for path, want := range tests {
		resp := get(t, http.MethodGet, path, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != want {
			t.Errorf("GET %s: %d %q, want 200 %q", path, resp.StatusCode, resp.Header.Get("Content-Type"), want)
		}
		if got := resp.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("GET %s: X-Content-Type-Options %q, want nosniff", path, got)
		}
		if !web.Has(path) {
			t.Errorf("Has(%q) = false, want true", path)
		}
	}
}

func TestHandler_LeavesOtherPathsToOthers(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/app", "/app/", "/app/none.js", "/app/index.html", "/index.html", "/v1/errors", "/app/../web.go", "//", "/web.go", "app/main.js", ""} {
		if web.Has(path) {
			t.Errorf("Has(%q) = true, want false", path)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		web.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("GET %q: %d, want 404", path, w.Code)
		}
	}
}

func TestHandler_AnswersAnUnchangedFileWithoutBody(t *testing.T) {
	t.Parallel()
	first := get(t, http.MethodGet, "/", nil)
	if got := first.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("Cache-Control %q, want no-cache", got)
	}
	again := get(t, http.MethodGet, "/", http.Header{"If-None-Match": {first.Header.Get("ETag")}})
	body, _ := io.ReadAll(again.Body)
	if again.StatusCode != http.StatusNotModified || len(body) > 0 {
		t.Errorf("with the ETag: %d and %d bytes, want 304 and none", again.StatusCode, len(body))
	}
	if other := get(t, http.MethodGet, "/app/main.js", nil); other.Header.Get("ETag") == first.Header.Get("ETag") {
		t.Error("two files have the same ETag")
	}
}

func TestHandler_OnlyReads(t *testing.T) {
	t.Parallel()
	if resp := get(t, http.MethodHead, "/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d, want 200", resp.StatusCode)
	}
	resp := get(t, http.MethodPost, "/", nil)
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q, want 405 and GET, HEAD", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

func TestPage_CanLiveWithItsPolicy(t *testing.T) {
	t.Parallel()
	resp := get(t, http.MethodGet, "/", nil)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son\w+=|<script(>|\s[^>]*>[^<])|https?://`)
	if found := inline.Find(page); found != nil {
		t.Errorf("the page has %q, which its policy forbids", found)
	}
}

// TestModules_ImportWhatIsEmbedded finds a file that was renamed in one place only.
func TestModules_ImportWhatIsEmbedded(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("app")
	if err != nil {
		t.Fatal(err)
	}
	reference := regexp.MustCompile(`(?:from '\./|(?:src|href)="/app/)([^'"]+)['"]`)
	found := 0
	for _, entry := range entries {
		content, err := os.ReadFile("app/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range reference.FindAllStringSubmatch(string(content), -1) {
			found++
			if !web.Has("/app/" + match[1]) {
				t.Errorf("%s names %s, which is not there", entry.Name(), match[1])
			}
		}
	}
	if found == 0 {
		t.Error("found no references: the pattern is wrong")
	}
}

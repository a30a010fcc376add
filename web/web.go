// Package web holds the browser page that a started gim serves at "/": two demo
// users who write to each other. It is plain HTML, CSS and JavaScript modules
// without a build step, embedded into the program. Its functions may be called
// concurrently.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed app
var files embed.FS

const index = "app/index.html"

// policy lets the page load and call nothing but the server it came from, and
// nobody show it in a frame. "self" takes in WebSockets to the same host.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes are set here because a system's own table may say otherwise.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Has reports whether urlPath is "/" or a file of the page, so that a router
// can leave all others to somebody else.
func Has(urlPath string) bool {
	_, ok := fileOf(urlPath)
	return ok
}

// fileOf returns the embedded file at urlPath. The page itself is at "/" only.
func fileOf(urlPath string) (name string, ok bool) {
	if urlPath == "/" {
		return index, true
	}
	name = path.Clean(urlPath)
	if name != urlPath || name == "/"+index {
		return "", false
	}
	name = name[1:]
	info, err := fs.Stat(files, name)
	return name, err == nil && info.Mode().IsRegular()
}

// asset is a file as it is sent.
type asset struct {
	content     []byte
	contentType string
	etag        string
}

// Handler serves the page at "/" and its files under "/app/", and answers 404
// for every path that [Has] does not know. Browsers keep the files but ask each
// time whether they changed, so that a new release is seen at once.
func Handler() http.Handler {
	assets := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := fileOf(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		a := assets[name]
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("ETag", a.etag)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	})
}

// load reads all embedded files. They are part of the program, so one that is
// unreadable or of an unknown type is a mistake in it.
func load() map[string]asset {
	assets := make(map[string]asset)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		contentType, known := contentTypes[path.Ext(name)]
		if !known {
			return fmt.Errorf("%s: no content type for this extension", name)
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		assets[name] = asset{content, contentType, `"` + hex.EncodeToString(sum[:16]) + `"`}
		return nil
	})
	if err != nil {
		panic("web: " + err.Error())
	}
	return assets
}

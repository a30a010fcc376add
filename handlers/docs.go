package handlers

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gim-im/gim/domain"
)

// docsFiles are the pages and what they load, so that they need no other host.
//
//go:embed docs
var docsFiles embed.FS

// pagePolicy lets the pages load their own files only and run no inline script.
// Swagger UI sets styles on elements and draws its arrows from data: images.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is a fixed answer.
type file struct {
	mediaType string
	plain     []byte // nil where only packed is held
	packed    []byte // gzip; nil for small files
	etag      string // without quotes
}

// addDocs mounts the contract and the pages that explain it.
func (s *server) addDocs(r chi.Router) error {
	files := map[string]file{"/openapi.yaml": newFile("application/yaml", s.Spec, nil)}
	for route, name := range map[string]string{
		"/docs":                                  "index.html",
		"/docs/init.js":                          "init.js",
		"/docs/page.css":                         "page.css",
		"/docs/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
		"/docs/swagger-ui.LICENSE":               "swagger-ui.LICENSE",
		"/docs/swagger-ui.NOTICE":                "swagger-ui.NOTICE",
		"/docs/swagger-ui-bundle.js":             "swagger-ui-bundle.js.gz",
		"/docs/swagger-ui.css":                   "swagger-ui.css.gz",
	} {
		data, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			return err
		}
		if base, isPacked := strings.CutSuffix(name, ".gz"); isPacked {
			files[route] = newFile(mediaTypeOf(base), nil, data)
		} else {
			files[route] = newFile(mediaTypeOf(name), data, nil)
		}
	}
	errorsPage, err := renderErrors()
	if err != nil {
		return err
	}
	files["/docs/errors"] = newFile(mediaTypeOf("errors.html"), errorsPage, nil)
	for route, f := range files {
		r.Method(http.MethodGet, route, f)
		r.Method(http.MethodHead, route, f)
	}
	return nil
}

func newFile(mediaType string, plain, packed []byte) file {
	sum := sha256.Sum256(append(plain[:len(plain):len(plain)], packed...))
	return file{mediaType: mediaType, plain: plain, packed: packed, etag: fmt.Sprintf("%x", sum[:12])}
}

func mediaTypeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

func renderErrors() ([]byte, error) {
	page, err := template.ParseFS(docsFiles, "docs/errors.html")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, convertAll(domain.Catalogue(), toAPIErrorInfo))
	return out.Bytes(), err
}

// ServeHTTP implements http.Handler. Browsers keep a file and ask whether it is
// still the same.
func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", f.mediaType)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	data, etag := f.plain, f.etag
	if f.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			data, etag = f.packed, etag+"-gzip"
		} else {
			data = unpack(f.packed)
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// takesGzip reads Accept-Encoding as far as it matters: every browser names gzip
// without a weight, and who weighs it with 0 gets plain bytes.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// unpack is for the rare client that does not take gzip. The data is embedded,
// so it cannot be damaged.
func unpack(packed []byte) []byte {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(err)
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		panic(err)
	}
	return plain
}

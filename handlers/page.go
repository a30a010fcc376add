package handlers

import "net/http"

// servePage lets page answer and reports whether it did: its 404 is held back, so
// that what nobody knows is answered in one form.
func servePage(w http.ResponseWriter, r *http.Request, page http.Handler) bool {
	before := w.Header().Clone()
	// The page's files decide for themselves how long they are kept.
	w.Header().Del("Cache-Control")
	held := &withoutNotFound{ResponseWriter: w}
	page.ServeHTTP(held, r)
	if !held.isNotFound {
		return true
	}
	clear(w.Header())
	for name, values := range before {
		w.Header()[name] = values
	}
	return false
}

// withoutNotFound passes everything on but an answer with status 404.
type withoutNotFound struct {
	http.ResponseWriter
	isNotFound bool
}

// WriteHeader implements http.ResponseWriter.
func (w *withoutNotFound) WriteHeader(status int) {
	if status == http.StatusNotFound {
		w.isNotFound = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *withoutNotFound) Write(p []byte) (int, error) {
	if w.isNotFound {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *withoutNotFound) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package app

import (
	"net/http"
	"net/http/pprof"
)

// adminHandler serves operations. It asks for no credentials, so it has a
// listener of its own, on loopback unless told otherwise. The profile "cmdline"
// is left out: a command line may hold secrets.
func adminHandler(h *health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", h.live)
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/{$}", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	for _, name := range []string{"allocs", "goroutine", "heap", "threadcreate"} {
		mux.Handle("GET /debug/pprof/"+name, pprof.Handler(name))
	}
	mux.Handle("GET /debug/pprof/block", blockProfile())
	mux.Handle("GET /debug/pprof/mutex", mutexProfile())
	return mux
}

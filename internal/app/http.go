package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	readBodyTimeout   = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	minSilence        = 20 * time.Second // some who read nothing for a while are well
)

// listen opens a listener; setting is the name of the flag that addr is from. A connection
// whose peer has acknowledged nothing for silence ends: who went without a word would else
// seem to be there until the system gives up sending again, after a quarter of an hour.
func listen(ctx context.Context, setting, addr string, silence time.Duration) (net.Listener, error) {
	lc := net.ListenConfig{Control: endSilent(silence)}
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}
	return l, nil
}

// newServer returns a server that gives up on callers who are slow to say what
// they want. It has no write timeout: a long poll is answered late by design.
func newServer(ctx context.Context, h http.Handler, log *slog.Logger) *http.Server {
	ctx = context.WithoutCancel(ctx) // requests outlive the signal to stop
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // broken callers, not failures of gim
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
}

// limitBodyTime gives a request's body a time to arrive in. A server-wide read
// timeout would end long polls as well, because the server keeps reading to see
// whether the caller is still there.
func limitBodyTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// Only writers that are not the server's own cannot; then nothing is lost.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readBodyTimeout)) //nolint:forbidigo // deadlines are in real time
		}
		next.ServeHTTP(w, r)
	})
}

// serve runs s on l until it is shut down.
func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// shutdown lets s finish what is under way until ctx ends, then cuts it off. It
// reports whether everything was finished.
func shutdown(ctx context.Context, s *http.Server) (finished bool) {
	if err := s.Shutdown(ctx); err != nil {
		_ = s.Close() // the process is about to end
		return false
	}
	return true
}

// onlyAt serves these paths, and nothing else.
func onlyAt(paths map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for path, h := range paths {
		mux.Handle("GET "+path, h)
	}
	return mux
}

package app

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/redisconn"
)

// NewLogger returns a logger that writes to w: text, coloured on a terminal, or
// JSON. The format auto is text when w is a terminal and JSON otherwise.
func NewLogger(w io.Writer, c config.Logging) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // an unknown level is refused before it comes here
	}
	f, isFile := w.(*os.File)
	terminal := isFile && isatty.IsTerminal(f.Fd())
	if c.LogFormat == "json" || (c.LogFormat != "text" && !terminal) {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal}))
}

// SetLibraryLogger sends what libraries would print by themselves to log. It
// holds for the whole process, so it is for the program to call, once and first.
func SetLibraryLogger(log *slog.Logger) { redisconn.SetLibraryLogger(log) }

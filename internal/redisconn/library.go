package redisconn

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// SetLibraryLogger sends to logger, at debug level, what the Redis library
// would print on standard error by itself. What matters of that comes back as
// errors. It holds for the whole process, so it is for the program to call, once.
func SetLibraryLogger(logger *slog.Logger) { redis.SetLogger(libraryLogger{logger}) }

type libraryLogger struct{ logger *slog.Logger }

// Printf implements the logger of the library.
func (l libraryLogger) Printf(ctx context.Context, format string, args ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "redis library", "text", fmt.Sprintf(format, args...))
	}
}

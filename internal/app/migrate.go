package app

import (
	"context"
	"log/slog"

	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/repo"
)

// Migration is one step of the database's schema.
type Migration struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// Migrate applies the migrations that the database lacks and returns all of
// them, in order. Its error is an [ErrStorage].
func Migrate(ctx context.Context, c config.Storage, log *slog.Logger) ([]Migration, error) {
	all, err := repo.Migrate(ctx, storeOptions(c, log))
	return migrationsOf(all), storageError("migrate", err)
}

// MigrationStatus returns all migrations and applies none. Its error is an
// [ErrStorage].
func MigrationStatus(ctx context.Context, c config.Storage, log *slog.Logger) ([]Migration, error) {
	all, err := repo.MigrationStatus(ctx, storeOptions(c, log))
	return migrationsOf(all), storageError("read the migrations", err)
}

func storeOptions(c config.Storage, log *slog.Logger) repo.Options {
	return repo.Options{MySQLDSN: c.MySQLDSN.Reveal(), DataDir: c.DataDir, Search: c.Searches(), Logger: log}
}

func migrationsOf(all []repo.Migration) []Migration {
	out := make([]Migration, len(all))
	for i, m := range all {
		out[i] = Migration{Version: m.Version, Name: m.Name, Applied: m.Applied}
	}
	return out
}

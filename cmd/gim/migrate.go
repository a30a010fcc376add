package main

import (
	"context"
	"fmt"

	"github.com/gim-im/gim/internal/app"
	"github.com/gim-im/gim/internal/config"
)

type migrateCmd struct {
	config.Storage `embed:"" group:"Storage:"`
	config.Logging `embed:"" group:"Logging:"`

	Status bool `name:"status" help:"Show which migrations are applied, and apply none."`
	JSON   bool `name:"json" help:"Print JSON."`
}

// Help is shown below the flags.
func (migrateCmd) Help() string {
	return `gim serve does this by itself when it starts. The embedded database can be
migrated only while no gim is running on it.

Examples:

    gim migrate --status
    GIM_MYSQL_DSN='gim:secret@tcp(db:3306)/gim' gim migrate`
}

// Run applies migrations, or shows them.
func (c *migrateCmd) Run(ctx context.Context, io streams) error {
	log := app.NewLogger(io.err, c.Logging)
	act := app.Migrate
	if c.Status {
		act = app.MigrationStatus
	}
	all, err := act(ctx, c.Storage, log)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, map[string]any{"items": all})
	}
	for _, m := range all {
		state := "missing"
		if m.Applied {
			state = "applied"
		}
		fmt.Fprintf(io.out, "%s  %s\n", state, m.Name)
	}
	return nil
}

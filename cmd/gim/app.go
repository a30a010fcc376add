package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/gim-im/gim/client"
)

type appCmd struct {
	Create appCreateCmd `cmd:"" help:"Create an app and its first key."`
	List   appListCmd   `cmd:"" help:"List the apps."`
	Show   appShowCmd   `cmd:"" help:"Show an app."`
	Delete appDeleteCmd `cmd:"" help:"Delete an app, and end every credential of it."`
}

// Help is shown below the commands.
func (appCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim app create shop --name "The shop"`
}

type appCreateCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the new app."`
	Name        string `name:"name" placeholder:"NAME" help:"What people call it."`
}

// Help is shown below the flags.
func (appCreateCmd) Help() string {
	return `The key is shown only here. Example:

    GIM_ADMIN_KEY=... gim app create shop --name "The shop"`
}

// Run creates the app.
func (c *appCreateCmd) Run(ctx context.Context, io streams) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	got, err := gim.CreateAppWithResponse(ctx, nil, client.CreateAppRequest{AppId: c.AppID, Name: &c.Name})
	if err := client.Check(got, err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, got.JSON201)
	}
	fmt.Fprintf(io.out, "app  %s\nkey  %s\n", got.JSON201.AppId, got.JSON201.Key.Secret)
	fmt.Fprintln(io.err, "The key is shown only now; gim keeps its hash.")
	return nil
}

type appListCmd struct {
	adminRemote `embed:""`
}

// Help is shown below the flags.
func (appListCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim app list --json`
}

// Run lists the apps.
func (c *appListCmd) Run(ctx context.Context, io streams) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	apps, err := collect(func(cursor *string) ([]client.App, *string, error) {
		got, err := gim.ListAppsWithResponse(ctx, &client.ListAppsParams{Cursor: cursor})
		if err := client.Check(got, err); err != nil {
			return nil, nil, err
		}
		return got.JSON200.Items, got.JSON200.NextCursor, nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, map[string]any{"items": apps})
	}
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APP\tNAME\tCREATED")
	for _, a := range apps {
		fmt.Fprintf(table, "%s\t%s\t%s\n", a.AppId, a.Name, a.CreatedAt.Format(day))
	}
	return table.Flush()
}

type appShowCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the app."`
}

// Help is shown below the flags.
func (appShowCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim app show shop`
}

// Run shows the app with its settings.
func (c *appShowCmd) Run(ctx context.Context, io streams) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	got, err := gim.GetAppWithResponse(ctx, c.AppID)
	if err := client.Check(got, err); err != nil {
		return err
	}
	return printJSON(io.out, got.JSON200)
}

type appDeleteCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the app."`
}

// Help is shown below the flags.
func (appDeleteCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim app delete shop`
}

// Run deletes the app.
func (c *appDeleteCmd) Run(ctx context.Context) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	got, err := gim.DeleteAppWithResponse(ctx, c.AppID)
	return client.Check(got, err)
}

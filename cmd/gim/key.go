package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/gim-im/gim/client"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Create one more key for an app."`
	List   keyListCmd   `cmd:"" help:"List the keys of an app, without their secrets."`
	Revoke keyRevokeCmd `cmd:"" help:"Revoke a key of an app; it stops within seconds."`
}

// Help is shown below the commands.
func (keyCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim key create shop --name ci`
}

type keyCreateCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the app."`
	Name        string `name:"name" placeholder:"NAME" help:"What the key is for."`
}

// Help is shown below the flags.
func (keyCreateCmd) Help() string {
	return `The key is shown only here. Example:

    GIM_ADMIN_KEY=... gim key create shop --name ci`
}

// Run creates the key.
func (c *keyCreateCmd) Run(ctx context.Context, io streams) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	got, err := gim.CreateAppKeyWithResponse(ctx, c.AppID, nil, client.CreateAppKeyRequest{Name: &c.Name})
	if err := client.Check(got, err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, got.JSON201)
	}
	fmt.Fprintln(io.out, got.JSON201.Secret)
	fmt.Fprintln(io.err, "The key is shown only now; gim keeps its hash.")
	return nil
}

type keyListCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the app."`
}

// Help is shown below the flags.
func (keyListCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim key list shop`
}

// Run lists the keys.
func (c *keyListCmd) Run(ctx context.Context, io streams) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	keys, err := collect(func(cursor *string) ([]client.AppKey, *string, error) {
		got, err := gim.ListAppKeysWithResponse(ctx, c.AppID, &client.ListAppKeysParams{Cursor: cursor})
		if err := client.Check(got, err); err != nil {
			return nil, nil, err
		}
		return got.JSON200.Items, got.JSON200.NextCursor, nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, map[string]any{"items": keys})
	}
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tNAME\tCREATED")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\n", k.KeyId, k.Name, k.CreatedAt.Format(day))
	}
	return table.Flush()
}

type keyRevokeCmd struct {
	adminRemote `embed:""`
	AppID       string `arg:"" name:"app-id" help:"Id of the app."`
	KeyID       string `arg:"" name:"key-id" help:"Id of the key, as gim key list shows it."`
}

// Help is shown below the flags.
func (keyRevokeCmd) Help() string {
	return `Example:

    GIM_ADMIN_KEY=... gim key revoke shop abcdefgh23456722`
}

// Run revokes the key.
func (c *keyRevokeCmd) Run(ctx context.Context) error {
	gim, err := c.dial()
	if err != nil {
		return err
	}
	got, err := gim.RevokeAppKeyWithResponse(ctx, c.AppID, c.KeyID)
	return client.Check(got, err)
}

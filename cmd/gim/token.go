package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
	"github.com/gim-im/gim/internal/config"
)

type tokenCmd struct {
	Mint    tokenMintCmd    `cmd:"" default:"withargs" help:"Make a token for a user."`
	Inspect tokenInspectCmd `cmd:"" help:"Show what a token says, without verifying it."`
}

// Help is shown below the commands.
func (tokenCmd) Help() string {
	return `Example:

    GIM_APP_KEY=gim_... gim token --user alice`
}

type tokenMintCmd struct {
	remote `embed:""`
	AppKey config.Secret `name:"app-key" placeholder:"KEY" help:"Key of the app that the user belongs to; better in the environment, where other users cannot see it."`

	User       string        `name:"user" required:"" placeholder:"ID" help:"The user whom the token speaks for."`
	DeviceID   string        `name:"device-id" placeholder:"ID" help:"Bind the token to this registered device."`
	DeviceType string        `name:"device-type" placeholder:"TYPE" help:"Register a new device of this type, such as web or ios, and bind the token to it."`
	TTL        time.Duration `name:"ttl" default:"24h" placeholder:"TIME" help:"How long the token is good, up to 720h."`

	KeyFile string `name:"key-file" placeholder:"FILE" help:"Make the token offline with this private key (PEM or JWK) whose public half the app registered."`
	KID     string `name:"kid" placeholder:"ID" help:"Id under which the public half is registered; needed with a PEM file."`
	App     string `name:"app" placeholder:"ID" help:"The app; needed with --key-file."`
}

// Help is shown below the flags.
func (tokenMintCmd) Help() string {
	return `Examples:

    GIM_APP_KEY=gim_... gim token --user alice
    gim token --user alice --app shop --key-file shop.pem --kid k1`
}

// Run makes the token, offline or by asking a running gim.
func (c *tokenMintCmd) Run(ctx context.Context, io streams) error {
	if c.DeviceID != "" && c.DeviceType != "" {
		return fmt.Errorf("--device-id and --device-type exclude each other")
	}
	if c.KeyFile != "" {
		return c.offline(io)
	}
	if c.AppKey == "" {
		return fmt.Errorf("this needs an app key (set GIM_APP_KEY) or, offline, --key-file")
	}
	gim, err := c.dial(c.AppKey)
	if err != nil {
		return err
	}
	ttl := int(c.TTL / time.Second)
	body := client.CreateTokenRequest{TtlSeconds: &ttl}
	if c.DeviceID != "" {
		body.DeviceId = &c.DeviceID
	}
	if c.DeviceType != "" {
		body.Device = &client.RegisterDeviceRequest{Type: client.DeviceType(c.DeviceType)}
	}
	got, err := gim.CreateTokenWithResponse(ctx, c.User, nil, body)
	if err := client.Check(got, err); err != nil {
		return err
	}
	return c.print(io, *got.JSON201)
}

// offline makes the token as a business does, without asking gim.
func (c *tokenMintCmd) offline(io streams) error {
	if c.DeviceType != "" {
		return fmt.Errorf("--device-type registers a device, which cannot be done offline; use --device-id")
	}
	file, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return err
	}
	key, err := auth.ParsePrivateKey(file)
	if err != nil {
		return fmt.Errorf("%s: %w", c.KeyFile, err)
	}
	got, err := auth.MintOffline(key, auth.OfflineToken{
		App: domain.AppID(c.App), KID: c.KID, User: domain.UserID(c.User), Device: domain.DeviceID(c.DeviceID),
		TTL: c.TTL, ID: auth.IDs{}.NewID(), Now: domain.SystemClock{}.Now(),
	})
	if err != nil {
		return err
	}
	token := client.Token{Token: got.Token, TokenId: got.ID, ExpiresAt: got.ExpiresAt}
	if c.DeviceID != "" {
		token.DeviceId = &c.DeviceID
	}
	return c.print(io, token)
}

func (c *tokenMintCmd) print(io streams, token client.Token) error {
	if c.JSON {
		return printJSON(io.out, token)
	}
	_, err := fmt.Fprintln(io.out, token.Token)
	return err
}

type tokenInspectCmd struct {
	Token string `arg:"" name:"token" default:"-" help:"The token, or - to read it from stdin."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Help is shown below the flags.
func (tokenInspectCmd) Help() string {
	return `Nothing is verified: this shows what the token says, not whether it is good.

Example:

    gim token --user alice | gim token inspect`
}

// Run shows the token.
func (c *tokenInspectCmd) Run(io streams) error {
	text := c.Token
	if text == "-" {
		raw, err := readAll(io.in, auth.MaxToken+2) // with its line end
		if err != nil {
			return err
		}
		text = strings.TrimSpace(raw)
	}
	got, err := auth.Inspect(text)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, map[string]json.RawMessage{"header": got.Header, "claims": got.Claims})
	}
	fmt.Fprintf(io.out, "header  %s\nclaims  %s\n", got.Header, got.Claims)
	var times struct {
		Exp float64 `json:"exp"`
	}
	if err := json.Unmarshal(got.Claims, &times); err == nil && times.Exp > 0 {
		fmt.Fprintf(io.out, "until   %s\n", time.UnixMilli(int64(times.Exp*1000)).UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(io.err, "Nothing of this was verified.")
	return nil
}

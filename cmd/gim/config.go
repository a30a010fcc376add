package main

import (
	"fmt"

	"github.com/gim-im/gim/internal/config"
)

type configCmd struct {
	config.Config `embed:""`

	Check bool `name:"check" help:"Print nothing but what is wrong."`
}

// Help is shown below the flags.
func (configCmd) Help() string {
	return `The output is a file for --config. Secrets are never printed.

Examples:

    gim config > gim.yaml
    gim config --config gim.yaml --check`
}

// Run prints or checks the settings that gim serve would have.
func (c *configCmd) Run(io streams) error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	if c.Check {
		fmt.Fprintln(io.err, "gim: the settings are good")
		return nil
	}
	return config.WriteYAML(io.out, c.Config)
}

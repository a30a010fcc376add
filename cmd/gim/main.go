// Command gim is the whole program: the server, and the commands of the people
// who run it. `gim --help` lists them; without a command it is `gim serve`.
//
// It exits with 0 when all is done or drained, 1 when something was not as it
// should be (a setting, an argument, a refusal by the server), and 2 when the
// storage cannot be used.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{
		environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr,
	}))
}

// streams are what a command reads and writes besides its arguments.
type streams struct {
	environ  []string
	in       io.Reader
	out, err io.Writer
}

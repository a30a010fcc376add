package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/config"
)

// remoteTimeout bounds one call: a command waits for a person's answer at most
// as long as a person would.
const remoteTimeout = 30 * time.Second

// remote is a running gim.
type remote struct {
	URL  string `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of the running gim."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// adminRemote is a running gim, with the operator's key to it.
type adminRemote struct {
	remote   `embed:""`
	AdminKey config.Secret `name:"admin-key" placeholder:"KEY" help:"The operator's key; better in the environment, where other users cannot see it."`
}

func (r adminRemote) dial() (*client.ClientWithResponses, error) {
	if r.AdminKey == "" {
		return nil, fmt.Errorf("this needs the admin key: set GIM_ADMIN_KEY")
	}
	return r.remote.dial(r.AdminKey)
}

func (r remote) dial(credential config.Secret) (*client.ClientWithResponses, error) {
	return client.NewREST(r.URL, credential.Reveal(), client.WithHTTPClient(&http.Client{Timeout: remoteTimeout}))
}

// printJSON writes v as one indented document.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// collect reads every page of a list.
func collect[T any](page func(cursor *string) ([]T, *string, error)) ([]T, error) {
	all := []T{}
	var cursor *string
	for {
		items, next, err := page(cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == nil || *next == "" {
			return all, nil
		}
		cursor = next
	}
}

// day is how lists show times.
const day = "2006-01-02 15:04"

// readAll reads at most limit bytes.
func readAll(r io.Reader, limit int64) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit))
	return string(raw), err
}

package bus_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/wire"
)

func TestNewRedis_RefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	handle, logger := func(*wire.Event) {}, slog.New(slog.DiscardHandler)
	for name, o := range map[string]bus.Options{
		"no handler":        {URL: "redis://h", Logger: logger},
		"no logger":         {URL: "redis://h", Handler: handle},
		"prefix with brace": {URL: "redis://h", Handler: handle, Logger: logger, Prefix: "a{b"},
		"no URL":            {Handler: handle, Logger: logger},
		"bad database":      {URL: "redis://:hunter2@h/x", Handler: handle, Logger: logger},
	} {
		_, err := bus.NewRedis(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

package e2e

import (
	"os"
	"testing"

	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(withShared{m})) }

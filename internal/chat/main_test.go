package chat_test

import (
	"os"
	"testing"

	"github.com/gim-im/gim/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

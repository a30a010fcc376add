package repo_test

import (
	"os"
	"testing"

	"github.com/gim-im/gim/internal/testserver"
	"go.uber.org/goleak"
)

// TestMain runs the tests, or, in a process that a crash test started, the
// program that is going to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(envAppender); dir != "" {
		os.Exit(appendUntilKilled(dir))
	}
	goleak.VerifyTestMain(testserver.Closing(m))
}

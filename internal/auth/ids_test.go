package auth_test

import (
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

func TestIDs_AreValidDifferentAndAscending(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		id := auth.IDs{}.NewID()
		if err := domain.ValidateID("id", id); err != nil {
			t.Fatal(err)
		}
		if id <= last {
			t.Fatalf("%q does not come after %q", id, last)
		}
		last = id
	}
}

//go:build unix

package bench

import (
	"strings"
	"testing"
)

func TestEnoughFiles_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if err := enoughFiles(1000+sparedFiles, 1000); err != nil {
		t.Error(err)
	}
	err := enoughFiles(1024, 5000)
	if err == nil || !strings.Contains(err.Error(), "ulimit -n 5200") || !strings.Contains(err.Error(), "1024") {
		t.Errorf("the error is %v", err)
	}
	if err := checkFiles(1); err != nil {
		t.Errorf("one connection is too many: %v", err)
	}
}

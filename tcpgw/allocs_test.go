package tcpgw

import (
	"testing"
	"time"

	"github.com/gim-im/gim/internal/allocs"
)

func TestAllocations(t *testing.T) { //nolint:paralleltest // others would be counted
	c, _ := connect(t, nil, nil)
	frames := [][]byte{[]byte("answer")}
	allocs.Check(t, map[string]func(){
		"write a frame": func() { // the network holds what is written
			if err := c.WriteFrames(frames, time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		},
	})
}

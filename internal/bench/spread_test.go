package bench_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestSingle_SpreadsItsLoadOverSeveralNodes(t *testing.T) {
	t.Parallel()
	a, b := gimtest.StartPair(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.RateLimitSends = 0 }})
	app := a.NewApp(t, "shop")
	for _, way := range []bench.Options{{Via: bench.REST}, {Via: bench.WebSocket}, {Via: bench.TCP}} {
		before := [2]string{stored(t, a), stored(t, b)}
		results, err := bench.Single(t.Context(), bench.Options{
			URL: a.URL + "/," + b.URL, TCPAddr: a.TCPAddr + ",tcp://" + b.TCPAddr, AppKey: app.Key, Via: way.Via,
			Duration: 200 * time.Millisecond, WarmUp: 20 * time.Millisecond,
		}, []int{8})
		good(t, 1, results, err)
		for i, g := range []*gimtest.Gim{a, b} {
			if stored(t, g) == before[i] {
				t.Errorf("%s: node %d has stored nothing", way.Via, i)
			}
		}
	}
}

// stored is the line of the metrics that counts stored messages.
func stored(t *testing.T, g *gimtest.Gim) string {
	t.Helper()
	r, err := http.Get(g.AdminURL + "/metrics") //nolint:noctx // ends with the test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "gim_messages_total ") {
			return line
		}
	}
	t.Fatal("the metrics do not count stored messages")
	return ""
}

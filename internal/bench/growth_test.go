package bench_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/internal/bench"
	"github.com/gim-im/gim/internal/fill"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/internal/population"
)

var filledWith = population.Plan{Users: 250, Groups: 120, Messages: 2_000}

// filled starts a gim on a store that has been filled.
func filled(t *testing.T, plan population.Plan) (bench.Options, string) {
	t.Helper()
	first := gimtest.Start(t, gimtest.Options{})
	app := first.NewApp(t, "growth")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	dir := first.Config.DataDir
	if _, err := fill.Run(t.Context(), fill.Options{DataDir: dir, App: "growth", Plan: plan, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	g := gimtest.Start(t, gimtest.Options{Configure: func(c *gimtest.Config) { c.DataDir, c.RateLimitSends = dir, 0 }})
	return bench.Options{URL: g.URL, AppKey: app.Key, Via: bench.REST, Duration: 50 * time.Millisecond, WarmUp: 5 * time.Millisecond}, dir
}

func TestGrowth_MeasuresEachOperation(t *testing.T) {
	t.Parallel()
	o, dir := filled(t, filledWith)
	o.Duration = 200 * time.Millisecond
	results, err := bench.Growth(t.Context(), o, bench.GrowthOptions{Label: "SQLite", StoreFiles: dir})
	good(t, len(bench.Operations()), results, err)
	for i, r := range results {
		want := bench.GrowthResult{
			Label: "SQLite", Operation: bench.Operations()[i], Stored: 2_000, Users: 250, Groups: 120, Large: 250, StoreBytes: r.Growth.StoreBytes,
		}
		if *r.Growth != want || r.Growth.StoreBytes < 2_000*100 || r.Latency == nil {
			t.Errorf("%+v with %d bytes, want %+v", *r.Growth, r.Growth.StoreBytes, want)
		}
	}
	some, err := bench.Growth(t.Context(), o, bench.GrowthOptions{Operations: []string{"send to a user"}})
	good(t, 1, some, err)
}

// lossy stands between and changes answers of one path.
func lossy(t *testing.T, target, path string, change func(answer map[string]any)) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Header.Del("Accept-Encoding") },
		ModifyResponse: func(resp *http.Response) error {
			if !strings.Contains(resp.Request.URL.Path, path) {
				return nil
			}
			var answer map[string]any
			err := json.NewDecoder(resp.Body).Decode(&answer)
			change(answer)
			changed, encodeErr := json.Marshal(answer)
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
			resp.Header.Set("Content-Length", fmt.Sprint(len(changed)))
			return errors.Join(err, encodeErr)
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

func TestGrowth_SeesWhatIsMissing(t *testing.T) {
	t.Parallel()
	o, _ := filled(t, filledWith)
	without := func(at int) func(map[string]any) {
		return func(answer map[string]any) {
			if items, ok := answer["items"].([]any); ok && len(items) > 1 {
				answer["items"] = slices.Delete(items, at, at+1)
			}
		}
	}
	renumbered := func(answer map[string]any) {
		for i, item := range answer["items"].([]any) {
			item := item.(map[string]any)
			for _, name := range []string{"seq", "conversation_seq"} {
				if n, ok := item[name].(float64); ok && i > 0 {
					item[name] = n + 1
				}
			}
		}
	}
	for _, c := range []struct {
		operation, path string
		change          func(map[string]any)
		want            string
	}{
		{"sync page", "/v1/sync", without(3), "entries, want"},
		{"sync page of the longest log", "/v1/sync", renumbered, "instead of"},
		{"history page", "/messages", without(0), "has 19 messages, want 20"},
		{"history page", "/messages", renumbered, "gap"},
		{"group list of a user in 2,000 groups", "/v1/groups", without(0), "want 122"},
		{"member page of the large group", "/members", without(0), "want 250"},
		{"send to a user", "/v1/messages", func(answer map[string]any) { answer["conversation_seq"] = 0 }, "place 0"},
	} {
		t.Run(c.operation+" "+c.want, func(t *testing.T) {
			o := o
			o.URL = lossy(t, o.URL, c.path, c.change)
			results, err := bench.Growth(t.Context(), o, bench.GrowthOptions{Operations: []string{c.operation}})
			if err != nil || len(results) != 1 || results[0].OK() || !strings.Contains(results[0].Complaint(), c.want) {
				t.Errorf("%+v, %v, want a complaint with %q", results, err, c.want)
			}
		})
	}
}

func TestGrowth_SaysWhatItLacks(t *testing.T) {
	t.Parallel()
	g := gimtest.Start(t, gimtest.Options{})
	o := bench.Options{URL: g.URL, AppKey: g.NewApp(t, "growth").Key, Via: bench.REST}
	for want, options := range map[string]bench.GrowthOptions{
		"gim bench fill": {},
		"sync page":      {Operations: []string{"fly"}},
		"no such":        {StoreFiles: t.TempDir() + "/nowhere"},
	} {
		if got, err := bench.Growth(t.Context(), o, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v, want an error with %q", got, err, want)
		}
	}
	few, _ := filled(t, population.Plan{Users: 200, Groups: 10, Messages: 5})
	if got, err := bench.Growth(t.Context(), few, bench.GrowthOptions{}); err == nil || !strings.Contains(err.Error(), "5 messages are too few") {
		t.Errorf("%+v, %v, want an error that says that there are too few messages", got, err)
	}
}

// grown are results of a store whose sends get dearer.
func grown() (results []bench.Result) {
	for i, stored := range []int64{10_000, 20_000, 40_000} {
		for _, op := range []string{"send", "sync"} {
			cost := 1.0
			if op == "send" {
				cost = float64(int(1) << i)
			}
			results = append(results, bench.Result{
				Workload: "growth", Messages: 5, Latency: &bench.Latency{P50: 2 * cost, P99: 3 * cost}, CPUPer1000: cost,
				Growth: &bench.GrowthResult{Label: "SQLite", Operation: op, Stored: stored, Users: 100, StoreBytes: 500 * stored},
			})
		}
	}
	return results
}

func TestPrintGrowth_ShowsWhatADoublingAdds(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := bench.PrintGrowth(&out, grown()); err != nil {
		t.Fatal(err)
	}
	want := `| SQLite, by messages stored | 10,000 | 20,000 | 40,000 | a doubling adds |
|---|---|---|---|---|
| send | 2.00 / 3.00 / 1.00 | 4.00 / 6.00 / 2.00 | 8.00 / 12.00 / 4.00 | +100.0 % / +100.0 % |
| sync | 2.00 / 3.00 / 1.00 | 2.00 / 3.00 / 1.00 | 2.00 / 3.00 / 1.00 | +0.0 % / +0.0 % |
| bytes a message | 500 | 500 | 500 | |
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	byUsers := grown()
	for i := range byUsers {
		byUsers[i].Growth.Users = int(byUsers[i].Growth.Stored / 100)
	}
	out.Reset()
	if err := bench.PrintGrowth(&out, byUsers); err != nil || !strings.Contains(out.String(), "by users | 100 | 200 | 400 |") {
		t.Errorf("%v in:\n%s", err, out.String())
	}
}

func TestDrawGrowth_HasARowForEachStoreAndALineForEachOperation(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := bench.DrawGrowth(&out, grown(), grown()); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(out.String()), &struct{}{}); err != nil {
		t.Errorf("it is no XML: %v", err)
	}
	for want, times := range map[string]int{
		"<polyline": 2*2*3 + 3, "SQLite: CPU": 2, ">send: 4 at 40000<": 4, ">sync: 1 at 40000<": 4, ">a tenth more with each doubling<": 1,
	} {
		if got := strings.Count(out.String(), want); got != times {
			t.Errorf("%q is in it %d times, want %d", want, got, times)
		}
	}
}

func TestDrawGrowth_RefusesWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	for want, results := range map[string][]bench.Result{
		"single": {{Workload: "single"}}, "1 sizes": grown()[:2], "0 sizes": nil,
	} {
		if err := errors.Join(bench.DrawGrowth(io.Discard, results), bench.PrintGrowth(io.Discard, results)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

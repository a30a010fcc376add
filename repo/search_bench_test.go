package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
)

// BenchmarkSearch searches GIM_TEST_SEARCH_MESSAGES messages, 20,000 unless given, of
// 2,000 users in English and Chinese. The user who searches is in 300 chats, 50 groups
// and a large group that has a twentieth of all messages. What the index takes, in
// time and in bytes, is told first.
func BenchmarkSearch(b *testing.B) {
	n := 20_000
	if text := os.Getenv("GIM_TEST_SEARCH_MESSAGES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"SQLite", "MariaDB"} {
		b.Run(name, func(b *testing.B) {
			o := Options{Publisher: silent{}, Logger: slog.New(slog.DiscardHandler)}
			if name == "MariaDB" {
				o.MySQLDSN = testserver.MariaDB(b)
			} else {
				o.DataDir = b.TempDir()
			}
			s, err := Open(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // measured already
			f := &searchBench{B: b, Store: s, words: zipf(50_000), signs: zipf(3_000)}
			f.fill(n)
			f.index(n)
			f.queries()
		})
	}
}

type searchBench struct {
	*testing.B
	*Store
	app          domain.AppNum
	users        []domain.UserRef
	words, signs func() int
}

// zipf draws from n things of which the first are the most common.
func zipf(n uint64) func() int {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, n)), 1.1, 10, n-1) //nolint:gosec // repeatable
	return func() int { return int(z.Uint64()) }                 //nolint:gosec // below n
}

func word(n int) string { return "w" + strconv.FormatInt(int64(n)*7919%50_000, 36) }
func sign(n int) string { return string(rune(0x4e00 + n)) }

func (f *searchBench) text() string {
	var text strings.Builder
	if rand.IntN(2) == 0 { //nolint:gosec // no secret
		for range 8 {
			text.WriteString(word(f.words()) + " ")
		}
	} else {
		for range 12 {
			text.WriteString(sign(f.signs()))
		}
	}
	return text.String()
}

func (f *searchBench) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *searchBench) fill(n int) {
	f.Helper()
	ctx := context.Background()
	a, err := f.CreateApp(ctx, domain.App{ID: "app", Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: "k"}, []byte("h"))
	f.check(err)
	f.app = a.Num
	var people []domain.User
	var ids []domain.UserID
	for i := range 2_000 {
		ids = append(ids, domain.UserID(fmt.Sprint("u", i)))
		people = append(people, domain.User{ID: ids[i], Extra: json.RawMessage("{}")})
	}
	for part := range slices.Chunk(people, 500) {
		made, _, err := f.UpsertUsers(ctx, f.app, part)
		f.check(err)
		for _, u := range made {
			f.users = append(f.users, u.Ref())
		}
	}
	group := func(id string, kind domain.GroupType, members []domain.UserID) {
		_, err := f.CreateGroup(ctx, f.app, domain.Group{
			ID: domain.GroupID(id), Type: kind, Owner: members[0], Extra: json.RawMessage("{}"), Settings: domain.GroupSettings{History: domain.HistoryAll},
		}, members)
		f.check(err)
	}
	group("large", domain.GroupLarge, ids[:500])
	const groups = 500
	for i := range groups {
		members := []domain.UserID{ids[i*3%2000], ids[(i*7+1)%2000], ids[(i*11+2)%2000], ids[(i*13+3)%2000]}
		if i < 50 {
			members[0] = ids[0]
		}
		slices.Sort(members)
		group(fmt.Sprint("g", i), domain.GroupNormal, slices.Compact(members))
	}
	all := make([]domain.Outgoing, 0, 1000)
	for i := range n {
		from, to := f.users[rand.IntN(2000)], domain.Target{} //nolint:gosec // no secret
		switch kind := rand.IntN(100); {                      //nolint:gosec // no secret
		case kind < 5:
			to.Group = "large"
		case kind < 25:
			to.Group = domain.GroupID(fmt.Sprint("g", rand.IntN(groups))) //nolint:gosec // no secret
		case kind < 27:
			from, to.User = f.users[0], ids[1+rand.IntN(300)] //nolint:gosec // no secret
		default:
			to.User = ids[(slices.Index(ids, from.ID)+1+rand.IntN(20))%2000] //nolint:gosec // no secret
		}
		content, _ := json.Marshal(map[string]string{"text": f.text()}) // a string cannot fail
		out := domain.Outgoing{App: f.app, Message: domain.Message{
			Sender: domain.Sender{Type: domain.SenderBusiness}, To: to, Type: domain.ContentText, Content: content, SentAt: time.UnixMilli(int64(1 + i)),
		}}
		if to.User != "" {
			out.User, out.Message.Sender = from.Num, domain.Sender{Type: domain.SenderUser, User: from.ID}
		}
		if all = append(all, out); len(all) == cap(all) || i == n-1 {
			f.check(f.AppendAll(ctx, all))
			all = all[:0]
		}
	}
}

func (f *searchBench) index(n int) {
	f.Helper()
	before, start := f.size(), time.Now()
	f.check(f.Index(context.Background()))
	took := time.Since(start)
	var rows int
	f.check(f.write.Get(&rows, `SELECT COUNT(*) FROM search_terms`))
	after := f.size()
	f.Logf("%d messages: indexing took %s, %.0f/s; %.1f terms and %d bytes a message, beside %d", n, took.Round(time.Millisecond),
		float64(n)/took.Seconds(), float64(rows)/float64(n), (after-before)/n, before/n)
}

// size is how many bytes the store takes.
func (f *searchBench) size() (n int) {
	f.Helper()
	if f.dialect.name == sqliteDialect.name {
		f.check(f.write.Get(&n, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`))
		return n
	}
	_, err := f.write.Exec(`ANALYZE TABLE messages, user_log, search_terms`)
	f.check(err)
	f.check(f.write.Get(&n, `SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()`))
	return n
}

func (f *searchBench) queries() {
	large := &domain.Target{Group: "large"}
	for _, q := range []struct {
		name  string
		in    *domain.Target
		query func() string
	}{
		{"a word", nil, func() string { return word(20 + rand.IntN(2000)) }},                                                  //nolint:gosec // no secret
		{"a common word", nil, func() string { return word(rand.IntN(3)) }},                                                   //nolint:gosec // no secret
		{"a word that nobody wrote", nil, func() string { return "nobody" + strconv.Itoa(rand.IntN(1000)) }},                  //nolint:gosec // no secret
		{"two words", nil, func() string { return word(rand.IntN(50)) + " " + word(50+rand.IntN(500)) }},                      //nolint:gosec // no secret
		{"two characters", nil, func() string { return sign(rand.IntN(100)) + sign(rand.IntN(100)) }},                         //nolint:gosec // no secret
		{"one character", nil, func() string { return sign(rand.IntN(300)) }},                                                 //nolint:gosec // no secret
		{"a common word in the large group", large, func() string { return word(rand.IntN(3)) }},                              //nolint:gosec // no secret
		{"two words in the large group", large, func() string { return word(rand.IntN(50)) + " " + word(50+rand.IntN(500)) }}, //nolint:gosec // no secret
		{"one common character in the large group", large, func() string { return sign(0) }},
	} {
		f.B.Run(q.name, func(b *testing.B) {
			var times []time.Duration
			items := 0
			for b.Loop() {
				start := time.Now()
				page, err := f.Search(context.Background(), f.app, f.users[0], domain.Search{Query: q.query(), Target: q.in}, domain.Page{Limit: 20})
				times = append(times, time.Since(start))
				if items += len(page.Items); err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(times[len(times)*99/100].Seconds()*1000, "p99-ms")
			b.ReportMetric(float64(items)/float64(len(times)), "found")
		})
	}
}

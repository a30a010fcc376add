package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/jmoiron/sqlx"
)

// growing is a store that gets larger, and what is done with it.
type growing struct {
	*Store
	t     testing.TB
	app   domain.AppNum
	users []domain.UserRef
	loner domain.UserRef // writes to nobody, so that its memberships stay as they are
	sent  int
}

func newGrowing(t testing.TB, o Options) *growing {
	t.Helper()
	o.Publisher, o.Logger = silent{}, slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) }) // ends with the test
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a, err := s.CreateApp(t.Context(), domain.App{ID: "app", Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: "k"}, []byte("h"))
	if err != nil {
		t.Fatal(err)
	}
	g := &growing{Store: s, t: t, app: a.Num}
	g.more(20)
	g.group("team", domain.GroupNormal, g.users[:10])
	loner, _, err := s.UpsertUsers(t.Context(), g.app, []domain.User{{ID: "loner", Extra: json.RawMessage("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	g.loner = loner[0].Ref()
	g.group("crowd", domain.GroupLarge, append(slices.Clone(g.users), g.loner))
	g.write(100)
	return g
}

// more adds users.
func (g *growing) more(users int) {
	g.t.Helper()
	some := make([]domain.User, users)
	for i := range some {
		some[i] = domain.User{ID: domain.UserID(fmt.Sprintf("u%05d", len(g.users)+i)), Extra: json.RawMessage("{}")}
	}
	made, _, err := g.UpsertUsers(g.t.Context(), g.app, some)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, u := range made {
		g.users = append(g.users, u.Ref())
	}
}

func (g *growing) group(id string, kind domain.GroupType, members []domain.UserRef) {
	g.t.Helper()
	ids := make([]domain.UserID, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	_, err := g.CreateGroup(g.t.Context(), g.app, domain.Group{
		ID: domain.GroupID(id), Type: kind, Owner: ids[0], Extra: json.RawMessage("{}"),
		Settings: domain.GroupSettings{Join: domain.JoinInvite, InviteBy: domain.InviteByAdmins, MentionAllBy: domain.MentionAllByAdmins, History: domain.HistoryAll},
	}, ids)
	if err != nil {
		g.t.Fatal(err)
	}
}

// out is a message of the first user.
func (g *growing) out(from domain.UserRef, to domain.Target) domain.Outgoing {
	g.sent++
	id := fmt.Sprint("m", g.sent)
	return domain.Outgoing{App: g.app, User: from.Num, Digest: []byte(id), Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: from.ID}, To: to, Type: domain.ContentText,
		Content: json.RawMessage(`{"text":"x"}`), ClientMsgID: id, SentAt: time.UnixMilli(1),
	}}
}

// write adds messages of and to everybody, in chats and groups.
func (g *growing) write(messages int) {
	g.t.Helper()
	all := make([]domain.Outgoing, messages)
	for i := range all {
		from := g.users[i%len(g.users)]
		switch i % 20 {
		case 0:
			all[i] = g.out(g.users[i/20%10], domain.Target{Group: "team"})
		case 1:
			all[i] = g.out(g.users[i/20%10], domain.Target{Group: "crowd"})
		default:
			all[i] = g.out(from, domain.Target{User: g.users[(i*7+1)%len(g.users)].ID})
		}
	}
	if err := g.AppendAll(g.t.Context(), all); err != nil {
		g.t.Fatal(err)
	}
}

// uses are what clients do that must not cost more in a larger store.
func (g *growing) uses() map[string]func(context.Context) error {
	alice, bob := g.users[0], g.users[1]
	heads, err := g.Heads(g.t.Context(), g.app, []domain.UserNum{alice.Num})
	if err != nil {
		g.t.Fatal(err)
	}
	send := func(to domain.Target) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := g.Append(ctx, g.out(alice, to))
			return err
		}
	}
	page := func(messages int, err error) error {
		if err == nil && messages != 5 {
			err = fmt.Errorf("a page has %d messages, want 5", messages)
		}
		return err
	}
	search := func(user domain.UserRef, query string, in *domain.Target, want int) func(context.Context) error {
		return func(ctx context.Context) error {
			p, err := g.Search(ctx, g.app, user, domain.Search{Query: query, Target: in}, domain.Page{Limit: 5})
			if err == nil && len(p.Items) != want {
				err = fmt.Errorf("a search has %d messages, want %d", len(p.Items), want)
			}
			return err
		}
	}
	crowd, team := domain.Target{Group: "crowd"}, domain.Target{Group: "team"}
	first, err := g.History(g.t.Context(), g.app, alice, team, domain.HistoryRange{After: new(int64(0)), Limit: 1})
	if err != nil || len(first.Messages) != 1 {
		g.t.Fatal(first, err)
	}
	said := first.Messages[0]
	listed := func(list domain.ConversationList, err error) error {
		if err == nil && (len(list.Items) != 1 || list.Items[0].LastMessage == nil) {
			err = fmt.Errorf("a list of conversations is %+v, want one with a message", list.Items)
		}
		return err
	}
	history := func(to domain.Target) func(context.Context) error {
		return func(ctx context.Context) error {
			before := int64(6)
			p, err := g.History(ctx, g.app, alice, to, domain.HistoryRange{Before: &before, Limit: 5})
			return page(len(p.Messages), err)
		}
	}
	return map[string]func(context.Context) error{
		"send to a user":           send(domain.Target{User: bob.ID}),
		"send to a group":          send(domain.Target{Group: "team"}),
		"send to a large group":    send(domain.Target{Group: "crowd"}),
		"search in all":            search(g.loner, "absent", nil, 0),
		"search for a character":   search(g.loner, "稀", nil, 1),
		"search in a large group":  search(alice, "rare", &crowd, 1),
		"history of a group":       history(domain.Target{Group: "team"}),
		"history of a large group": history(domain.Target{Group: "crowd"}),
		"sync, and its large group": func(ctx context.Context) error {
			p, err := g.ReadLog(ctx, g.app, alice.Num, heads[alice.Num]-5, 5)
			groups, groupsErr := g.LargeGroups(ctx, g.app, alice.Num, "")
			if len(groups) != 1 {
				groupsErr = errors.Join(groupsErr, fmt.Errorf("%d large groups, want 1", len(groups)))
			}
			return errors.Join(page(len(p.Entries), err), groupsErr)
		},
		"members of a large group": func(ctx context.Context) error {
			p, err := g.Members(ctx, g.app, g.number(ctx, "crowd"), domain.Page{Limit: 5})
			return page(len(p.Items), err)
		},
		"conversations of a user": func(ctx context.Context) error {
			return listed(g.Conversations(ctx, g.app, g.loner.Num, domain.Page{Limit: 5}))
		},
		"what changed of them": func(ctx context.Context) error {
			list, _, err := g.ChangedConversations(ctx, g.app, g.loner.Num, domain.ChangesCursor{}, 5)
			return listed(list, err)
		},
		"conversation of a group": func(ctx context.Context) error {
			c, err := g.Conversation(ctx, g.app, alice.Num, team)
			if len(c.Members) != 10 {
				err = errors.Join(err, fmt.Errorf("%d members, want 10", len(c.Members)))
			}
			return err
		},
		"a message": func(ctx context.Context) error {
			_, err := g.Message(ctx, g.app, bob, said.ID)
			return err
		},
		"who has read a message": func(ctx context.Context) error {
			r, err := g.MessageReads(ctx, g.app, domain.UserRef{}, said.ID, nil, domain.Page{Limit: 5})
			if r.MemberCount != 9 {
				err = errors.Join(err, fmt.Errorf("%d members, want 9", r.MemberCount))
			}
			return err
		},
		"a message that is traced": func(ctx context.Context) error { // its places in logs take more steps the longer these are
			traced, err := g.TracedMessage(ctx, g.app, 0, domain.PlacedMessage{Conversation: said.Conversation, Seq: said.ConversationSeq, SentAt: said.SentAt})
			if traced.Receivers != 10 {
				err = errors.Join(err, fmt.Errorf("%d receivers, want 10", traced.Receivers))
			}
			return err
		},
		"digest of a group": func(ctx context.Context) error {
			_, err := g.ConversationDigest(ctx, g.app, alice, team, new(int64(5)))
			return err
		},
		"history of one sender": func(ctx context.Context) error {
			p, err := g.History(ctx, g.app, alice, team, domain.HistoryRange{Before: new(int64(6)), Limit: 5, Sender: alice.ID})
			if len(p.Messages) == 0 {
				err = errors.Join(err, errors.New("a history is empty"))
			}
			return err
		},
		"a group": func(ctx context.Context) error {
			_, err := g.Group(ctx, g.app, "team", alice.Num)
			return err
		},
		"groups of a user": func(ctx context.Context) error {
			p, err := g.Groups(ctx, g.app, g.loner.Num, domain.Page{Limit: 5})
			if len(p.Items) != 1 {
				err = errors.Join(err, fmt.Errorf("%d groups, want 1", len(p.Items)))
			}
			return err
		},
		"members of a small group": func(ctx context.Context) error {
			p, err := g.Members(ctx, g.app, g.number(ctx, "team"), domain.Page{Limit: 5})
			return page(len(p.Items), err)
		},
		"who is next to own a group": func(ctx context.Context) error {
			_, err := g.Heir(ctx, g.app, g.number(ctx, "team"), alice.Num)
			return err
		},
		"sign-in": func(ctx context.Context) error {
			_, err := g.Subject(ctx, g.app, alice.ID, "", "token")
			return err
		},
	}
}

func (g *growing) number(ctx context.Context, id domain.GroupID) domain.ConversationNum {
	g.t.Helper()
	group, err := g.Group(ctx, g.app, id, 0)
	if err != nil {
		g.t.Fatal(err)
	}
	return group.Num
}

// oneSession makes a store on MySQL use one session for everything, so that what the
// session counts is all.
func oneSession(t *testing.T, s *Store) {
	t.Helper()
	if err := s.write.Close(); err != nil {
		t.Error(err)
	}
	s.write, s.read = s.commits, s.commits
	s.commits.SetMaxOpenConns(1)
}

// rowsRead is how many rows the server looks at for each use.
func (g *growing) rowsRead() map[string]int {
	g.t.Helper()
	for _, use := range g.uses() { // what opens a table first reads its statistics
		if err := use(g.t.Context()); err != nil {
			g.t.Error(err)
		}
	}
	read := map[string]int{}
	for name, use := range g.uses() {
		if _, err := g.Store.write.ExecContext(g.t.Context(), "FLUSH STATUS"); err != nil {
			g.t.Fatal(err)
		}
		if err := use(g.t.Context()); err != nil {
			g.t.Errorf("%s: %v", name, err)
		}
		err := each(g.t.Context(), g.Store.write, func(rows *sqlx.Rows) error {
			var counter string
			var n int
			err := rows.Scan(&counter, &n)
			read[name] += n
			return err
		}, `SHOW SESSION STATUS LIKE 'Handler_read%'`)
		if err != nil {
			g.t.Fatal(err)
		}
	}
	return read
}

// What a send or a page looks at is the same in a store of twenty times as many
// messages, users and groups, whatever the server knows about its tables.
func TestMySQL_WorkDoesNotGrowWithTheStore(t *testing.T) {
	t.Parallel()
	g := newGrowing(t, Options{MySQLDSN: testserver.MariaDB(t)})
	oneSession(t, g.Store)
	rare := g.out(g.users[0], domain.Target{Group: "crowd"})
	rare.Message.Content = json.RawMessage(`{"text":"rare 稀"}`)
	if err := errors.Join(g.AppendAll(t.Context(), []domain.Outgoing{rare}), g.Index(t.Context())); err != nil {
		t.Fatal(err)
	}
	before := g.rowsRead()
	g.more(380)
	for i := range 40 {
		g.group(fmt.Sprint("more", i), domain.GroupNormal, g.users[20+i:25+i])
	}
	g.group("elsewhere", domain.GroupLarge, g.users[20:])
	for range 4 {
		g.write(500)
	}
	if err := g.Index(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		tables, first string
	}{
		{"as they are", "DO 0"},
		{"after ANALYZE", "ANALYZE TABLE members, messages, user_log, user_heads, conversations, chat_groups, users"},
		{"by statistics that are out of date", "UPDATE mysql.innodb_index_stats SET stat_value = 0 WHERE database_name = DATABASE() AND stat_name LIKE 'n_diff%'"},
	} {
		for _, statement := range []string{s.first, "FLUSH TABLES"} { // what is open keeps its statistics
			if _, err := g.Store.write.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for name, rows := range g.rowsRead() {
			if before[name] == 0 || rows > before[name] {
				t.Errorf("%s looks at %d rows, %s; it was %d in a small store", name, rows, s.tables, before[name])
			}
		}
	}
}

// The end of what is appended at once is as good as its beginning.
func TestAppendAll_StoresAllOrSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]func(*testing.T) Options{
		"SQLite":  func(t *testing.T) Options { return Options{DataDir: t.TempDir()} },
		"MariaDB": func(t *testing.T) Options { return Options{MySQLDSN: testserver.MariaDB(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrowing(t, o(t))
			var all []domain.Outgoing
			for range maxBatchPointers/10 + 7 { // more than one transaction takes
				all = append(all, g.out(g.users[0], domain.Target{Group: "team"}))
			}
			for _, when := range []string{"once", "again"} {
				if err := g.AppendAll(t.Context(), all); err != nil {
					t.Fatal(err)
				}
				page, err := g.History(t.Context(), g.app, g.users[0], domain.Target{Group: "team"}, domain.HistoryRange{Limit: 2 * len(all)})
				if want := 5 + len(all); err != nil || len(page.Messages) != want {
					t.Fatalf("appended %s, %d messages are stored (%v), want %d", when, len(page.Messages), err, want)
				}
				for i, m := range page.Messages[5:] {
					if m.ClientMsgID != all[i].Message.ClientMsgID {
						t.Fatalf("appended %s, message %d is %s, want %s", when, i, m.ClientMsgID, all[i].Message.ClientMsgID)
					}
				}
			}
			stranger := g.out(g.users[15], domain.Target{Group: "team"})
			if err := g.AppendAll(t.Context(), []domain.Outgoing{stranger, g.out(g.users[0], domain.Target{Group: "team"})}); !errors.Is(err, domain.ErrNotInGroup) {
				t.Errorf("%v, want %v", err, domain.ErrNotInGroup)
			}
		})
	}
}

package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/jmoiron/sqlx"
)

// fillGroup makes a group have so many more members, whose numbers begin at first and
// who are no users otherwise.
func fillGroup(t testing.TB, s *Store, app domain.AppNum, group domain.ConversationNum, first, members int) {
	t.Helper()
	err := s.inTx(t.Context(), func(tx *sqlx.Tx) error {
		for i := 0; i < members; i += chunk {
			nums := make([]domain.UserNum, min(chunk, members-i))
			for n := range nums {
				nums[n] = domain.UserNum(first + i + n)
			}
			if err := insertMembers(t.Context(), tx, app, group, domain.GroupLarge, nums, 0, 0, 0, time.UnixMilli(int64(i))); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE chat_groups SET member_count = member_count + ? WHERE app_id = ? AND id = ?`, members, app, group)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A batch of sends to a large group takes as many statements for two members as for
// 20,000, and for one send as for many.
func TestAppend_LargeGroupCostsTheSameWhateverItsSize(t *testing.T) {
	t.Parallel()
	members := 20_000
	if testing.Short() {
		members = 2000
	}
	for _, c := range []struct{ members, sends int }{{0, 1}, {members, 1}, {members, 200}} {
		g := gather(t, "alice", "bob")
		group := domain.Group{ID: "g", Type: domain.GroupLarge, Owner: "alice", Extra: json.RawMessage("{}")}
		group, err := g.CreateGroup(t.Context(), g.app, group, []domain.UserID{"alice", "bob"})
		g.must(err)
		fillGroup(t, g.Store, g.app, group.Num, 1, c.members)
		seen := newStatementsSeen()
		seen.watch(t, g.Store, g.dir)
		g.appends.learn(flowKey{app: g.app, group: "g"}, 0) // as it is after the first send
		for i := range c.sends {
			g.queue(g.out([]domain.UserID{"alice", "bob"}[i%2], domain.Target{Group: "g"}, fmt.Sprint(i), ""))
		}
		g.run()
		g.want("batches", g.batches, []int{c.sends})
		g.want(fmt.Sprintf("statements for %d sends and %d members", c.sends, c.members), seen.times(""), 7)
		g.want("log entries", seen.times("user_log"), 0)
		page, err := g.ReadGroup(t.Context(), g.app, group.Num, domain.GroupReader{User: g.users["alice"]}, 0, 1000)
		g.must(err)
		g.want("messages", len(page.Messages), c.sends)
		read, err := g.Group(t.Context(), g.app, "g", 0)
		g.must(err)
		g.want("members", read.MemberCount, c.members+2)
	}
}

// Numbers of users are not used again, so nothing else shows what is left of one.
func TestDeleteUser_LeavesNoAcksOfGroups(t *testing.T) {
	t.Parallel()
	g := gather(t, "alice", "bob")
	_, err := g.CreateGroup(t.Context(), g.app, domain.Group{ID: "g", Type: domain.GroupLarge, Owner: "alice", Extra: json.RawMessage("{}")}, []domain.UserID{"alice", "bob"})
	g.must(err)
	for _, id := range []domain.UserID{"alice", "bob"} {
		_, err = g.CreateDevice(t.Context(), g.app, domain.Device{ID: domain.DeviceID(id), User: domain.UserRef{Num: g.users[id], ID: id}})
		g.must(err)
		_, err = g.AckGroup(t.Context(), g.app, g.users[id], domain.DeviceID(id), "g", 0, time.UnixMilli(1))
		g.must(err)
	}
	g.must(g.DeleteUser(t.Context(), g.app, "bob", time.UnixMilli(1)))
	var left []domain.UserNum
	g.must(g.read.Select(&left, `SELECT user_id FROM group_acks`))
	g.want("acks of", left, []domain.UserNum{g.users["alice"]})
}

// whole is a step of a plan that reads all members of a group, or more.
var whole = regexp.MustCompile(`\(app_id=\?( AND conversation_id=\?)?\)$`)

// largeUse is everything that is done in a large group of many members.
func largeUse(ctx context.Context, s *Store, app domain.AppNum, group domain.Group, alice, bob domain.UserRef) map[string]func() error {
	reader := domain.GroupReader{User: alice.Num}
	business := domain.Principal{Kind: domain.PrincipalApp, App: domain.AppRef{Num: app}}
	groups := domain.NewGroups(s, nil, domain.SystemClock{})
	out := domain.Outgoing{App: app, User: alice.Num, Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: alice.ID}, To: domain.Target{Group: group.ID}, Type: domain.ContentText,
		Content: json.RawMessage(`{"text":"x"}`), SentAt: time.UnixMilli(1), Status: domain.StatusNormal,
	}}
	return map[string]func() error{
		"send":      func() error { _, err := s.Append(ctx, out); return err },
		"receivers": func() error { _, err := s.Receivers(ctx, out); return err },
		"voices": func() error {
			_, err := s.readVoices(ctx, s.read, app, []speaker{{group.Num, alice.Num}, {group.Num, bob.Num}, {group.Num, 7}})
			return err
		},
		"members":      func() error { _, err := s.Members(ctx, app, group.Num, domain.Page{Limit: 10}); return err },
		"member":       func() error { _, err := s.Member(ctx, app, group.Num, bob.ID); return err },
		"group":        func() error { _, err := s.Group(ctx, app, group.ID, alice.Num); return err },
		"groups":       func() error { _, err := s.Groups(ctx, app, alice.Num, domain.Page{Limit: 10}); return err },
		"heir":         func() error { _, err := s.Heir(ctx, app, group.Num, alice.Num); return err },
		"large groups": func() error { _, err := s.LargeGroups(ctx, app, alice.Num, "phone"); return err },
		"large group":  func() error { _, err := s.LargeGroup(ctx, app, group.ID, reader); return err },
		"heads":        func() error { _, err := s.GroupHeads(ctx, app, []domain.ConversationNum{group.Num}); return err },
		"read":         func() error { _, err := s.ReadGroup(ctx, app, group.Num, reader, 0, 10); return err },
		"ack": func() error {
			_, err := s.AckGroup(ctx, app, alice.Num, "phone", group.ID, 1, time.UnixMilli(1))
			return err
		},
		"history": func() error {
			_, err := s.History(ctx, app, alice, domain.Target{Group: group.ID}, domain.HistoryRange{Limit: 10})
			return err
		},
		"rename": func() error {
			name := "new"
			_, err := groups.Update(ctx, business, group.ID, domain.GroupPatch{Name: &name})
			return err
		},
		"member comes and goes": func() error {
			if _, err := groups.AddMembers(ctx, business, group.ID, []domain.UserID{"carol"}); err != nil {
				return err
			}
			return groups.RemoveMember(ctx, business, group.ID, "carol")
		},
	}
}

// crowd makes a large group of many members, in which alice, the owner, and bob are,
// and more groups like it, and runs the store.
func crowd(t *testing.T, o Options, members int) (s *Store, app domain.AppNum, group domain.Group, users []domain.UserRef) {
	t.Helper()
	o.Publisher, o.Logger = silent{}, slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) }) // ends with the test
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		must(s.Close())
	})
	a, err := s.CreateApp(ctx, domain.App{ID: "app", Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: "k"}, []byte("h"))
	must(err)
	app = a.Num
	made, _, err := s.UpsertUsers(ctx, app, []domain.User{
		{ID: "alice", Extra: json.RawMessage("{}")}, {ID: "bob", Extra: json.RawMessage("{}")}, {ID: "carol", Extra: json.RawMessage("{}")},
	})
	must(err)
	for _, u := range made {
		users = append(users, u.Ref())
	}
	_, err = s.CreateDevice(ctx, app, domain.Device{ID: "phone", User: users[0], Type: "web"})
	must(err)
	for i := range 3 {
		group = domain.Group{ID: domain.GroupID(fmt.Sprint("g", i)), Type: domain.GroupLarge, Owner: "alice", Extra: json.RawMessage("{}")}
		group.Settings = domain.GroupSettings{Join: domain.JoinInvite, InviteBy: domain.InviteByAdmins, MentionAllBy: domain.MentionAllByAdmins, History: domain.HistoryJoined}
		group, err = s.CreateGroup(ctx, app, group, []domain.UserID{"alice", "bob"}, domain.GroupEvent{Code: domain.EventGroupCreated})
		must(err)
		fillGroup(t, s, app, group.Num, 1+i*members, members)
	}
	var singles []any // of alice, who knows very many
	for i := range members {
		singles = append(singles, app, domain.ConversationNum(i+1), users[0].Num, "member", "", []byte("{}"), 0, 0, 0, 0, kindSingle)
	}
	must(s.inTx(ctx, func(tx *sqlx.Tx) error { return insert(ctx, tx, insertMember, "", 11, singles) }))
	return s, app, group, users
}

type silent struct{}

// Publish implements [domain.Publisher].
func (silent) Publish([]domain.Delivery) {}

func TestSQLite_LargeGroupsAreNotReadAsAWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, app, group, users := crowd(t, Options{DataDir: dir}, 100)
	seen := newStatementsSeen()
	seen.watch(t, s, dir)
	for name, use := range largeUse(t.Context(), s, app, group, users[0], users[1]) {
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	explained := 0
	for query, values := range maps.Clone(seen.all) { // explaining adds to it
		query, isStatement := strings.CutPrefix(query, "\x00")
		if !isStatement || !strings.Contains(query, "members") || strings.HasPrefix(query, "INSERT") {
			continue
		}
		explained++
		if plan := planOf(t, s.read, query, values); slices.ContainsFunc(plan, whole.MatchString) || len(scans(plan)) > 0 {
			t.Errorf("%s\n\t%s", query, strings.Join(plan, "\n\t"))
		}
	}
	if explained < 8 {
		t.Errorf("only %d statements about members were seen", explained)
	}
}

// MariaDB tells how many rows it looked at.
func TestMySQL_LargeGroupsAreNotReadAsAWhole(t *testing.T) {
	t.Parallel()
	const members = 3000
	s, app, group, users := crowd(t, Options{MySQLDSN: testserver.MariaDB(t)}, members)
	oneSession(t, s)
	exec := func(query string) {
		t.Helper()
		if _, err := s.write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for name, use := range largeUse(t.Context(), s, app, group, users[0], users[1]) {
		exec("FLUSH STATUS")
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var read int
		err := each(t.Context(), s.write, func(rows *sqlx.Rows) error {
			var counter string
			var n int
			err := rows.Scan(&counter, &n)
			read += n
			return err
		}, `SHOW SESSION STATUS LIKE 'Handler_read%'`)
		if err != nil {
			t.Fatal(err)
		}
		if read > members/10 {
			t.Errorf("%s looks at %d rows", name, read)
		}
	}
}

package fill_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/fill"
	"github.com/gim-im/gim/internal/population"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Closing(m)) }

type silence struct{}

func (silence) Publish([]domain.Delivery) {}

// onEachStore runs a test with an empty store that has the app "growth". Nothing has
// it open.
func onEachStore(t *testing.T, test func(t *testing.T, o fill.Options)) {
	t.Helper()
	for name, where := range map[string]func(t *testing.T) fill.Options{
		"SQLite":  func(t *testing.T) fill.Options { t.Helper(); return fill.Options{DataDir: t.TempDir()} },
		"MariaDB": func(t *testing.T) fill.Options { t.Helper(); return fill.Options{MySQLDSN: testserver.MariaDB(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := where(t)
			o.App, o.Logger = "growth", slog.New(slog.DiscardHandler)
			s := open(t, o)
			if _, err := s.CreateApp(t.Context(), domain.App{ID: "growth", Settings: domain.DefaultAppSettings(), CreatedAt: time.Now()},
				domain.AppKey{ID: "key", CreatedAt: time.Now()}, []byte("hash")); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			test(t, o)
		})
	}
}

func open(t *testing.T, o fill.Options) *repo.Store {
	t.Helper()
	s, err := repo.Open(t.Context(), repo.Options{DataDir: o.DataDir, MySQLDSN: o.MySQLDSN, Publisher: silence{}, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s *repo.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// stored is what a store holds of a population, by the logs of users and groups.
type stored struct {
	t     *testing.T
	store *repo.Store
	app   domain.AppNum
	plan  population.Plan

	messages map[string]*domain.Message // by client_msg_id
	places   map[string]bool            // conversation and number of each
	entries  int                        // in the logs of users
}

func readAll(t *testing.T, s *repo.Store, plan population.Plan) *stored {
	t.Helper()
	app, err := s.App(t.Context(), "growth")
	if err != nil {
		t.Fatal(err)
	}
	all := &stored{t: t, store: s, app: app.Num, plan: plan, messages: map[string]*domain.Message{}, places: map[string]bool{}}
	for i := range plan.Users {
		all.readLog(population.User(i))
	}
	all.readLarge()
	return all
}

// saw notes a message; whoever has it has the same.
func (s *stored) saw(m *domain.Message) {
	s.t.Helper()
	place := fmt.Sprint(m.Conversation, " ", m.ConversationSeq)
	if other, known := s.messages[m.ClientMsgID]; known && other.ID != m.ID {
		s.t.Errorf("%s is stored twice: %s and %s", m.ClientMsgID, other.ID, m.ID)
	} else if !known && s.places[place] {
		s.t.Errorf("%s has the place of another message: %s", m.ClientMsgID, place)
	}
	s.messages[m.ClientMsgID], s.places[place] = m, true
}

func (s *stored) readLog(id string) {
	s.t.Helper()
	user, err := s.store.User(s.t.Context(), s.app, domain.UserID(id))
	if err != nil {
		s.t.Fatal(err)
	}
	page, err := s.store.ReadLog(s.t.Context(), s.app, user.Num, 0, 100_000)
	if err != nil {
		s.t.Fatal(err)
	}
	if page.HasMore || int64(len(page.Entries)) != page.Head {
		s.t.Errorf("the log of %s has %d entries up to %d", id, len(page.Entries), page.Head)
	}
	for i, e := range page.Entries {
		if e.Seq != int64(i+1) {
			s.t.Errorf("entry %d of the log of %s has number %d", i+1, id, e.Seq)
		}
		s.saw(e.Message)
	}
	s.entries += len(page.Entries)
}

func (s *stored) readLarge() {
	s.t.Helper()
	page, err := s.store.History(s.t.Context(), s.app, domain.UserRef{}, domain.Target{Group: population.Large}, domain.HistoryRange{Limit: 100_000})
	if err != nil {
		s.t.Fatal(err)
	}
	for i, m := range page.Messages {
		if m.ConversationSeq != int64(i+1) {
			s.t.Errorf("message %d of the large group has number %d", i+1, m.ConversationSeq)
		}
		s.saw(m)
	}
}

// wantPlan compares with the messages of the plan, each of which is the same wherever
// it was read.
func (s *stored) wantPlan() {
	s.t.Helper()
	entries := 0
	for n := range s.plan.Messages {
		want := s.plan.Message(n)
		got := s.messages[want.ID]
		if got == nil {
			s.t.Fatalf("message %d is not there", n)
		}
		if string(got.Content) != string(want.Content) || got.Sender.User != domain.UserID(population.User(want.FromUser)) ||
			got.To != (domain.Target{User: domain.UserID(want.ToUser), Group: domain.GroupID(want.ToGroup)}) {
			s.t.Errorf("message %d is %+v, want %+v", n, got, want)
		}
		switch {
		case want.ToUser != "":
			entries += 2
		case want.ToGroup != population.Large:
			entries += population.GroupMembers
		}
	}
	if got := int64(len(s.messages)); got != s.plan.Messages {
		s.t.Errorf("%d messages are stored, want %d", got, s.plan.Messages)
	}
	if s.entries != entries {
		s.t.Errorf("the logs have %d entries, want %d", s.entries, entries)
	}
}

var plan = population.Plan{Users: 250, Groups: 12, Messages: 2_013}

// What is read back is what the plan says, without gaps, when it was filled in parts
// one of which was cut off.
func TestRun_StoresWhatThePlanSays(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, o fill.Options) {
		t.Helper()
		o.Plan = plan
		o.Plan.Messages = 1_007
		if got, err := fill.Run(t.Context(), o); err != nil || got.Added != 1_007 || got.Plan != o.Plan {
			t.Fatalf("the first part: %+v, %v", got, err)
		}
		o.Plan = plan
		ctx, cut := context.WithCancel(t.Context())
		defer cut()
		o.Progress = writerFunc(func(p []byte) (int, error) {
			if strings.Contains(string(p), "users are there") {
				cut() // before its messages, or in the middle of them
			}
			return len(p), nil
		})
		if got, err := fill.Run(ctx, o); err == nil {
			t.Fatalf("a fill that was cut off: %+v", got)
		}
		o.Progress = nil
		if got, err := fill.Run(t.Context(), o); err != nil || got.Added != 1_006 || got.Plan != plan {
			t.Fatalf("the rest: %+v, %v", got, err)
		}
		s := open(t, o)
		defer closeStore(t, s)
		readAll(t, s, plan).wantPlan()
	})
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestRun_MakesThePopulation(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, o fill.Options) {
		t.Helper()
		o.Plan = population.Plan{Users: 250, Groups: 12}
		if _, err := fill.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		s := open(t, o)
		defer closeStore(t, s)
		app, err := s.App(t.Context(), "growth")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]domain.Group{
			population.Large:    {Type: domain.GroupLarge, MemberCount: 250},
			population.Team:     {Type: domain.GroupNormal, MemberCount: population.TeamMembers},
			population.Group(0): {Type: domain.GroupNormal, MemberCount: population.GroupMembers},
		} {
			got, err := s.Group(t.Context(), app.Num, domain.GroupID(id), 0)
			if err != nil || got.Type != want.Type || got.MemberCount != want.MemberCount {
				t.Errorf("group %s: %+v, %v, want %+v", id, got, err, want)
			}
		}
		hub, err := s.User(t.Context(), app.Num, population.Hub)
		if err != nil {
			t.Fatal(err)
		}
		groups, err := s.Groups(t.Context(), app.Num, hub.Num, domain.Page{Limit: 100})
		if want := 12 + 2; err != nil || len(groups.Items) != want {
			t.Errorf("the hub is in %d groups, want %d (%v)", len(groups.Items), want, err)
		}
	})
}

// Users and groups cannot change: what was written to them would not be in the plan.
func TestRun_RefusesAnotherPopulation(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, o fill.Options) {
		t.Helper()
		o.Plan = population.Plan{Users: 250, Groups: 12}
		if _, err := fill.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		for want, change := range map[string]func(*fill.Options){
			"cannot change": func(o *fill.Options) { o.Plan.Users++ },
			"groups":        func(o *fill.Options) { o.Plan.Groups = 13 },
			"at least":      func(o *fill.Options) { o.Plan.Users = 5 },
			`"nowhere"`:     func(o *fill.Options) { o.App = "nowhere" },
		} {
			bad := o
			change(&bad)
			if got, err := fill.Run(t.Context(), bad); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, %v, want an error with %q", got, err, want)
			}
		}
	})
}

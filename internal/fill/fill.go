// Package fill brings a store to a size, for measurements of growth: users, groups,
// and messages as [population.Plan] has them. It writes through the store as a server
// does, so that what is there has the form, and the disorder, of what has grown, and
// logs and conversations without gaps. What it did is not done again: a fill that was
// cut off goes on, and one that asks for more messages adds to what is there.
package fill

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/population"
	"github.com/gim-im/gim/repo"
)

// Options say which store is filled and with what.
type Options struct {
	DataDir  string // of the embedded database, on which no gim may be running
	MySQLDSN string // used instead when it is not empty
	App      string // id of the app that gets it all; it has to exist

	Plan     population.Plan // users and groups cannot change once they are there
	Progress io.Writer       // nil is silent
	Logger   *slog.Logger    // required
}

// Result is what a fill has done.
type Result struct {
	Plan    population.Plan `json:"plan"`  // that the store holds now
	Added   int64           `json:"added"` // messages
	Seconds float64         `json:"seconds"`
}

const (
	commitEvery = 1_000   // messages
	markEvery   = 100_000 // messages; what is looked at again at most after a cut-off
	atOnce      = 1_000   // users in a transaction
	makers      = 8       // groups that are made at once
)

// Run fills. What the store holds when it returns an error is right as far as it goes.
func Run(ctx context.Context, o Options) (result Result, err error) {
	if err := o.Plan.Check(); err != nil {
		return Result{}, err
	}
	store, err := repo.Open(ctx, repo.Options{DataDir: o.DataDir, MySQLDSN: o.MySQLDSN, Publisher: silence{}, Logger: o.Logger})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	f := &filler{store: store, o: o, plan: o.Plan}
	start := time.Now()
	added, err := f.run(ctx)
	return Result{Plan: f.plan, Added: added, Seconds: time.Since(start).Seconds()}, err
}

// silence is told about messages that nobody is there to receive.
type silence struct{}

func (silence) Publish([]domain.Delivery) {}

type filler struct {
	store *repo.Store
	o     Options
	app   domain.AppNum
	plan  population.Plan  // what is there
	users []domain.UserNum // by number in the plan
}

func (f *filler) run(ctx context.Context) (added int64, err error) {
	app, err := f.store.App(ctx, domain.AppID(f.o.App))
	if err != nil {
		return 0, fmt.Errorf("find the app %q: %w", f.o.App, err)
	}
	f.app = app.Num
	f.plan.Messages = 0
	if err := f.prepare(ctx); err != nil {
		return 0, err
	}
	from := f.plan.Messages
	for f.plan.Messages < f.o.Plan.Messages && err == nil {
		err = f.write(ctx, min(markEvery, f.o.Plan.Messages-f.plan.Messages))
	}
	return f.plan.Messages - from, err
}

// prepare finds the population of an earlier fill, or makes it.
func (f *filler) prepare(ctx context.Context) error {
	marker, err := f.store.User(ctx, f.app, population.Marker)
	if errors.Is(err, domain.ErrUserNotFound) {
		if err := f.makeUsers(ctx); err != nil {
			return err
		}
		if err := f.makeGroups(ctx); err != nil {
			return err
		}
		return f.mark(ctx)
	} else if err != nil {
		return err
	}
	var there population.Plan
	if err := json.Unmarshal(marker.Extra, &there); err != nil {
		return fmt.Errorf("read what the store was filled with: %w", err)
	}
	if there.Users != f.plan.Users || there.Groups != f.plan.Groups {
		return fmt.Errorf("the app %q was filled with %d users and %d groups, which cannot change; use another app for %d and %d",
			f.o.App, there.Users, there.Groups, f.plan.Users, f.plan.Groups)
	}
	f.plan = there
	return f.makeUsers(ctx) // for their numbers
}

// mark writes down what is there.
func (f *filler) mark(ctx context.Context) error {
	extra, err := json.Marshal(f.plan)
	if err != nil {
		return err
	}
	_, _, err = f.store.UpsertUsers(ctx, f.app, []domain.User{f.profile(population.Marker, extra)})
	return err
}

func (f *filler) profile(id string, extra []byte) domain.User {
	now := domain.Millis(time.Now())
	return domain.User{ID: domain.UserID(id), Nickname: "Somebody", Extra: extra, CreatedAt: now, UpdatedAt: now}
}

// makeUsers makes the users that are missing, and learns the numbers of all.
func (f *filler) makeUsers(ctx context.Context) error {
	for from := 0; from < f.plan.Users; from += atOnce {
		some := make([]domain.User, min(atOnce, f.plan.Users-from))
		for i := range some {
			some[i] = f.profile(population.User(from+i), []byte("{}"))
		}
		made, _, err := f.store.UpsertUsers(ctx, f.app, some)
		if err != nil {
			return err
		}
		for _, u := range made {
			f.users = append(f.users, u.Num)
		}
	}
	f.say("%d users are there", len(f.users))
	return nil
}

func (f *filler) makeGroups(ctx context.Context) error {
	all := make([]int, f.plan.LargeSize())
	for i := range all {
		all[i] = i
	}
	err := errors.Join(
		f.makeGroup(ctx, population.Large, domain.GroupLarge, all),
		f.makeGroup(ctx, population.Team, domain.GroupNormal, all[:population.TeamMembers]))
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(makers)
	for i := range f.plan.Groups {
		work.Go(func() error {
			return f.makeGroup(ctx, population.Group(i), domain.GroupNormal, f.plan.Members(i))
		})
	}
	err = work.Wait()
	f.say("%d groups are there", f.plan.Groups)
	return err
}

func (f *filler) makeGroup(ctx context.Context, id string, t domain.GroupType, members []int) error {
	users := make([]domain.UserID, len(members))
	for i, m := range members {
		users[i] = domain.UserID(population.User(m))
	}
	now := domain.Millis(time.Now())
	_, err := f.store.CreateGroup(ctx, f.app, domain.Group{
		ID: domain.GroupID(id), Type: t, Name: "Some people", Extra: []byte("{}"), Owner: users[0],
		Settings:  domain.GroupSettings{Join: domain.JoinInvite, InviteBy: domain.InviteByAdmins, MentionAllBy: domain.MentionAllByAdmins, History: domain.HistoryJoined},
		CreatedAt: now, UpdatedAt: now,
	}, users)
	if errors.Is(err, domain.ErrGroupExists) {
		return nil // an earlier fill got as far as this
	}
	return err
}

// write adds so many messages and marks that they are there.
func (f *filler) write(ctx context.Context, messages int64) error {
	from, to := f.plan.Messages, f.plan.Messages+messages
	start := time.Now()
	batch := make([]domain.Outgoing, 0, commitEvery)
	for n := from; n < to; n++ {
		batch = append(batch, f.message(n))
		if len(batch) < commitEvery && n+1 < to {
			continue
		}
		if err := f.store.AppendAll(ctx, batch); err != nil {
			return fmt.Errorf("write messages up to %d: %w", n, err)
		}
		batch = batch[:0]
	}
	f.plan.Messages = to
	f.say("%d messages are there, the last %d at %.0f/s", to, messages, float64(messages)/time.Since(start).Seconds())
	return f.mark(ctx)
}

func (f *filler) message(n int64) domain.Outgoing {
	m := f.plan.Message(n)
	digest := sha256.Sum256(m.Content)
	return domain.Outgoing{
		App: f.app, User: f.users[m.FromUser], Digest: digest[:],
		Message: domain.Message{
			Sender: domain.Sender{Type: domain.SenderUser, User: domain.UserID(population.User(m.FromUser))},
			To:     domain.Target{User: domain.UserID(m.ToUser), Group: domain.GroupID(m.ToGroup)},
			Type:   domain.ContentText, Content: m.Content, ClientMsgID: m.ID,
			SentAt: domain.Millis(time.Now()), Status: domain.StatusNormal,
		},
	}
}

func (f *filler) say(format string, args ...any) {
	if f.o.Progress != nil {
		fmt.Fprintf(f.o.Progress, format+"\n", args...)
	}
}

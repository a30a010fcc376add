package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/google/go-cmp/cmp"
)

// epoch is when the tests take place: a time with all its milliseconds.
var epoch = time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

// world is an app of one test and short words for what is done in it. Its
// methods end the test when the store refuses what it should not.
type world struct {
	*testing.T
	ctx       context.Context //nolint:containedctx // a test's own, for all its calls
	store     Store
	published *recorder
	app       domain.App
}

func newWorld(t *testing.T, store Store, published *recorder) *world {
	t.Helper()
	w := &world{T: t, ctx: t.Context(), store: store, published: published}
	w.app = w.newApp("app-" + rand.Text())
	return w
}

// other returns a world like w in an app of its own.
func (w *world) other() *world {
	w.Helper()
	return newWorld(w.T, w.store, w.published)
}

func (w *world) newApp(id string) domain.App {
	w.Helper()
	app := domain.App{ID: domain.AppID(id), Name: "A test", Settings: domain.DefaultAppSettings(), CreatedAt: epoch}
	app, err := w.store.CreateApp(w.ctx, app, newKey("first"), []byte("hash"))
	w.ok(err)
	return app
}

func newKey(name string) domain.AppKey {
	return domain.AppKey{ID: "key-" + rand.Text(), Name: name, CreatedAt: epoch}
}

// ok ends the test unless err is nil.
func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v\n%s", err, strings.Join(domain.Stack(err), "\n"))
	}
}

// refused reports when err is not the expected failure want.
func (w *world) refused(err, want error) {
	w.Helper()
	if got := domain.CodeOf(err); got != domain.CodeOf(want) {
		w.Errorf("got error %v, want code %s", err, domain.CodeOf(want))
	}
}

// same reports when got and want differ.
func (w *world) same(what string, got, want any) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// profile returns a plain user.
func profile(id string) domain.User {
	return domain.User{
		ID: domain.UserID(id), Nickname: "N " + id, Sex: domain.SexUnknown,
		Extra: json.RawMessage("{}"), CreatedAt: epoch, UpdatedAt: epoch,
	}
}

// users makes users.
func (w *world) users(ids ...string) []domain.UserRef {
	w.Helper()
	profiles := make([]domain.User, len(ids))
	for i, id := range ids {
		profiles[i] = profile(id)
	}
	made, _, err := w.store.UpsertUsers(w.ctx, w.app.Num, profiles)
	w.ok(err)
	refs := make([]domain.UserRef, len(ids))
	for i, u := range made {
		refs[i] = u.Ref()
	}
	return refs
}

func (w *world) user(id string) domain.UserRef {
	w.Helper()
	return w.users(id)[0]
}

// many makes n users named prefix000 and so on.
func (w *world) many(prefix string, n int) []domain.UserRef {
	w.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%03d", prefix, i)
	}
	return w.users(ids...)
}

// group makes a group whose first member is the owner.
func (w *world) group(id string, members ...domain.UserRef) domain.Group {
	w.Helper()
	g, err := w.store.CreateGroup(w.ctx, w.app.Num, groupOf(id, members[0].ID), idsOf(members))
	w.ok(err)
	return g
}

func groupOf(id string, owner domain.UserID) domain.Group {
	return domain.Group{
		ID: domain.GroupID(id), Type: domain.GroupNormal, Name: "G " + id, Owner: owner,
		Extra: json.RawMessage("{}"), CreatedAt: epoch, UpdatedAt: epoch,
		Settings: domain.GroupSettings{Join: domain.JoinInvite, InviteBy: domain.InviteByAdmins},
	}
}

func idsOf(users []domain.UserRef) []domain.UserID {
	ids := make([]domain.UserID, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	return ids
}

func toUser(u domain.UserRef) domain.Target   { return domain.Target{User: u.ID} }
func toGroup(id domain.GroupID) domain.Target { return domain.Target{Group: id} }

// outgoing is a text from a user, or from the business when from is zero. With
// a clientMsgID it can be repeated.
func (w *world) outgoing(from domain.UserRef, to domain.Target, text, clientMsgID string) domain.Outgoing {
	return outgoing(w.app.Num, from, to, text, clientMsgID)
}

func outgoing(app domain.AppNum, from domain.UserRef, to domain.Target, text, clientMsgID string) domain.Outgoing {
	content, _ := json.Marshal(map[string]string{"text": text}) // a string cannot fail
	out := domain.Outgoing{App: app, User: from.Num, Origin: "origin-" + text, Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: from.ID}, To: to, Type: domain.ContentText, Content: content,
		ClientMsgID: clientMsgID, SentAt: epoch, Status: domain.StatusNormal,
	}}
	if from.Num == 0 {
		out.Message.Sender.Type = domain.SenderBusiness
	}
	if clientMsgID != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s", to.User, to.Group, content))
		out.Digest = sum[:]
	}
	return out
}

// send appends a text and returns its receipt.
func (w *world) send(from domain.UserRef, to domain.Target, text string) domain.Receipt {
	w.Helper()
	r, err := w.store.Append(w.ctx, w.outgoing(from, to, text, ""))
	w.ok(err)
	return r
}

// deliveries returns what was published of w's app. Publishing follows the
// answer to a send, in order: so one more send through each store, which is left
// out, is waited for first.
func (w *world) deliveries(others ...Store) []domain.Delivery {
	w.Helper()
	const barrier = "barrier"
	user := w.user(barrier)
	for _, store := range append(others, w.store) {
		r, err := store.Append(w.ctx, w.outgoing(domain.UserRef{}, toUser(user), barrier, ""))
		w.ok(err)
		isPublished := func(d domain.Delivery) bool { return d.Message.ID == r.MessageID }
		for deadline := time.Now().Add(20 * time.Second); !slices.ContainsFunc(w.published.of(w.app.Num), isPublished); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				w.Fatal("a message that was stored is not published")
			}
		}
	}
	return slices.DeleteFunc(w.published.of(w.app.Num), func(d domain.Delivery) bool { return d.Message.To.User == barrier })
}

// textOf returns the text of a message.
func textOf(m *domain.Message) string {
	var c struct{ Text string }
	_ = json.Unmarshal(m.Content, &c) // a message that is no text has none
	return c.Text
}

// log reads a user's whole log page by page and checks that it is contiguous.
func (w *world) log(user domain.UserNum) []domain.Entry {
	w.Helper()
	var all []domain.Entry
	for {
		page, err := w.store.ReadLog(w.ctx, w.app.Num, user, int64(len(all)), domain.MaxPageSize)
		w.ok(err)
		for _, e := range page.Entries {
			all = append(all, e)
			if e.Seq != int64(len(all)) {
				w.Fatalf("log of %d: entry %d has seq %d", user, len(all), e.Seq)
			}
		}
		if !page.HasMore {
			if page.Head != int64(len(all)) {
				w.Fatalf("log of %d: head is %d after %d entries", user, page.Head, len(all))
			}
			return all
		}
		if len(page.Entries) == 0 {
			w.Fatalf("log of %d: an empty page has more", user)
		}
	}
}

// texts returns the texts in a user's log, in order.
func (w *world) texts(user domain.UserRef) []string {
	w.Helper()
	texts := []string{}
	for _, e := range w.log(user.Num) {
		texts = append(texts, textOf(e.Message))
	}
	return texts
}

// history returns the texts of a conversation from its beginning as viewer sees it.
func (w *world) history(viewer domain.UserRef, target domain.Target) []string {
	w.Helper()
	texts := []string{}
	var after int64
	for {
		page, err := w.store.History(w.ctx, w.app.Num, viewer, target, domain.HistoryRange{After: &after, Limit: domain.MaxPageSize})
		w.ok(err)
		for _, m := range page.Messages {
			texts, after = append(texts, textOf(m)), m.ConversationSeq
		}
		if !page.HasMore() {
			return texts
		}
	}
}

package storetest

import (
	"encoding/json"
	"fmt"

	"github.com/gim-im/gim/domain"
)

func digestTests() map[string]func(*world) {
	return map[string]func(*world){
		"Digest_OfALogIsThatOfItsEntries":         digestOfLog,
		"Digest_OfAConversationIsOneForAll":       digestOfConversation,
		"Digest_StaysWhateverBecomesOfAMessage":   digestAfterChanges,
		"Digest_BeginsWhereTheViewerMayRead":      digestOfLateComer,
		"Digest_OfWhatIsNotThereIsRefused":        digestAbsent,
		"Digest_OfAConversationWithoutMessagesIs": digestOfNothing,
	}
}

// digestOf folds messages as who reads them does.
func digestOf(messages []*domain.Message) (d domain.LogDigest) {
	for _, m := range messages {
		d = d.With(m.ConversationSeq, m)
	}
	return d
}

func (w *world) wantDigest(what string, got domain.LogDigest, err error, want domain.LogDigest) {
	w.Helper()
	w.ok(err)
	w.same(what, got, want)
}

func digestOfLog(w *world) {
	users := w.users("alice", "bob")
	w.group("team", users...)
	for i := range 5 {
		w.send(users[i%2], toUser(users[(i+1)%2]), "hi")
		w.send(users[i%2], toGroup("team"), "hi all")
	}
	out := w.outgoing(users[0], toUser(users[1]), "with all there is", "any\nthing")
	out.Message.Sender.Device = "phone"
	_, err := w.store.Append(w.ctx, out)
	w.ok(err)
	for _, user := range users {
		var want domain.LogDigest
		upto := int64(0)
		got, head, err := w.store.LogDigest(w.ctx, w.app.Num, user.Num, &upto)
		w.wantDigest("digest of nothing", got, err, want)
		w.same("first", head.First, int64(1))
		for _, e := range w.log(user.Num) {
			want = want.With(e.Seq, e.Message)
			got, head, err = w.store.LogDigest(w.ctx, w.app.Num, user.Num, &e.Seq)
			w.wantDigest(fmt.Sprint("digest up to ", e.Seq), got, err, want)
		}
		w.same("head", want.Seq, head.Head)
		got, _, err = w.store.LogDigest(w.ctx, w.app.Num, user.Num, nil)
		w.wantDigest("digest up to the head", got, err, want)
	}
}

func digestOfConversation(w *world) {
	users := w.users("alice", "bob")
	w.group("team", users...)
	for i := range 4 {
		w.send(users[i%2], toUser(users[(i+1)%2]), "hi")
		w.send(users[i%2], toGroup("team"), "hi all")
		w.send(domain.UserRef{}, toUser(users[0]), "from us")
	}
	for what, read := range map[string]map[domain.UserRef]domain.Target{
		"chat":  {users[0]: toUser(users[1]), users[1]: toUser(users[0])},
		"group": {users[0]: toGroup("team"), users[1]: toGroup("team"), {}: toGroup("team")},
		"ours":  {users[0]: {}, {}: toUser(users[0])},
	} {
		for viewer, target := range read {
			after := int64(0)
			page, err := w.store.History(w.ctx, w.app.Num, viewer, target, domain.HistoryRange{After: &after, Limit: domain.MaxPageSize})
			w.ok(err)
			for i := range len(page.Messages) + 1 {
				upto := int64(i)
				got, err := w.store.ConversationDigest(w.ctx, w.app.Num, viewer, target, &upto)
				w.wantDigest(fmt.Sprintf("%s of %q up to %d", what, viewer.ID, i), got, err, digestOf(page.Messages[:i]))
			}
			got, err := w.store.ConversationDigest(w.ctx, w.app.Num, viewer, target, nil)
			w.wantDigest(what+" up to the head", got, err, digestOf(page.Messages))
		}
	}
}

func digestAfterChanges(w *world) {
	users := w.users("alice", "bob")
	w.send(users[0], toUser(users[1]), "one")
	r := w.send(users[0], toUser(users[1]), "two")
	upto := r.ConversationSeq
	before, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[0], toUser(users[1]), &upto)
	w.ok(err)
	for _, status := range []domain.Status{domain.StatusEdited, domain.StatusRecalled} {
		_, err := w.store.ChangeMessage(w.ctx, w.app.Num, users[0], r.MessageID, func(s *domain.MessageState) error {
			s.Message.Status, s.Message.Content, s.Message.EditedAt = status, json.RawMessage("{}"), epoch
			s.Event = &domain.MessageEvent{Code: domain.EventMessageEdited, Data: domain.MessageEventData{Message: r.MessageID, Seq: upto}}
			return nil
		})
		w.ok(err)
		got, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[1], toUser(users[0]), &upto)
		w.wantDigest(string(status), got, err, before)
	}
}

func digestOfLateComer(w *world) {
	users := w.users("alice", "bob", "carol")
	w.group("team", users[0], users[1])
	w.send(users[0], toGroup("team"), "before")
	_, err := w.telling().AddMembers(w.ctx, w.caller(users[0]), "team", []domain.UserID{users[2].ID})
	w.ok(err)
	w.send(users[0], toGroup("team"), "after")
	page, err := w.store.History(w.ctx, w.app.Num, users[2], toGroup("team"), domain.HistoryRange{Limit: domain.MaxPageSize})
	w.ok(err)
	from := page.Messages[0].ConversationSeq - 1
	want, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[2], toGroup("team"), &from)
	w.ok(err)
	for _, m := range page.Messages {
		want = want.With(m.ConversationSeq, m)
	}
	got, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[2], toGroup("team"), nil)
	w.wantDigest("digest", got, err, want)
	from--
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[2], toGroup("team"), &from)
	w.same("code below", domain.CodeOf(err), domain.CodeBadRequest)
	// Who has deleted what there was goes on in the same way.
	w.ok(w.store.DeleteConversation(w.ctx, w.app.Num, users[0].Num, toGroup("team")))
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[0], toGroup("team"), &from)
	w.same("code of what was deleted", domain.CodeOf(err), domain.CodeBadRequest)
	again, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[0], toGroup("team"), nil)
	w.wantDigest("digest", again, err, got)
}

func digestAbsent(w *world) {
	users := w.users("alice", "bob", "carol")
	w.group("team", users[0])
	w.send(users[0], toUser(users[1]), "hi")
	beyond, below := int64(9), int64(-1)
	_, _, err := w.store.LogDigest(w.ctx, w.app.Num, users[0].Num, &beyond)
	w.refused(err, domain.ErrResyncRequired)
	_, _, err = w.store.LogDigest(w.ctx, w.app.Num, users[0].Num, &below)
	w.same("code", domain.CodeOf(err), domain.CodeBadRequest)
	_, _, err = w.store.LogDigest(w.ctx, w.app.Num, 999_999, nil)
	w.refused(err, domain.ErrUserNotFound)
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[0], toUser(users[1]), &beyond)
	w.refused(err, domain.ErrResyncRequired)
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[2], toGroup("team"), nil)
	w.refused(err, domain.ErrNotInGroup)
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[2], toGroup("nowhere"), nil)
	w.refused(err, domain.ErrGroupNotFound)
	_, err = w.store.ConversationDigest(w.ctx, w.app.Num, users[2], domain.Target{User: "nobody"}, nil)
	w.refused(err, domain.ErrUserNotFound)
	// Another app's are as if they were not there.
	other := w.other()
	_, _, err = other.store.LogDigest(w.ctx, other.app.Num, users[0].Num, nil)
	w.refused(err, domain.ErrUserNotFound)
	_, err = other.store.ConversationDigest(w.ctx, other.app.Num, domain.UserRef{}, toGroup("team"), nil)
	w.refused(err, domain.ErrGroupNotFound)
}

func digestOfNothing(w *world) {
	users := w.users("alice", "bob")
	none := int64(0)
	for _, upto := range []*int64{nil, &none} {
		got, err := w.store.ConversationDigest(w.ctx, w.app.Num, users[0], toUser(users[1]), upto)
		w.wantDigest("digest", got, err, domain.LogDigest{})
	}
}

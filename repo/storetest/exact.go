package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
)

func exactTests() map[string]func(*world) {
	return map[string]func(*world){
		"Exact_TextsComeBackByteForByte":     exactTexts,
		"Exact_TimesAreKeptToTheMillisecond": exactTimes,
		"Exact_LongestValuesFit":             exactLengths,
		"Exact_EveryContentTypeComesBack":    exactContents,
		"Exact_EndedContextIsTheCallersOwn":  exactContext,
	}
}

// strange are texts that a database may change, cut or refuse.
func strange() []string {
	return []string{
		"👩‍👩‍👧‍👦 🇩🇪 𝒳 \U0010ffff", "e\u0301 é", "trailing ", " leading", "tab\tnew\nline\r", `back\slash 'quote' "double" %_ ?`,
		"\u202eright to left", "\ufeffmark", "--; DROP TABLE users", "\x01\x1a\x7f",
	}
}

func exactTexts(w *world) {
	users := w.users("alice", "bob")
	for _, text := range strange() {
		u := profile("carol")
		u.Nickname, u.AvatarURL = text, text
		u.Extra, _ = json.Marshal(map[string]string{text: text}) // cannot fail
		_, _, err := w.store.UpsertUsers(w.ctx, w.app.Num, []domain.User{u})
		w.ok(err)
		got, err := w.store.User(w.ctx, w.app.Num, "carol")
		w.ok(err)
		u.Num = got.Num
		w.same("user", got, u)

		out := w.outgoing(users[0], toUser(users[1]), text, "")
		out.Message.ClientMsgID = text
		out.Message.Content = json.RawMessage(`{"raw":"` + strings.ReplaceAll(text, `"`, `'`) + `"}`) // bytes as they are, valid or not
		_, err = w.store.Append(w.ctx, out)
		w.ok(err)
		log := w.log(users[1].Num)
		last := log[len(log)-1].Message
		w.same("content", string(last.Content), string(out.Message.Content))
		w.same("client_msg_id", last.ClientMsgID, text)
	}
}

func exactTimes(w *world) {
	users := w.users("alice", "bob")
	for _, at := range []time.Time{time.UnixMilli(1).UTC(), epoch, epoch.Add(time.Millisecond), time.Date(2199, 12, 31, 23, 59, 59, 999_000_000, time.UTC)} {
		out := w.outgoing(users[0], toUser(users[1]), "x", "c"+at.String())
		out.Message.SentAt = at
		first, err := w.store.Append(w.ctx, out)
		w.ok(err)
		w.same("receipt", first.SentAt, at)
		again, err := w.store.Append(w.ctx, out)
		w.ok(err)
		w.same("receipt of the repeat", again.SentAt, at)
		w.same("its message id", again.MessageID, first.MessageID)
		log := w.log(users[1].Num)
		w.same("stored", log[len(log)-1].Message.SentAt, at)
		w.ok(w.store.RevokeTokens(w.ctx, w.app.Num, "alice", at))
		w.same("revoked", w.subject(users[0], "", "").TokensRevokedAt, at)
	}
}

func exactLengths(w *world) {
	emoji := func(n int) string { return strings.Repeat("😀", n) } // a character of four bytes
	id := strings.Repeat("x", domain.MaxIDLength)
	extra := json.RawMessage(`{"x":"` + strings.Repeat("x", domain.MaxExtraBytes-8) + `"}`)
	u := domain.User{
		ID: domain.UserID(id), Nickname: emoji(domain.MaxName), Sex: domain.SexOther, AvatarURL: emoji(domain.MaxText), Extra: extra,
		CreatedAt: epoch, UpdatedAt: epoch,
	}
	made, _, err := w.store.UpsertUsers(w.ctx, w.app.Num, []domain.User{u})
	w.ok(err)
	got, err := w.store.User(w.ctx, w.app.Num, u.ID)
	w.ok(err)
	w.same("user", got, made[0])

	d := domain.Device{
		ID: domain.DeviceID(id), User: got.Ref(), Type: "android", Brand: emoji(domain.MaxName), Model: emoji(domain.MaxName),
		SystemVersion: emoji(domain.MaxName), SDKVersion: emoji(domain.MaxName), PushToken: emoji(domain.MaxText), CreatedAt: epoch,
	}
	_, err = w.store.CreateDevice(w.ctx, w.app.Num, d)
	w.ok(err)
	device, err := w.store.Device(w.ctx, w.app.Num, got.Num, d.ID)
	w.ok(err)
	w.same("device", device, d)

	g := groupOf(id, u.ID)
	g.Name, g.Introduction, g.AvatarURL, g.Extra = emoji(domain.MaxName), emoji(domain.MaxText), emoji(domain.MaxText), extra
	g, err = w.store.CreateGroup(w.ctx, w.app.Num, g, []domain.UserID{u.ID})
	w.ok(err)
	group, err := w.store.Group(w.ctx, w.app.Num, g.ID, 0)
	w.ok(err)
	w.same("group", group, g)

	out := w.outgoing(got.Ref(), toGroup(g.ID), "x", emoji(domain.MaxClientMsgID))
	out.Message.Sender.Device = d.ID
	out.Message.Content = json.RawMessage(`{"x":"` + strings.Repeat("y", domain.MaxContentBytes-8) + `"}`)
	for i := range domain.MaxMentions {
		out.Message.Mentions = append(out.Message.Mentions, id[:domain.MaxIDLength-1-i%2]+"z")
	}
	_, err = w.store.Append(w.ctx, out)
	w.ok(err)
	m := w.log(got.Num)[0].Message
	out.Message.Conversation, out.Message.ConversationSeq, out.Message.ID = m.Conversation, 1, m.ID
	w.same("message", m, &out.Message)
	_, err = w.store.UpdateApp(w.ctx, w.app.ID, func(a *domain.App) error { a.Name = emoji(domain.MaxName); return nil })
	w.ok(err)
}

func exactContents(w *world) {
	users := w.users("alice", "bob")
	types := []domain.ContentType{
		domain.ContentText, domain.ContentFace, domain.ContentVoice, domain.ContentImage, domain.ContentFile,
		domain.ContentLocation, domain.ContentCommand, domain.ContentCustom,
	}
	for i, typ := range types {
		out := w.outgoing(users[0], toUser(users[1]), "x", "")
		out.Message.Type, out.Message.Content = typ, json.RawMessage(`{"b":1.50,"a":12345678901234567890,"b2":null}`)
		out.Message.Mentions = []string{domain.MentionAll}
		_, err := w.store.Append(w.ctx, out)
		w.ok(err)
		m := w.log(users[1].Num)[i].Message
		w.same("type", m.Type, typ)
		w.same("content", string(m.Content), string(out.Message.Content))
		w.same("mentions", m.Mentions, []string{domain.MentionAll})
	}
}

// exactContext: a caller who hung up is not a failure of the store.
func exactContext(w *world) {
	w.user("alice")
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	_, errRead := w.store.User(ctx, w.app.Num, "alice")
	_, errList := w.store.Users(ctx, w.app.Num, domain.Page{Limit: 1})
	_, errUpdate := w.store.UpdateUser(ctx, w.app.Num, "alice", func(*domain.User) error { return nil })
	for _, err := range []error{errRead, errList, errUpdate} {
		if !errors.Is(err, context.Canceled) {
			w.Errorf("got %v, want the error of the context", err)
		}
	}
}

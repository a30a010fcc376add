package screen

import (
	"fmt"
	"strings"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// answer replies or reacts to a message of the others. It reports whether the line is
// well.
func (a *app) answer(what, rest string) (ok bool) {
	theirs, text, ok := a.pick(rest, "their messages", a.o.Session.Model().Theirs)
	switch {
	case !ok:
		return false
	case theirs == nil:
		a.say("There is no such message of others here.")
		return false
	case what == "reply" && text == "":
		a.say("/reply TEXT answers their last message, /reply #2 TEXT the one before.")
		return false
	case what == "reply":
		return a.send(text, theirs.ID)
	case text == "" || strings.Contains(text, " "):
		a.say("/react 👍 reacts to their last message, /react #2 👍 to the one before; again takes it back.")
		return false
	}
	a.o.Session.React(theirs.ID, text, !theirs.Has(text))
	return true
}

// search looks for messages. It reports whether the line is well.
func (a *app) search(query string) (ok bool) {
	if query == "" {
		a.say("/search WORDS finds the messages that have all of them.")
		return false
	}
	a.say("Searching…")
	a.o.Session.Search(query)
	return true
}

// found shows what a search has found.
func (a *app) found(f chat.Found) {
	if f.Err != nil {
		a.say("Cannot search: " + sentence(f.Err))
		return
	}
	a.notice = ""
	lines := []string{"Found for " + chat.CleanLine(f.Query) + ":", ""}
	if len(f.Items) == 0 {
		lines = []string{"Nothing has all words of " + chat.CleanLine(f.Query) + "."}
	}
	for i := range f.Items {
		m := &f.Items[i]
		lines = append(lines, fmt.Sprintf("%s  %s  %s: %s",
			a.moment(m.SentAt, a.o.Now()), chat.CleanLine(m.Conversation), chat.CleanLine(a.senderName(&m.Message)), chat.CleanLine(m.Text())))
	}
	if f.More && len(f.Items) > 0 {
		lines = append(lines, "", "There are more; further words narrow it down.")
	}
	a.cover(func() []string { return lines })
}

// tellReactions says in a line that somebody has reacted to a message of the user,
// which may be out of sight.
func (a *app) tellReactions(page []*wire.Message) {
	m := a.o.Session.Model()
	for _, pushed := range page {
		change := client.ChangeOf(pushed)
		if change == nil || change.Reaction == "" || change.TakenBack || change.By == m.Me() {
			continue
		}
		if own := m.Message(change.ConversationID, change.MessageID); own != nil && a.isOwn(own) {
			a.say(fmt.Sprintf("%s reacted with %s to: %s", change.By, change.Reaction, own.Text()))
		}
	}
}

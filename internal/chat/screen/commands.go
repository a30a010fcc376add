package screen

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// submit sends what was typed, or does it.
func (a *app) submit() {
	d := a.draft()
	text := strings.TrimRight(d.String(), " \n\t")
	switch {
	case strings.TrimSpace(text) == "":
		return
	case strings.HasPrefix(text, "//"):
		text = text[1:]
	case text[0] == '/':
		a.command(text)
		return
	}
	if a.send(text, "") {
		*d = editor{}
	}
}

// send sends a text to the open conversation, as an answer to a message where that
// has an id. It reports whether it could.
func (a *app) send(text, replyTo string) bool {
	c := a.o.Session.Model().Current()
	if c == nil {
		a.say("There is no conversation yet: /to NAME begins one.")
		return false
	}
	to := chat.TargetOf(c.ID)
	if to == nil {
		a.say("The business writes here; it cannot be answered.")
		return false
	}
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		a.say(err.Error())
		return false
	}
	a.o.Session.Send(&wire.Send{To: to, Type: "text", Content: content, ReplyTo: replyTo})
	a.scrolls[c.ID] = &scroll{}
	a.overlay = nil
	delete(a.typed, c.ID) // the next one is told at once
	return true
}

// command carries out a line that begins with a slash. One that is wrong stays in
// the editor, to be put right.
func (a *app) command(line string) {
	name, rest, _ := strings.Cut(line[1:], " ")
	rest = strings.TrimSpace(rest)
	before := a.draft()
	switch name {
	case "to":
		id, err := chat.ParseConversation(rest)
		if err != nil {
			a.say(err.Error())
			return
		}
		a.open(id)
	case "who":
		a.cover(a.who)
		if c := a.o.Session.Model().Current(); c != nil {
			a.o.Session.Look(c.ID)
		}
	case "help":
		a.cover(help)
	case "retry":
		a.retry()
	case "recall", "edit":
		if !a.change(name, rest) {
			return
		}
	case "react", "reply":
		if !a.answer(name, rest) {
			return
		}
	case "search":
		if !a.search(rest) {
			return
		}
	case "quit", "exit", "q":
		a.quit()
	default:
		a.say("There is no /" + name + "; /help lists what there is. Begin with // to send it.")
		return
	}
	*before = editor{}
}

// retry sends the last message anew that was refused.
func (a *app) retry() {
	m := a.o.Session.Model()
	c := m.Current()
	if c == nil {
		return
	}
	if send, ok := m.TakeFailed(c.ID); ok {
		a.o.Session.Send(send)
		a.scrolls[c.ID] = &scroll{}
		return
	}
	a.say("Nothing has failed here.")
}

// change recalls or edits an own message: the last one, or with #2 the last but one
// and so on. It reports whether the line is well.
func (a *app) change(what, rest string) (ok bool) {
	own, text, ok := a.pick(rest, "your messages", a.o.Session.Model().Own)
	switch {
	case !ok:
		return false
	case own == nil:
		a.say("You have no such message here.")
		return false
	case what == "recall" && text != "":
		a.say("/recall takes back your last message, /recall #2 the one before.")
		return false
	case what == "recall":
		a.o.Session.Recall(own.ID)
		return true
	case text == "" || own.Type != "text":
		a.say("/edit TEXT replaces the text of your last message, /edit #2 TEXT that of the one before.")
		return false
	}
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		a.say(err.Error())
		return false
	}
	a.o.Session.Edit(own.ID, content)
	return true
}

// pick reads which of some messages of the open conversation a line is about: the
// last one, or with #2 the last but one and so on. It returns what the line says
// besides; ok is false where the number is none.
func (a *app) pick(line, of string, nth func(id string, n int) *chat.Message) (m *chat.Message, rest string, ok bool) {
	n, rest := 1, line
	if number, found := strings.CutPrefix(line, "#"); found {
		number, rest, _ = strings.Cut(number, " ")
		var err error
		if n, err = strconv.Atoi(number); err != nil {
			a.say("Say #2 for the last but one of " + of + ", and so on.")
			return nil, "", false
		}
	}
	if c := a.o.Session.Model().Current(); c != nil {
		m = nth(c.ID, n)
	}
	return m, strings.TrimSpace(rest), true
}

// help is what /help shows.
func help() []string {
	return []string{
		"Enter            send",
		"Ctrl-J           a new line",
		"Tab, Shift-Tab   next, previous conversation",
		"PgUp, PgDn       earlier, later messages",
		"Up, Down         the same, line by line",
		"Esc              back to the newest message",
		"Ctrl-C           leave",
		"",
		"/to bob          write to a user, or /to group:team",
		"/who             who is there",
		"/recall          take back your last message",
		"/edit TEXT       replace what it says",
		"/recall #2       the same with the one before",
		"/reply TEXT      answer their last message",
		"/react 👍        react to it, or take that back",
		"/search WORDS    find messages",
		"/retry           send again what failed",
		"/quit            leave",
	}
}

// who is what /who shows: whom one is writing with, and how it stands with them.
func (a *app) who() []string {
	c := a.o.Session.Model().Current()
	if c == nil {
		return []string{"No conversation is open."}
	}
	users := []string{chat.Peer(c.ID)}
	if group := chat.Group(c.ID); group != "" {
		users = a.o.Session.Members(group)
		if len(users) == 0 {
			return []string{"The members are not known yet."}
		}
	} else if users[0] == "" {
		return []string{"This is the business that runs the service."}
	}
	widest := 0
	for _, user := range users {
		widest = max(widest, width(user))
	}
	var lines []string
	for _, user := range users {
		state, _ := a.presence(user, a.o.Now())
		switch {
		case user == a.o.Session.Model().Me():
			state = "● you"
		case state == "":
			state = "· not known"
		}
		lines = append(lines, fmt.Sprintf("%-*s  %s", widest, user, state))
	}
	return lines
}

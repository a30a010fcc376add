package script

import (
	"fmt"
	"strings"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
	"github.com/gim-im/gim/wire"
)

// plainPrinter prints messages for people, and everything else beside them, on
// Err. Signals and presence are left out.
type plainPrinter struct{ o Options }

func (p *plainPrinter) beside(format string, args ...any) {
	fmt.Fprintf(p.o.Err, "gim: "+format+"\n", args...)
}

func (p *plainPrinter) note(text string) { p.beside("%s", text) }

// clock writes a time.
func (p *plainPrinter) clock(t time.Time) string {
	return t.In(p.o.Location).Format("2006-01-02 15:04:05")
}

// message prints: time, conversation, sender, text. Further lines of the text are
// indented. A group event that says nothing is left out.
func (p *plainPrinter) message(m *wire.Message) {
	shown := chat.Message{
		SenderType: m.GetSender().GetType(), Type: m.GetType(), Content: m.GetContent(), SentAt: time.UnixMilli(m.GetSentAt()),
		Status: m.GetStatus(),
	}
	sender := m.GetSender().GetUserId()
	if m.GetSender().GetType() != "user" {
		sender = m.GetSender().GetType()
	}
	text := strings.ReplaceAll(shown.Text(), "\n", "\n    ")
	if to := m.GetReplyTo(); to != nil {
		text = fmt.Sprintf("[answers message %d] %s", to.GetConversationSeq(), text)
	}
	if shown.IsEvent() {
		if text = p.news(m, &shown); text == "" {
			return
		}
	}
	at := p.clock(shown.SentAt)
	fmt.Fprintf(p.o.Out, "%s %s %s: %s\n", at, chat.CleanLine(m.GetConversationId()), chat.CleanLine(sender), text)
}

// news is what is printed of news. What becomes of a message is told too: the line of
// the message cannot be changed any more.
func (p *plainPrinter) news(m *wire.Message, shown *chat.Message) string {
	change := client.ChangeOf(m)
	switch {
	case change == nil:
		return shown.EventLine(p.clock)
	case change.Recalled:
		return fmt.Sprintf("[message %d was recalled]", change.MessageSeq)
	case change.Deleted:
		return fmt.Sprintf("[message %d of %s was deleted here]", change.MessageSeq, chat.CleanLine(change.ConversationID))
	case change.Reaction != "":
		did := "reacted with"
		if change.TakenBack {
			did = "took back"
		}
		return fmt.Sprintf("[%s %s %s, message %d]", chat.CleanLine(change.By), did, chat.CleanLine(change.Reaction), change.MessageSeq)
	case change.Content == nil:
		return ""
	}
	edited := chat.Message{Type: "text", Content: change.Content}
	return fmt.Sprintf("[message %d was edited] %s", change.MessageSeq, strings.ReplaceAll(edited.Text(), "\n", "\n    "))
}

func (p *plainPrinter) state(s client.State) {
	switch s.Phase {
	case client.Connected:
		p.beside("connected to %s as %s", p.o.Address, s.SignedIn.GetUserId())
	case client.Waiting:
		p.beside("no connection: %v; trying again in %v", s.Err, s.Delay.Round(100*time.Millisecond))
	}
}

func (*plainPrinter) signal(*wire.PushedSignal) {}

func (*plainPrinter) presence([]*wire.UserPresence) {}

func (p *plainPrinter) restarted(string) { p.beside("the log has begun anew on the server") }

func (*plainPrinter) sent(line, *wire.Sent) {} // it comes as a message

func (*plainPrinter) acted(line, string) {}

func (*plainPrinter) found(line, *client.FoundMessages) {} // only a line of JSON asks for it

func (*plainPrinter) watched(line, []*wire.UserPresence) {}

func (p *plainPrinter) refused(l line, err error) {
	code, message := codeOf(err)
	p.beside("line %d was not sent: %s: %s", l.number, code, chat.CleanLine(message))
}

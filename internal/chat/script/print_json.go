package script

import (
	"encoding/json"
	"fmt"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// jsonPrinter prints an object a line. What the long connection has a form for has
// the same form here.
type jsonPrinter struct {
	o   Options
	buf []byte // of the line at hand
}

// begin begins an object.
func (p *jsonPrinter) begin(event string) {
	p.buf = fmt.Appendf(p.buf[:0], `{"event":%q`, event)
}

// member adds a member whose value is encoded here.
func (p *jsonPrinter) member(name string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		raw = []byte("null") // values here are texts, numbers and what was JSON before
	}
	p.buf = append(fmt.Appendf(p.buf, `,%q:`, name), raw...)
}

// frame adds the body of a frame, as the long connection has it in JSON.
func (p *jsonPrinter) frame(f *wire.ServerFrame) {
	raw := wire.AppendFrame(nil, wire.JSON, f) // {"name":{…}}
	p.buf = append(append(p.buf, ','), raw[1:len(raw)-1]...)
}

// line adds which line it is about.
func (p *jsonPrinter) line(l line) {
	if l.number > 0 {
		p.member("line", l.number)
	}
	if l.id > 0 {
		p.member("id", l.id)
	}
	if l.clientMsgID != "" {
		p.member("client_msg_id", l.clientMsgID)
	}
}

func (p *jsonPrinter) end() { _, _ = p.o.Out.Write(append(p.buf, '}', '\n')) }

func (p *jsonPrinter) note(text string) {
	p.begin("note")
	p.member("text", text)
	p.end()
}

func (p *jsonPrinter) message(m *wire.Message) {
	p.begin("message")
	p.buf = wire.AppendMessageJSON(append(p.buf, `,"message":`...), m)
	p.end()
}

func (p *jsonPrinter) state(s client.State) {
	p.begin("state")
	p.member("state", s.Phase.String())
	switch s.Phase {
	case client.Connected:
		p.member("address", p.o.Address)
		p.frame(&wire.ServerFrame{Body: &wire.ServerFrame_SignedIn{SignedIn: s.SignedIn}})
	case client.Waiting:
		p.member("delay_ms", s.Delay.Milliseconds())
	}
	if s.Err != nil {
		p.member("reason", s.Err.Error())
	}
	p.end()
}

func (p *jsonPrinter) signal(s *wire.PushedSignal) {
	p.begin("signal")
	p.frame(&wire.ServerFrame{Body: &wire.ServerFrame_Signal{Signal: s}})
	p.end()
}

func (p *jsonPrinter) presence(users []*wire.UserPresence) {
	p.begin("presence")
	p.frame(presenceFrame(users))
	p.end()
}

func presenceFrame(users []*wire.UserPresence) *wire.ServerFrame {
	return &wire.ServerFrame{Body: &wire.ServerFrame_Presence{Presence: &wire.Presence{Items: users}}}
}

func (p *jsonPrinter) restarted(epoch string) {
	p.begin("restarted")
	p.member("epoch", epoch)
	p.end()
}

func (p *jsonPrinter) sent(l line, sent *wire.Sent) {
	p.begin("sent")
	p.line(l)
	p.frame(&wire.ServerFrame{Body: &wire.ServerFrame_Sent{Sent: sent}})
	p.end()
}

func (p *jsonPrinter) acted(l line, event string) {
	p.begin(event)
	p.line(l)
	p.end()
}

func (p *jsonPrinter) found(l line, page *client.FoundMessages) {
	p.begin("found")
	p.line(l)
	p.member("items", page.Items)
	p.member("next_cursor", page.NextCursor)
	p.end()
}

func (p *jsonPrinter) watched(l line, users []*wire.UserPresence) {
	p.begin("watched")
	p.line(l)
	p.frame(presenceFrame(users))
	p.end()
}

func (p *jsonPrinter) refused(l line, err error) {
	p.begin("refused")
	p.line(l)
	code, message := codeOf(err)
	p.member("error", struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message})
	p.end()
}

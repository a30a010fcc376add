package screen

import (
	"fmt"
	"time"

	"github.com/gdamore/tcell/v3"

	"github.com/gim-im/gim/internal/chat"
)

// row is one row of the message pane.
type row struct {
	of    string // the message that it belongs to
	part  int    // which of the message's rows it is, from 0 on
	spans []span
	// head is when and by whom the message was sent. It is drawn with its first row,
	// and at the top of the pane, where that may be out of sight.
	head  []span
	first bool // head is drawn anyway
	// centre puts the row's only span in the middle, between lines of rule.
	centre bool
	rule   string
}

// span is a piece of text from a column on.
type span struct {
	x     int
	text  string
	style tcell.Style
}

const (
	clockWidth = 5
	maxName    = 12 // cells of a sender's name
	// margin stays free at the right: some terminals draw an emoji with a skin tone
	// wider than it is, and would go on in the next row.
	margin = 2
)

// rows lays out the messages of a conversation for a pane of a width.
func (a *app) rows(c *chat.Conversation, width int, now time.Time) []row {
	l := &layout{app: a, c: c, width: width, now: now, names: a.nameWidth(c, width)}
	if !c.Complete {
		text := "PgUp for earlier messages"
		if a.o.Session.Reading(c.ID) {
			text = "reading earlier messages…"
		}
		l.middle("", text, dim, " ")
	}
	for i := range c.Messages {
		l.message(&c.Messages[i])
	}
	for i := range c.Pending {
		l.message(&c.Pending[i])
	}
	if l.last == nil && c.Complete {
		l.middle("", "No messages yet", dim, " ")
	}
	return l.rows
}

// nameWidth is the width of the column of names: as narrow as the names allow.
func (a *app) nameWidth(c *chat.Conversation, pane int) int {
	limit := maxName
	if pane < 50 {
		limit = 8
	}
	widest := width("you")
	for i := range c.Messages {
		if m := &c.Messages[i]; !m.IsEvent() {
			widest = max(widest, width(a.senderName(m)))
		}
	}
	return min(widest, limit)
}

// layout is where the rows of a pane are made.
type layout struct {
	app   *app
	c     *chat.Conversation
	width int
	names int
	now   time.Time

	rows    []row
	last    *chat.Message // above
	part    int           // rows of the message at hand
	head    []span        // of the message at hand
	divided bool
}

// key names a message within its conversation; it stays when the message is
// acknowledged.
func key(m *chat.Message) string {
	if m.ClientMsgID != "" {
		return m.ClientMsgID
	}
	return m.ID
}

func (l *layout) add(of string, spans ...span) {
	l.rows = append(l.rows, row{of: of, part: l.part, spans: spans, head: l.head})
	l.part++
}

func (l *layout) middle(of, text string, style tcell.Style, rule string) {
	l.rows = append(l.rows, row{of: of, part: l.part, centre: true, rule: rule, spans: []span{{text: text, style: style}}})
	l.part++
}

// message lays out one message, with what separates it from the one above.
func (l *layout) message(m *chat.Message) {
	l.part = 0
	if m.IsEvent() {
		l.event(m)
		return
	}
	apart := l.separate(m)
	textAt := clockWidth + 1 + l.names + 1
	style := plain
	switch {
	case m.Stage == chat.Sending:
		style = dim
	case m.Type != "text" || m.Status == chat.Recalled:
		style = plain.Italic(true)
	}
	text := wrap(m.Text(), l.width-textAt-margin)
	if l.namesMe(m) {
		style = style.Bold(true)
	}
	l.head = []span{
		{0, l.app.clock(m.SentAt), dim}, {clockWidth + 1, fit(l.app.senderName(m), l.names), l.nameStyle(m)},
	}
	first := len(l.rows)
	l.quote(m, textAt)
	for _, line := range text {
		l.add(key(m), span{textAt, line, style})
	}
	l.rows[first].first = apart || !l.continues(m)
	l.mark(m, textAt+width(text[len(text)-1]), textAt)
	l.reactions(m, textAt)
	l.last = m
}

// sign puts a sign into the column before the text of the last row, where no message
// can have put it.
func (l *layout) sign(sign string, textAt int, style tcell.Style) {
	row := &l.rows[len(l.rows)-1]
	row.spans = append(row.spans, span{textAt - 1, sign, style})
}

// quote lays out a row of the message that m answers.
func (l *layout) quote(m *chat.Message, textAt int) {
	if m.ReplyTo == nil {
		return
	}
	text := "an earlier message"
	if quoted := l.c.Quoted(m); quoted != nil {
		text = l.app.senderName(quoted) + ": " + chat.CleanLine(quoted.Text())
	}
	l.add(key(m), span{textAt + 1, fit(text, l.width-textAt-1-margin), dim})
	l.sign("›", textAt, dim)
}

// reactions lays out how users have reacted to m.
func (l *layout) reactions(m *chat.Message, textAt int) {
	if len(m.Reactions) == 0 {
		return
	}
	for i, line := range wrap(m.ReactionLine(), l.width-textAt-1-margin) {
		l.add(key(m), span{textAt + 1, line, dim})
		if i == 0 {
			l.sign("·", textAt, dim)
		}
	}
}

// event lays out a group event; one that says nothing has no row. It has a time
// and no name, so that no message can pass for one, also without dim text.
func (l *layout) event(m *chat.Message) {
	text := l.app.eventLine(m, l.now)
	if text == "" {
		return
	}
	l.separate(m)
	textAt := clockWidth + 1 + l.names + 1
	l.head = []span{{0, l.app.clock(m.SentAt), dim}}
	for i, line := range wrap(text, l.width-textAt-margin) {
		l.add(key(m), span{textAt, line, dim})
		l.rows[len(l.rows)-1].first = i == 0
	}
	l.last = m
}

// separate draws the line of a new day and that of what is new. It reports
// whether it did.
func (l *layout) separate(m *chat.Message) (apart bool) {
	at := m.SentAt.In(l.app.o.Location)
	if l.last == nil || !sameDay(at, l.last.SentAt.In(l.app.o.Location)) {
		format := "Monday 2 January"
		if at.Year() != l.now.In(l.app.o.Location).Year() {
			format = "Monday 2 January 2006"
		}
		l.middle(key(m), " "+at.Format(format)+" ", dim, " ")
		apart = true
	}
	own := l.app.isOwn(m)
	if l.c.NewFrom > 0 && !l.divided && !own && m.Seq >= l.c.NewFrom {
		l.middle(key(m), " new ", newMark, "─")
		l.divided, apart = true, true
	}
	return apart
}

// continues reports whether m goes on where the message above ended, so that it
// needs neither time nor name.
func (l *layout) continues(m *chat.Message) bool {
	above := l.last
	return above != nil && above.Stage != chat.Failed && above.SenderType == m.SenderType && above.Sender == m.Sender &&
		l.app.clock(above.SentAt) == l.app.clock(m.SentAt) && sameDay(above.SentAt.In(l.app.o.Location), m.SentAt.In(l.app.o.Location))
}

// namesMe reports whether somebody mentions the user.
func (l *layout) namesMe(m *chat.Message) bool {
	return !l.app.isOwn(m) && m.Names(l.app.o.Session.Model().Me())
}

func (l *layout) nameStyle(m *chat.Message) tcell.Style {
	switch {
	case m.SenderType != "user":
		return bold
	case m.Sender == l.app.o.Session.Model().Me():
		return myself
	}
	return nameStyle(m.Sender)
}

// mark says how far an own message has come, behind its last row if there is
// room.
func (l *layout) mark(m *chat.Message, end, textAt int) {
	text, style := "", dim
	switch {
	case m.Stage == chat.Failed:
		for _, line := range wrap("✗ not sent: "+chat.CleanLine(m.Failure)+" (/retry)", l.width-textAt-margin) {
			l.add(key(m), span{textAt, line, bad})
		}
		return
	case m.Stage == chat.Sending:
		text = " sending…"
	case m.Stage == chat.Passing:
		text = " (kept nowhere)"
	case m.Status == chat.Recalled:
		return
	case l.app.isOwn(m):
		text, style = l.reached(m), good
	case l.namesMe(m):
		text, style = " (@you)", newMark
	}
	if m.Status == chat.Edited {
		text = " (edited)" + text
	}
	if m.Forwarded {
		text = " (forwarded)" + text
	}
	if text == "" {
		return
	}
	if end+width(text) <= l.width {
		last := &l.rows[len(l.rows)-1]
		last.spans = append(last.spans, span{end, text, style})
		return
	}
	l.add(key(m), span{textAt, text[1:], style})
}

// reached is the mark of an own message that is stored: ✓, ✓✓ once others have it,
// and that they have read it; in a group, how many.
func (l *layout) reached(m *chat.Message) string {
	text, users := " ✓✓ read", l.c.ReadBy(m)
	if users == 0 {
		text, users = " ✓✓", l.c.DeliveredTo(m)
	}
	switch {
	case users == 0:
		return " ✓"
	case chat.Group(l.c.ID) != "":
		return fmt.Sprintf("%s %d", text, users)
	}
	return text
}

// draw draws the row; top says that it is the first one on the screen.
func (r *row) draw(b box, y int, top bool) {
	if !r.centre {
		if r.first || top {
			for _, s := range r.head {
				b.put(s.x, y, s.text, s.style)
			}
		}
		for _, s := range r.spans {
			b.put(s.x, y, s.text, s.style)
		}
		return
	}
	text := fit(r.spans[0].text, b.width)
	if r.rule != " " {
		b.fill(y, r.rule, r.spans[0].style)
	}
	b.put((b.width-width(text))/2, y, text, r.spans[0].style)
}

// scroll is where the pane stands: at the end, or with a row at its bottom.
type scroll struct {
	held bool // else the pane follows what comes
	of   string
	part int
}

// bottom finds the row at the bottom of the pane.
func (s *scroll) bottom(rows []row) int {
	if !s.held {
		return len(rows) - 1
	}
	found := -1
	for i := range rows {
		if rows[i].of == s.of && rows[i].part <= s.part {
			found = i
		}
	}
	if found < 0 {
		*s = scroll{}
		return len(rows) - 1
	}
	return found
}

// hold makes a row the one at the bottom; the last one lets go.
func (s *scroll) hold(rows []row, at int) {
	if at >= len(rows)-1 || at < 0 {
		*s = scroll{}
		return
	}
	*s = scroll{held: true, of: rows[at].of, part: rows[at].part}
}

// below tells how many rows are below the pane.
func below(rows []row, bottom int) string {
	n := len(rows) - 1 - bottom
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("↓ %d more", n)
}

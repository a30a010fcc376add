package screen

import (
	"fmt"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/chat"
)

const (
	wideFrom  = 64 // cells from which on the list is beside the messages
	maxInput  = 5  // rows of the editor
	minHeight = 6  // rows below which nothing can be shown
	minWidth  = 20
)

// draw draws everything anew. The terminal gets what has changed.
func (a *app) draw() {
	screen := canvas(a.o.Screen)
	if a.o.Screen.Colors() == 0 {
		screen = monochrome{screen}
	}
	screen.Clear()
	w, h := screen.Size()
	all := box{screen, 0, 0, w, h}
	if w < minWidth || h < minHeight {
		all.put(0, 0, "Too small", plain)
		screen.HideCursor()
		return
	}
	now := a.o.Now()
	a.drawBar(all.part(0, 0, w, 1), now)
	input, x, y := a.draft().rows(w - 2 - margin)
	shown := min(len(input), maxInput, h-minHeight+1)
	first := min(max(0, y-shown+1), len(input)-shown)
	bottom := h - 2 - shown // the line above the editor
	a.drawBody(all.part(0, 1, w, bottom-1), now)
	a.drawTyping(all.part(0, bottom, w, 1), now)
	for i, text := range input[first : first+shown] {
		line := all.part(0, bottom+1+i, w, 1)
		if i == 0 {
			line.put(0, 0, "› ", bold)
		}
		line.put(2, 0, text, plain)
	}
	screen.ShowCursor(2+x, bottom+1+y-first)
	a.drawHint(all.part(0, h-1, w, 1), now)
}

// drawBar draws the top: who, where, and how the connection is.
func (a *app) drawBar(b box, now time.Time) {
	b.fill(0, " ", bar)
	text, style := a.link(now)
	text = fit(text, b.width-2)
	state, _ := a.o.Session.Connection()
	if state.Phase != client.Connected {
		style = style.Bold(true)
	}
	x := b.width - 1 - width(text)
	b.put(x, 0, text, style.Reverse(true))
	b.part(0, 0, x-1, 1).put(1, 0, "gim · "+a.o.Session.Model().Me(), bar.Bold(true))
}

// drawBody draws the list and the messages, side by side if there is room.
func (a *app) drawBody(b box, now time.Time) {
	if b.width < wideFrom {
		a.drawPane(b, now, true)
		return
	}
	list := min(max(b.width*3/10, 20), 30)
	a.drawList(b.part(0, 0, list, b.height), now)
	for y := range b.height {
		b.put(list, y, "│", dim)
	}
	a.drawPane(b.part(list+2, 0, b.width-list-2, b.height), now, false)
}

// drawList draws the conversations, each with its last message if there is room.
func (a *app) drawList(b box, now time.Time) {
	list := a.o.Session.Model().List()
	current := a.o.Session.Model().Current()
	each := 1
	if 2*len(list) <= b.height {
		each = 2
	}
	at := 0
	for i := range list {
		if list[i] == current {
			at = i
		}
	}
	room := max(1, b.height/each)
	first := min(max(0, at-room+1), max(0, len(list)-room))
	for i, c := range list[first:min(len(list), first+room)] {
		a.drawEntry(b.part(0, i*each, b.width, each), c, c == current, now)
	}
}

// drawEntry draws one conversation of the list.
func (a *app) drawEntry(b box, c *chat.Conversation, current bool, now time.Time) {
	title, tail := plain, dim
	if c.Unread > 0 {
		title = bold
	}
	if current {
		b.fill(0, " ", chosen)
		title, tail = chosen.Bold(c.Unread > 0), chosen
	}
	dot, style := a.dot(c.ID)
	if current {
		style = chosen
	}
	b.put(1, 0, dot, style)
	count := ""
	if c.Unread > 0 {
		count = fmt.Sprintf("%d", c.Unread)
		if c.Mentioned {
			count = "@ " + count
		}
	}
	x := b.width - 1 - width(count)
	b.put(x, 0, count, title)
	b.put(3, 0, fit(chat.CleanLine(c.Title()), x-4), title)
	if b.height < 2 {
		return
	}
	preview := a.preview(c)
	if users := c.Typing(now); len(users) > 0 {
		preview = "typing…"
	}
	if current {
		tail = dim
	}
	b.put(3, 1, fit(preview, b.width-4), tail)
}

// preview is the last message in a line.
func (a *app) preview(c *chat.Conversation) string {
	m, ok := c.Last()
	if !ok {
		return ""
	}
	if m.IsEvent() {
		return a.eventLine(&m, a.o.Now())
	}
	text := chat.CleanLine(m.Text())
	if m.SenderType == "user" && (m.Sender == a.o.Session.Model().Me() || chat.Group(c.ID) != "") {
		text = a.senderName(&m) + ": " + text
	}
	switch m.Stage { //nolint:exhaustive // the others need no sign
	case chat.Failed:
		text = "✗ " + text
	case chat.Sending:
		text = "… " + text
	}
	return text
}

// drawPane draws the open conversation. alone says that the list is not beside it,
// so that the header tells what else is unread.
func (a *app) drawPane(b box, now time.Time, alone bool) {
	a.paneRows = nil
	c := a.o.Session.Model().Current()
	if c == nil {
		a.drawWelcome(b)
		return
	}
	header := b.part(0, 0, b.width, 1)
	text, style := a.about(c.ID, now)
	if others := a.o.Session.Model().Unread() - c.Unread; alone && others > 0 {
		text, style = fmt.Sprintf("+%d elsewhere", others), bold
	}
	x, at := header.right(0, text, style), 0
	if alone {
		dot, style := a.dot(c.ID)
		if chat.Peer(c.ID) != "" {
			at = header.put(0, 0, dot+" ", style)
		}
	}
	title := chat.CleanLine(c.Title())
	if group := chat.Group(c.ID); group != "" {
		if title == group {
			title = "#" + group
		} else {
			title = "#" + title + " (" + group + ")"
		}
	}
	header.put(at, 0, fit(title, max(0, x-1-at)), bold.Underline(true))
	messages := b.part(0, 1, b.width, b.height-1)
	if a.overlay != nil {
		a.drawOverlay(messages)
		return
	}
	a.drawMessages(messages, c, now)
}

func (a *app) drawMessages(b box, c *chat.Conversation, now time.Time) {
	rows := a.rows(c, b.width, now)
	s := a.scroll(c.ID)
	bottom := s.bottom(rows)
	bottom = max(bottom, min(len(rows), b.height)-1) // no hole below
	a.paneRows, a.paneBottom, a.paneHeight = rows, bottom, b.height
	top := max(0, bottom-b.height+1)
	for i := top; i <= bottom; i++ {
		rows[i].draw(b, b.height-1-(bottom-i), i == top)
	}
	if text := below(rows, bottom); text != "" {
		if c.Unread > 0 {
			text = fmt.Sprintf("↓ %d new", c.Unread)
		}
		b.right(b.height-1, " "+text+" ", bar)
	}
}

// drawWelcome says how to begin.
func (a *app) drawWelcome(b box) {
	lines := []string{"No conversations yet.", "", "/to bob begins one.", "/help shows the keys."}
	if !a.caughtUp() || !a.wasConnected {
		lines = []string{"Reading what there is…"}
	}
	if a.overlay != nil {
		a.drawOverlay(b)
		return
	}
	for y, line := range lines {
		b.put(1, y+1, fit(line, b.width-1), plain)
	}
}

func (a *app) drawOverlay(b box) {
	b = b.part(1, 1, b.width-1, b.height-1)
	lines := a.overlay()
	a.paneHeight = b.height
	a.overlayTop = max(0, min(a.overlayTop, len(lines)-b.height))
	for y, line := range lines[a.overlayTop:min(len(lines), a.overlayTop+b.height)] {
		b.put(0, y, fit(line, b.width), plain)
	}
	if rest := len(lines) - a.overlayTop - b.height; rest > 0 {
		b.right(b.height-1, fmt.Sprintf(" ↓ %d more ", rest), bar)
	}
}

// drawTyping draws the line above the editor, and who is typing on it.
func (a *app) drawTyping(b box, now time.Time) {
	b.fill(0, "─", dim)
	if c := a.o.Session.Model().Current(); c != nil {
		if text := typing(c.Typing(now)); text != "" {
			b.put(2, 0, fit(" "+text+" ", b.width-4), good)
		}
	}
}

// drawHint draws the last row: what there is to say, or the keys.
func (a *app) drawHint(b box, now time.Time) {
	state, _ := a.o.Session.Connection()
	why := because(state)
	switch {
	case a.notice != "" && now.Before(a.noticeUntil):
		b.put(1, 0, fit(chat.CleanLine(a.notice), b.width-2), warning)
	case state.Phase == client.Closed:
		b.put(1, 0, fit("Disconnected: "+chat.CleanLine(why)+". Ctrl-C leaves.", b.width-2), bad)
	case why != "":
		b.put(1, 0, fit("No connection: "+chat.CleanLine(why)+".", b.width-2), dim)
	case a.overlay != nil:
		b.put(1, 0, "Esc goes back", dim)
	default:
		hints := "Enter send · Tab next · PgUp earlier · /help"
		b.put(1, 0, fit(hints, b.width-2), dim)
	}
}

package screen

import (
	"github.com/gdamore/tcell/v3"

	"github.com/gim-im/gim/internal/chat"
)

// handle takes what the terminal says.
func (a *app) handle(event tcell.Event) {
	switch e := event.(type) {
	case *tcell.EventKey:
		a.key(e)
	case *tcell.EventPaste:
		a.pasting = e.Start()
	case *tcell.EventFocus:
		a.away = !e.Focused
		if c := a.o.Session.Model().Current(); c != nil && !a.away {
			a.o.Session.Model().MarkNew(c.ID)
		}
	case *tcell.EventResize:
		a.o.Screen.Sync()
	}
}

func (a *app) key(e *tcell.EventKey) {
	if a.pasting {
		a.paste(e)
		return
	}
	alt := e.Modifiers()&tcell.ModAlt != 0
	if a.global(e, alt) || a.edit(e, alt) {
		return
	}
	if e.Key() == tcell.KeyRune && !alt {
		if a.overlay != nil {
			a.uncover()
		}
		a.draft().insert(e.Str())
		a.typing()
	}
}

// paste takes a key that is part of a pasted text.
func (a *app) paste(e *tcell.EventKey) {
	switch e.Key() { //nolint:exhaustive // a text has no other keys
	case tcell.KeyRune:
		a.draft().insert(e.Str())
	case tcell.KeyEnter, tcell.KeyCtrlJ:
		a.draft().insert("\n")
	case tcell.KeyTab:
		a.draft().insert("\t")
	}
	a.typing()
}

// global handles the keys that are about more than the line of text. It reports
// whether e is one.
func (a *app) global(e *tcell.EventKey, alt bool) bool {
	switch e.Key() { //nolint:exhaustive // the others are for the editor
	case tcell.KeyCtrlC:
		a.quit()
	case tcell.KeyCtrlL:
		a.o.Screen.Sync()
	case tcell.KeyEsc:
		a.escape()
	case tcell.KeyTab, tcell.KeyCtrlN:
		a.turn(1)
	case tcell.KeyBacktab, tcell.KeyCtrlP:
		a.turn(-1)
	case tcell.KeyUp:
		if alt {
			a.turn(-1)
		} else {
			a.scrollBy(-1)
		}
	case tcell.KeyDown:
		if alt {
			a.turn(1)
		} else {
			a.scrollBy(1)
		}
	case tcell.KeyPgUp:
		a.scrollBy(-max(1, a.paneHeight-1))
	case tcell.KeyPgDn:
		a.scrollBy(max(1, a.paneHeight-1))
	case tcell.KeyEnter:
		if alt {
			a.draft().insert("\n")
		} else {
			a.submit()
		}
	case tcell.KeyCtrlJ:
		a.draft().insert("\n")
	default:
		return false
	}
	return true
}

// edit handles the keys that move in the text or take something away.
func (a *app) edit(e *tcell.EventKey, alt bool) bool {
	d := a.draft()
	word := alt || e.Modifiers()&tcell.ModCtrl != 0
	switch e.Key() { //nolint:exhaustive // the others are not for the editor
	case tcell.KeyLeft:
		if word {
			d.cursor = d.wordLeft()
		} else {
			d.move(-1)
		}
	case tcell.KeyRight:
		if word {
			d.cursor = d.wordRight()
		} else {
			d.move(1)
		}
	case tcell.KeyCtrlB:
		d.move(-1)
	case tcell.KeyCtrlF:
		d.move(1)
	case tcell.KeyHome, tcell.KeyCtrlA:
		d.cursor = d.lineStart()
	case tcell.KeyEnd, tcell.KeyCtrlE:
		d.cursor = d.lineEnd()
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		if alt {
			d.remove(d.wordLeft(), d.cursor)
		} else {
			d.remove(d.cursor-1, d.cursor)
		}
	case tcell.KeyDelete, tcell.KeyCtrlD:
		d.remove(d.cursor, d.cursor+1)
	case tcell.KeyCtrlW:
		d.remove(d.wordLeft(), d.cursor)
	case tcell.KeyCtrlU:
		d.remove(d.lineStart(), d.cursor)
	case tcell.KeyCtrlK:
		d.remove(d.cursor, d.lineEnd())
	case tcell.KeyRune:
		return alt && a.altRune(e.Str())
	default:
		return false
	}
	return true
}

// altRune handles a letter with Alt, as shells have it.
func (a *app) altRune(s string) bool {
	d := a.draft()
	switch s {
	case "b":
		d.cursor = d.wordLeft()
	case "f":
		d.cursor = d.wordRight()
	case "d":
		d.remove(d.cursor, d.wordRight())
	default:
		return false
	}
	return true
}

// escape takes away what is in the way, one thing at a time.
func (a *app) escape() {
	c := a.o.Session.Model().Current()
	switch {
	case a.overlay != nil:
		a.uncover()
	case c != nil && a.scroll(c.ID).held:
		a.follow(c)
	default:
		a.notice = ""
	}
}

// follow goes to the newest message.
func (a *app) follow(c *chat.Conversation) {
	a.o.Session.Model().MarkNew(c.ID)
	*a.scroll(c.ID) = scroll{}
}

// scrollBy moves the pane by rows; below 0 is up.
func (a *app) scrollBy(by int) {
	c := a.o.Session.Model().Current()
	if a.overlay != nil {
		a.overlayTop = max(0, a.overlayTop+by) // drawing knows the end
		return
	}
	if c == nil || len(a.paneRows) == 0 {
		return
	}
	lowest := min(a.paneHeight, len(a.paneRows)) - 1
	at := max(a.paneBottom+by, lowest)
	if by < 0 && at == lowest {
		delete(a.stuck, c.ID)
		a.o.Session.Older(c.ID)
	}
	if at >= len(a.paneRows)-1 {
		a.follow(c)
		return
	}
	a.scroll(c.ID).hold(a.paneRows, at)
}

// turn opens the conversation that is some places further down the list.
func (a *app) turn(by int) {
	list := a.o.Session.Model().List()
	if len(list) == 0 {
		return
	}
	at := 0
	if c := a.o.Session.Model().Current(); c != nil {
		for i := range list {
			if list[i].ID == c.ID {
				at = (i + by + len(list)) % len(list)
			}
		}
	}
	a.open(list[at].ID)
}

// typing tells the others that the user types, now and then. Commands are nobody's
// business.
func (a *app) typing() {
	c := a.o.Session.Model().Current()
	text := a.draft().String()
	if c == nil || text == "" || text[0] == '/' {
		return
	}
	if now := a.o.Now(); now.Sub(a.typed[c.ID]) >= typingEvery {
		a.typed[c.ID] = now
		a.o.Session.Typing(c.ID)
	}
}

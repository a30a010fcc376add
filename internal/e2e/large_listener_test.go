package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// heard is a message of a group as a listener got it.
type heard struct {
	seq, number int64 // in the own log, and in the conversation
	text        string
}

// listener is a device that notes what it is pushed of one group.
type listener struct {
	t      *testing.T
	conn   *client.Conn
	signed *wire.SignedIn
	group  string
	done   chan struct{}

	mu     sync.Mutex
	got    []heard
	others []*wire.ServerFrame // neither pushes nor presence
}

// listen connects a new device of user at address and notes what it gets of group.
// groups are positions for the sign-in.
func (a app) listen(t *testing.T, address, user, group string, groups map[string]int64) *listener {
	t.Helper()
	conn, err := client.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t: t, conn: conn, group: group, done: make(chan struct{})}
	token := a.token(t, user, object{"device": object{"type": "web"}})
	l.say(&wire.ClientFrame{Id: 1, Body: &wire.ClientFrame_SignIn{SignIn: &wire.SignIn{Token: token.Token, Groups: groups}}})
	f, err := conn.Read(t.Context())
	if l.signed = f.GetSignedIn(); l.signed == nil {
		t.Fatalf("%s signs in: %v, %v", user, f, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go l.read(ctx) // ends with the connection
	t.Cleanup(func() { cancel(); _ = conn.Drop(); <-l.done })
	return l
}

func (l *listener) say(f *wire.ClientFrame) {
	l.t.Helper()
	if err := l.conn.Write(l.t.Context(), f); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listener) read(ctx context.Context) {
	defer close(l.done)
	for {
		f, err := l.conn.Read(ctx)
		if err != nil {
			return
		}
		l.note(f)
	}
}

func (l *listener) note(f *wire.ServerFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.GetPush() == nil {
		l.others = append(l.others, f)
		return
	}
	for _, m := range f.GetPush().GetMessages() {
		if m.GetConversationId() == "group:"+l.group {
			l.got = append(l.got, heard{m.GetSeq(), m.GetConversationSeq(), textOf(m.GetContent())})
		}
	}
}

// textOf is what was said, or the code of an event.
func textOf(content []byte) string {
	var c struct {
		Text string
		Code int
	}
	_ = json.Unmarshal(content, &c) // what is neither is shown as such
	if c.Text == "" {
		return fmt.Sprint(c.Code)
	}
	return c.Text
}

func (l *listener) heard() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// until waits until what was heard is as wanted, and returns it.
func (l *listener) until(what string, is func([]heard) bool) []heard {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		got := l.heard()
		if is(got) {
			return got
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("no %s in %s: %v", what, patience, got)
		}
	}
}

// untilNumber waits for a message by its number in the group.
func (l *listener) untilNumber(number int64) []heard {
	l.t.Helper()
	return l.until(fmt.Sprintf("message %d", number), func(got []heard) bool {
		return slices.ContainsFunc(got, func(h heard) bool { return h.number == number })
	})
}

// frame waits for a frame that is no push.
func (l *listener) frame(is func(*wire.ServerFrame) bool) *wire.ServerFrame {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		i := slices.IndexFunc(l.others, is)
		if i >= 0 {
			f := l.others[i]
			l.mu.Unlock()
			return f
		}
		l.mu.Unlock()
		if time.Now().After(deadline) {
			l.t.Fatalf("the frame does not come: %v", l.others)
		}
	}
}

// contiguous wants numbers from first on without a hole, in order, in no user's log.
func contiguous(t *testing.T, who string, got []heard, first, last int64) {
	t.Helper()
	if int64(len(got)) != last-first+1 {
		t.Errorf("%s has %d messages, want %d", who, len(got), last-first+1)
		return
	}
	for i, h := range got {
		if h.number != first+int64(i) || h.seq != 0 {
			t.Errorf("%s has %+v at place %d, want number %d", who, h, i, first+int64(i))
			return
		}
	}
}

// groupLog reads the log of a large group in pages.
func (c caller) groupLog(t *testing.T, group string, after int64, limit int) (all []heard, pages int) {
	t.Helper()
	for more := true; more; pages++ {
		page := c.history(t, "group:"+url.PathEscape(group), fmt.Sprintf("after=%d&limit=%d", after, limit))
		for _, m := range page.Items {
			all = append(all, heard{m.Seq, m.ConversationSeq, textOf(m.Content)})
			after = m.ConversationSeq
		}
		more = page.HasMore
	}
	return all, pages
}

// pollLog follows a large group by long poll from a position until it has a number.
func (c caller) pollLog(t *testing.T, group string, after, last int64) (all []heard, err error) {
	for own := int64(0); after < last; {
		got := c.get(t, fmt.Sprintf("/v1/sync?wait=20&after=%d&groups=%s:%d", own, group, after))
		if got.status != 200 {
			return all, fmt.Errorf("sync: %d %s", got.status, got.body)
		}
		page := read[client.SyncPage](t, got)
		if n := len(page.Items); n > 0 {
			own = page.Items[n-1].Seq
		}
		for _, g := range page.Groups {
			if g.GroupId == group && g.Head > after {
				more, _ := c.groupLog(t, group, after, 200)
				all = append(all, more...)
				after = all[len(all)-1].number
			}
		}
	}
	return all, nil
}

func (c caller) largeGroups(t *testing.T) map[string]client.GroupHead {
	t.Helper()
	all := make(map[string]client.GroupHead)
	for _, g := range c.sync(t, "").Groups {
		all[g.GroupId] = g
	}
	return all
}

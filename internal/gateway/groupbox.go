package gateway

import (
	"context"
	"errors"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// about is what a mailbox holds about large groups, which most sessions have none of.
type about struct {
	follows      []*follow     // ready to begin
	unsubscribed []*follow     // by the client
	groupNews    []*wire.Event // gaps and heads
	groupsMissed bool          // messages were dropped, of whatever group
}

// errFollowing says that the session follows the group by something else.
var errFollowing = errors.New("the group is followed already")

// signalOverhead estimates what a signal takes besides its data.
const signalOverhead = 256

// sizeOf is how much of the queue an event takes.
func sizeOf(e *wire.Event) int {
	switch {
	case e.Body != nil:
		return e.Body.Size()
	case e.Signal != nil:
		return signalOverhead + len(e.Signal.Message().GetData())
	}
	return 0
}

// aboutGroups is called with mu held.
func (m *mailbox) aboutGroups() *about {
	if m.about == nil {
		m.about = new(about)
	}
	return m.about
}

// register notes that events of a group arrive. When it fails, because the session is
// over or follows the group already, what was done for f is to be undone.
func (m *mailbox) register(f *follow) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.ending != nil:
		return context.Canceled
	case m.following[f.num] != nil:
		return errFollowing
	case m.following == nil:
		m.following = make(map[domain.ConversationNum]*follow)
	}
	m.following[f.num] = f
	return nil
}

// forget reports whether f was registered, and no longer is.
func (m *mailbox) forget(f *follow) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.following[f.num] != f {
		return false
	}
	delete(m.following, f.num)
	return true
}

// forgetAll returns what is registered, and nothing is any more.
func (m *mailbox) forgetAll() map[domain.ConversationNum]*follow {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.following
	m.following = nil
	return all
}

// follows reports whether a group is followed, and how many are as live audience.
func (m *mailbox) follows(num domain.ConversationNum) (following bool, audience int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.following {
		if f.audience.Load() {
			audience++
		}
	}
	return m.following[num] != nil, audience
}

// follow begins a follow; f may be nil, and so may the answer that comes first. It
// reports false as reply does.
func (m *mailbox) follow(f *follow, answer []byte) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ok = m.replyTo(answer); ok && f != nil {
		m.aboutGroups().follows = append(m.aboutGroups().follows, f)
	}
	m.wakeUp()
	return ok
}

// unsubscribe ends a follow as live audience, and returns it if there is one: its
// events are to be kept from arriving. ok is false as that of reply.
func (m *mailbox) unsubscribe(id domain.GroupID, answer []byte) (ended *follow, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.replyTo(answer) {
		return nil, false
	}
	for _, f := range m.following {
		if f.id == id && f.audience.Load() {
			ended = f
			delete(m.following, f.num)
			m.aboutGroups().unsubscribed = append(m.aboutGroups().unsubscribed, f)
		}
	}
	m.wakeUp()
	return ended, true
}

// replyTo is reply with mu held; answer may be nil.
func (m *mailbox) replyTo(answer []byte) (ok bool) {
	switch {
	case answer == nil:
		return true
	case m.bytes+len(answer) > m.s.gw.opts.QueueBytes:
		return m.ending != nil
	}
	m.replies = append(m.replies, reply{payload: answer})
	m.bytes += len(answer)
	return true
}

// groupBehind makes the pump read the log of a group, or with an event that tells a
// head only if that was not reached.
func (m *mailbox) groupBehind(e *wire.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.following[e.Topic.Group]
	if m.ending != nil || f == nil || e.Kind == wire.EventHead && e.Seq < f.cursor.Load() {
		return
	}
	m.aboutGroups().groupNews = append(m.aboutGroups().groupNews, e)
	m.wakeUp()
}

// groupsBehind makes it read those of all groups.
func (m *mailbox) groupsBehind() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending == nil && len(m.following) > 0 {
		m.aboutGroups().groupsMissed = true
		m.wakeUp()
	}
}

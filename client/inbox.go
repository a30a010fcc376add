package client

import (
	"sync"

	"github.com/gim-im/gim/wire"
)

const (
	// inboxBytes bounds what was received and is not handled yet: estimated bytes
	// of messages and signals. When it is full, see session.admit.
	inboxBytes = 1 << 20
	// maxPage is the most messages that Handler.Messages gets at once.
	maxPage = 200
	// maxStates bounds the states that wait. When it is full, the newest replaces
	// the one before it.
	maxStates = 64
)

// item is one call of the handler. Exactly one of its fields up to states is set.
type item struct {
	page     []*wire.Message
	signal   *wire.PushedSignal
	presence []*wire.UserPresence
	state    *State
	resync   *string           // the new epoch
	groups   *map[string]int64 // the large groups of the user, and the places in them
	left     string            // a large group whose live audience has ended

	size int // of page or signal
}

// inbox is what the connection leaves for the handler, in order. Nothing in it
// blocks. It survives a reconnect.
type inbox struct {
	wake chan struct{} // capacity 1: there is something to take
	room chan struct{} // capacity 1: there may be room again

	mu     sync.Mutex // guards what follows
	items  []item
	bytes  int // of items and of the item that is being handled
	states int // in items
	final  error
	over   bool // nothing comes after items
}

func newInbox() *inbox {
	return &inbox{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// signalTo leaves a token in a channel of capacity 1.
func signalTo(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one already
	}
}

// overhead estimates what a message or signal takes besides its content.
const overhead = 320

// message queues a message, or reports false when there is no room.
func (b *inbox) message(m *wire.Message) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := overhead + len(m.GetContent())
	if !b.fits(size) {
		return false
	}
	if n := len(b.items); n > 0 && b.items[n-1].page != nil && len(b.items[n-1].page) < maxPage {
		last := &b.items[n-1]
		last.page = append(last.page, m)
		last.size += size
	} else {
		b.items = append(b.items, item{page: []*wire.Message{m}, size: size})
	}
	b.bytes += size
	signalTo(b.wake)
	return true
}

// signal queues a signal, or reports false when there is no room.
func (b *inbox) signal(s *wire.PushedSignal) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := overhead + len(s.GetData())
	if !b.fits(size) {
		return false
	}
	b.items = append(b.items, item{signal: s, size: size})
	b.bytes += size
	signalTo(b.wake)
	return true
}

// fits lets anything into an inbox that is empty.
func (b *inbox) fits(size int) bool { return b.bytes == 0 || b.bytes+size <= inboxBytes }

// presence queues what is known of users. What waits already is brought up to
// date, so there is at most one entry for each user that is watched.
func (b *inbox) presence(users []*wire.UserPresence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(users) == 0 {
		return
	}
	signalTo(b.wake)
	for i := range b.items {
		if b.items[i].presence != nil {
			b.items[i].presence = mergePresence(b.items[i].presence, users)
			return
		}
	}
	b.items = append(b.items, item{presence: mergePresence(nil, users)})
}

func mergePresence(old, news []*wire.UserPresence) []*wire.UserPresence {
	index := make(map[string]int, len(old)+len(news))
	for i, u := range old {
		index[u.GetUserId()] = i
	}
	for _, u := range news {
		if i, known := index[u.GetUserId()]; known {
			old[i] = u
			continue
		}
		index[u.GetUserId()] = len(old)
		old = append(old, u)
	}
	return old
}

func (b *inbox) state(s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	signalTo(b.wake)
	if n := len(b.items); b.states >= maxStates && b.items[n-1].state != nil {
		b.items[n-1].state = &s
		return
	}
	b.items = append(b.items, item{state: &s})
	b.states++
}

func (b *inbox) resync(epoch string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item{resync: &epoch})
	signalTo(b.wake)
}

// groups queues which large groups the user has. It stands for one that waits
// already with no message in between.
func (b *inbox) groups(at map[string]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.items) - 1; i >= 0 && b.items[i].page == nil && b.items[i].resync == nil; i-- {
		if b.items[i].groups != nil {
			b.items[i].groups = &at
			return
		}
	}
	b.items = append(b.items, item{groups: &at})
	signalTo(b.wake)
}

// left queues that a live audience has ended.
func (b *inbox) left(group string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item{left: group})
	signalTo(b.wake)
}

// finish says that nothing comes any more, and why.
func (b *inbox) finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over, b.final = true, err
	signalTo(b.wake)
}

// take returns the next item. When there is none, over tells whether there will be.
func (b *inbox) take() (it item, ok, over bool, final error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return item{}, false, b.over, b.final
	}
	it = b.items[0]
	b.items[0] = item{} // so that it can be freed
	b.items = b.items[1:]
	if it.state != nil {
		b.states--
	}
	return it, true, false, nil
}

// handled makes room after an item was handled.
func (b *inbox) handled(it item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= it.size
	signalTo(b.room)
}

// isRoomy reports whether there is room for a page of the log.
func (b *inbox) isRoomy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes <= inboxBytes/2
}

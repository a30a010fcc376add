package repo

import "github.com/gim-im/gim/domain"

// quantum is how many log entries a flow may make in one turn: enough for some
// messages of a single chat, little beside a message to a large group.
const quantum = 64

// flowKey names the conversation that a send goes to, before it is known whether
// there is one: a group, or two users in either order. The business is no user.
type flowKey struct {
	app   domain.AppNum
	group domain.GroupID
	users [2]domain.UserID // ascending
}

func flowOf(out *domain.Outgoing) flowKey {
	if group := out.Message.To.Group; group != "" {
		return flowKey{app: out.App, group: group}
	}
	a, b := out.Message.Sender.User, out.Message.To.User
	return flowKey{app: out.App, users: [2]domain.UserID{min(a, b), max(a, b)}}
}

// flow is the sends that wait for one conversation. It is dropped when there are none.
type flow struct {
	key    flowKey
	sends  chain[*send] // in order of arrival
	bytes  int
	credit int  // log entries that are left of its turn; below 0 it owes
	busy   bool // some of its sends are being committed
	left   bool // while busy: others have waited since before
}

// lane is flows that take turns.
type lane = chain[*flow]

// maxCostHints bounds how many groups are remembered.
const maxCostHints = 10_000

// costHints remembers how many log entries a send to a group made last. They
// divide time between conversations; nothing that must be true rests on them.
type costHints map[flowKey]int

// of returns what a send of the flow is likely to cost, at least 1. A group that
// is not known yet is given a turn for it.
func (h costHints) of(key flowKey) int {
	switch entries, known := h[key]; {
	case known:
		return entries
	case key.group != "":
		return quantum
	case key.users[0] == "" || key.users[0] == key.users[1]:
		return 1
	}
	return 2
}

// learn remembers the cost of a send to a group, in the place of another group's
// when there are too many.
func (h *costHints) learn(key flowKey, entries int) {
	if *h == nil {
		*h = make(costHints)
	}
	if _, known := (*h)[key]; !known && len(*h) >= maxCostHints {
		for other := range *h {
			delete(*h, other)
			break
		}
	}
	(*h)[key] = max(1, entries)
}

// chain is a list that grows at both ends and shrinks at its front.
type chain[T any] struct{ first, last *link[T] }

type link[T any] struct {
	value T
	next  *link[T]
}

func (c *chain[T]) empty() bool { return c.first == nil }

// front returns the first value; there must be one.
func (c *chain[T]) front() T { return c.first.value }

func (c *chain[T]) pushBack(v T) {
	l := &link[T]{value: v}
	if c.first == nil {
		c.first = l
	} else {
		c.last.next = l
	}
	c.last = l
}

func (c *chain[T]) pushFront(v T) {
	c.first = &link[T]{value: v, next: c.first}
	if c.first.next == nil {
		c.last = c.first
	}
}

func (c *chain[T]) popFront() { c.first = c.first.next }

// drop removes the values of which gone is true.
func (c *chain[T]) drop(gone func(T) bool) {
	kept := chain[T]{}
	for l := c.first; l != nil; l = l.next {
		if !gone(l.value) {
			kept.pushBack(l.value)
		}
	}
	*c = kept
}

package auth

import (
	"container/list"
	"sync"
	"time"

	"github.com/gim-im/gim/domain"
)

// cache remembers what the store said about callers, until it is revoked. It
// holds at most max entries; the one unused for longest goes first.
//
// What was read from the store before a revocation must not be put in after the
// revocation was handled: it would stay. So whoever fills the cache asks for the
// generation before reading, and put refuses when it has changed since.
type cache[K comparable, V any] struct {
	max int

	mu         sync.Mutex // guards everything below
	generation uint64
	entries    map[K]*list.Element // of *cached[K, V]
	order      *list.List          // front: used last
	byUser     map[userKey]map[K]struct{}
}

// userKey groups entries, because nearly all revocations are about one user.
// Entries that are not about a user have number 0.
type userKey struct {
	app  domain.AppNum
	user domain.UserNum
}

type cached[K comparable, V any] struct {
	key   K
	value V
	about domain.Principal // whose revocation ends the entry
	until time.Time        // zero: no end
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{
		max:     limit,
		entries: make(map[K]*list.Element),
		order:   list.New(),
		byUser:  make(map[userKey]map[K]struct{}),
	}
}

// begin returns the generation to hand to put.
func (c *cache[K, V]) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

func (c *cache[K, V]) get(key K, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none V
	element, ok := c.entries[key]
	if !ok {
		return none, false
	}
	e := entryOf[K, V](element)
	if !e.until.IsZero() && !now.Before(e.until) {
		c.remove(element)
		return none, false
	}
	c.order.MoveToFront(element)
	return e.value, true
}

// put remembers value, unless something was revoked since begin.
func (c *cache[K, V]) put(begun uint64, key K, value V, about domain.Principal, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begun != c.generation {
		return
	}
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	for len(c.entries) >= c.max {
		c.remove(c.order.Back())
	}
	c.entries[key] = c.order.PushFront(&cached[K, V]{key: key, value: value, about: about, until: until})
	owner := ownerOf(about)
	if c.byUser[owner] == nil {
		c.byUser[owner] = make(map[K]struct{}, 1)
	}
	c.byUser[owner][key] = struct{}{}
}

// evict drops what r ends.
func (c *cache[K, V]) evict(r domain.Revocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if r.User != 0 {
		for key := range c.byUser[userKey{app: r.App, user: r.User}] {
			c.removeCovered(r, c.entries[key])
		}
		return
	}
	for _, element := range c.entries {
		c.removeCovered(r, element)
	}
}

// clear drops everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
	clear(c.byUser)
	c.order.Init()
}

func (c *cache[K, V]) removeCovered(r domain.Revocation, element *list.Element) {
	if r.Covers(entryOf[K, V](element).about) {
		c.remove(element)
	}
}

func (c *cache[K, V]) remove(element *list.Element) {
	e := entryOf[K, V](element)
	c.order.Remove(element)
	delete(c.entries, e.key)
	owner := ownerOf(e.about)
	delete(c.byUser[owner], e.key)
	if len(c.byUser[owner]) == 0 {
		delete(c.byUser, owner)
	}
}

func entryOf[K comparable, V any](element *list.Element) *cached[K, V] {
	return element.Value.(*cached[K, V]) //nolint:forcetypeassert // the list holds nothing else
}

func ownerOf(p domain.Principal) userKey { return userKey{app: p.App.Num, user: p.User.Num} }

package auth

import (
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
)

func about(user domain.UserNum) domain.Principal {
	return domain.Principal{Kind: domain.PrincipalUser, App: domain.AppRef{Num: 1}, User: domain.UserRef{Num: user}}
}

func has(c *cache[string, int], key string) bool {
	_, ok := c.get(key, time.Time{})
	return ok
}

// checkIndex holds the three structures of the cache against one another.
func checkIndex(t *testing.T, c *cache[string, int]) {
	t.Helper()
	indexed := 0
	for _, keys := range c.byUser {
		if len(keys) == 0 {
			t.Error("a user without entries is in the index")
		}
		indexed += len(keys)
	}
	if len(c.entries) != c.order.Len() || len(c.entries) != indexed {
		t.Errorf("%d entries, %d in order, %d indexed", len(c.entries), c.order.Len(), indexed)
	}
}

func TestCache_TheLongestUnusedGoesFirst(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](2)
	c.put(c.begin(), "a", 1, about(1), time.Time{})
	c.put(c.begin(), "b", 2, about(1), time.Time{})
	has(c, "a")
	c.put(c.begin(), "c", 3, about(2), time.Time{})
	if !has(c, "a") || has(c, "b") || !has(c, "c") {
		t.Errorf("has a %t, b %t, c %t", has(c, "a"), has(c, "b"), has(c, "c"))
	}
	checkIndex(t, c)
}

func TestCache_SecondPutReplaces(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](2)
	c.put(c.begin(), "a", 1, about(1), time.Time{})
	c.put(c.begin(), "a", 2, about(2), time.Time{})
	if v, ok := c.get("a", time.Time{}); !ok || v != 2 {
		t.Errorf("got %d, %t", v, ok)
	}
	c.evict(domain.Revocation{Kind: domain.RevokedUser, App: 1, User: 1})
	if !has(c, "a") {
		t.Error("the entry goes with its former user")
	}
	checkIndex(t, c)
}

func TestCache_EntryEndsAtItsTime(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](2)
	end := time.Unix(100, 0)
	c.put(c.begin(), "a", 1, about(1), end)
	if _, ok := c.get("a", end.Add(-1)); !ok {
		t.Error("it is gone before its time")
	}
	if _, ok := c.get("a", end); ok {
		t.Error("it is there at its time")
	}
	checkIndex(t, c)
}

func TestCache_EvictDropsWhatIsCoveredAndNothingElse(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](9)
	c.put(c.begin(), "a1", 1, about(1), time.Time{})
	c.put(c.begin(), "a2", 1, about(1), time.Time{})
	c.put(c.begin(), "b", 1, about(2), time.Time{})
	c.put(c.begin(), "key", 1, about(0), time.Time{})
	c.evict(domain.Revocation{Kind: domain.RevokedUser, App: 1, User: 1})
	if has(c, "a1") || has(c, "a2") || !has(c, "b") || !has(c, "key") {
		t.Error("evicting a user dropped the wrong entries")
	}
	c.evict(domain.Revocation{Kind: domain.RevokedApp, App: 2})
	if !has(c, "b") || !has(c, "key") {
		t.Error("evicting another app dropped entries")
	}
	c.evict(domain.Revocation{Kind: domain.RevokedApp, App: 1})
	if has(c, "b") || has(c, "key") {
		t.Error("evicting the app left entries")
	}
	checkIndex(t, c)
}

func TestCache_PutAfterAnEvictionOrClearIsRefused(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](9)
	begun := c.begin()
	c.evict(domain.Revocation{Kind: domain.RevokedUser, App: 7, User: 7})
	c.put(begun, "a", 1, about(1), time.Time{})
	begun = c.begin()
	c.clear()
	c.put(begun, "b", 1, about(1), time.Time{})
	if has(c, "a") || has(c, "b") {
		t.Error("what was read before is remembered after")
	}
	checkIndex(t, c)
}

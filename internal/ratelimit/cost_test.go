package ratelimit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/ratelimit"
)

var (
	team = domain.LimitKey{App: 1, Group: "team"}
	shop = domain.LimitKey{App: 1}
)

func TestLimiter_CostIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	c := new(clock)
	l := ratelimit.New(10, 20, c)
	if ok, _ := l.AllowN(team, 15); !ok {
		t.Fatal("15 of 20 were refused")
	}
	if ok, wait := l.AllowN(team, 7); ok || wait != 201*time.Millisecond {
		t.Errorf("7 of 5: %v, wait %v; want two tokens' time", ok, wait)
	}
	if n := drain(l, team); n != 5 {
		t.Errorf("%d are left after a refusal, want 5", n)
	}
	if n := drain(l, shop); n != 20 {
		t.Errorf("the app has %d of its own, want 20", n)
	}
}

// What costs more than a bucket holds waits for a full one, and is paid off
// before anything else.
func TestLimiter_MoreThanTheBurstPassesOnAFullBucket(t *testing.T) {
	t.Parallel()
	c := new(clock)
	l := ratelimit.New(10, 20, c)
	if ok, _ := l.AllowN(team, 1); !ok {
		t.Fatal("the first was refused")
	}
	ok, wait := l.AllowN(team, 500)
	if ok || wait > 101*time.Millisecond {
		t.Fatalf("500 of 19: %v, wait %v; want until the bucket is full", ok, wait)
	}
	c.Advance(wait)
	if ok, _ := l.AllowN(team, 500); !ok {
		t.Fatal("500 were refused by a full bucket")
	}
	if ok, wait := l.AllowN(team, 1); ok || wait < 48*time.Second || wait > 49*time.Second {
		t.Errorf("after it: %v, wait %v; want 481 tokens' time", ok, wait)
	}
	c.Advance(48 * time.Second)
	if ok, _ := l.AllowN(team, 1); ok {
		t.Error("allowed before it was paid off")
	}
	c.Advance(time.Second)
	if ok, _ := l.AllowN(team, 1); !ok {
		t.Error("refused after it was paid off")
	}
}

func TestLimiter_WhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(10, 20, new(clock))
	l.GiveBack(team, 5) // nothing was taken
	l.AllowN(team, 500)
	l.GiveBack(team, 500)
	l.GiveBack(team, 500)
	if n := drain(l, team); n != 20 {
		t.Errorf("%d can be taken, want the burst and no more", n)
	}
	off := ratelimit.New(0, 1, new(clock))
	off.GiveBack(team, 1)
}

func TestLimiter_ManyCostsAtOnceGetTheBurstExactly(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(100, 1000, new(clock))
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				if ok, _ := l.AllowN(team, 10); ok {
					allowed.Add(10)
				}
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 1000 {
		t.Errorf("%d were allowed, want 1000", n)
	}
}

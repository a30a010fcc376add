package ratelimit_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock stands still unless the test moves it.
type clock struct{ nanos atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(1772366400, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

var (
	alice = domain.LimitKey{App: 1, User: 11}
	bob   = domain.LimitKey{App: 1, User: 12}
	// twin has alice's number in another app.
	twin = domain.LimitKey{App: 2, User: 11}
)

// drain takes tokens until none is left and returns how many there were.
func drain(l *ratelimit.Limiter, key domain.LimitKey) (n int) {
	for n < 10_000 {
		if ok, _ := l.AllowN(key, 1); !ok {
			return n
		}
		n++
	}
	return n
}

func TestLimiter_BurstThenSteadyRate(t *testing.T) {
	t.Parallel()
	c := new(clock)
	l := ratelimit.New(100, 200, c)
	if n := drain(l, alice); n != 200 {
		t.Fatalf("the burst is %d, want 200", n)
	}
	for range 3 {
		c.Advance(time.Second)
		if n := drain(l, alice); n != 100 {
			t.Errorf("%d in a second, want 100", n)
		}
	}
	c.Advance(time.Hour)
	if n := drain(l, alice); n != 200 {
		t.Errorf("the burst after a rest is %d, want 200", n)
	}
}

func TestLimiter_UsersAndAppsAreApart(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(1, 3, new(clock))
	for _, key := range []domain.LimitKey{alice, bob, twin} {
		if n := drain(l, key); n != 3 {
			t.Errorf("%+v gets %d, want 3", key, n)
		}
	}
}

func TestLimiter_WaitIsTheTimeUntilOneToken(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0.1, 1, 3, 7, 99.9, 100, 333, 1500} {
		c := new(clock)
		l := ratelimit.New(perSecond, 5, c)
		drain(l, alice)
		for i := range 50 {
			ok, wait := l.AllowN(alice, 1)
			exact := time.Duration(float64(time.Second) / perSecond)
			if ok || wait <= 0 || wait > exact+time.Millisecond {
				t.Fatalf("%v a second, %d: got %t and %v, want at most %v", perSecond, i, ok, wait, exact)
			}
			if _, again := l.AllowN(alice, 1); again != wait {
				t.Fatalf("%v a second, %d: asking changed the wait from %v to %v", perSecond, i, wait, again)
			}
			if wait > 2*time.Millisecond {
				c.Advance(wait - 2*time.Millisecond)
				if ok, _ := l.AllowN(alice, 1); ok {
					t.Fatalf("%v a second, %d: allowed before the wait was over", perSecond, i)
				}
				c.Advance(2 * time.Millisecond)
			} else {
				c.Advance(wait)
			}
			if ok, rest := l.AllowN(alice, 1); !ok {
				t.Fatalf("%v a second, %d: refused after the wait, %v more", perSecond, i, rest)
			}
			drain(l, alice)
		}
	}
}

func TestLimiter_RefusalsCostNothing(t *testing.T) {
	t.Parallel()
	c := new(clock)
	l := ratelimit.New(10, 1, c)
	drain(l, alice)
	for range 1000 {
		l.AllowN(alice, 1)
	}
	c.Advance(100 * time.Millisecond)
	if ok, _ := l.AllowN(alice, 1); !ok {
		t.Error("refused calls used up tokens")
	}
}

func TestLimiter_NoRateTurnsItOff(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if n := drain(ratelimit.New(perSecond, 1, new(clock)), alice); n != 10_000 {
			t.Errorf("rate %v: refused after %d", perSecond, n)
		}
	}
}

func TestLimiter_BurstIsAtLeastOne(t *testing.T) {
	t.Parallel()
	for _, burst := range []int{1, 0, -5} {
		if n := drain(ratelimit.New(1, burst, new(clock)), alice); n != 1 {
			t.Errorf("burst %d: allowed %d, want 1", burst, n)
		}
	}
}

func TestLimiter_ExtremeRatesWait(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{math.SmallestNonzeroFloat64, 1e-12, 1e6} {
		l := ratelimit.New(perSecond, 1, new(clock))
		l.AllowN(alice, 1)
		if ok, wait := l.AllowN(alice, 1); ok || wait <= 0 {
			t.Errorf("rate %v: got %t and %v", perSecond, ok, wait)
		}
	}
}

func TestLimiter_ClockThatGoesBackGivesNothingAway(t *testing.T) {
	t.Parallel()
	c := new(clock)
	l := ratelimit.New(1, 3, c)
	drain(l, alice)
	c.Advance(-time.Hour)
	if ok, wait := l.AllowN(alice, 1); ok || wait <= 0 {
		t.Errorf("got %t and %v", ok, wait)
	}
}

func TestLimiter_ManyAtOnceGetTheBurstExactly(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(100, 200, new(clock))
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				if ok, _ := l.AllowN(alice, 1); ok {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 200 {
		t.Errorf("%d were allowed, want 200", n)
	}
}

func BenchmarkAllow(b *testing.B) {
	l := ratelimit.New(100, 200, domain.SystemClock{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		key := alice
		for pb.Next() {
			key.User = key.User%5000 + 1
			l.AllowN(key, 1)
		}
	})
}

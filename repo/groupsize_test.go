package repo

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
)

// A size is counted once in 5 seconds, by one of those who ask.
func TestGroupSizes_AskOneCallerInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g groupSizes
		team := groupOfApp{1, "team"}
		get := func() any {
			n, known := g.get(team, time.Now())
			return fmt.Sprint(n, known)
		}
		expect(t, "at first", get(), "0 false")
		g.put(team, groupSize{30, time.Now()})
		time.Sleep(groupSizeLasts - time.Nanosecond)
		expect(t, "while it lasts", get(), "30 true")
		time.Sleep(time.Nanosecond)
		expect(t, "who asks first then", get(), "0 false")
		expect(t, "the others", get(), "30 true")
		g.put(team, groupSize{0, time.Now()})
		expect(t, "once it is gone", get(), "0 false")
		for i := range maxGroupSizes + 100 {
			g.put(groupOfApp{1, domain.GroupID(fmt.Sprint(i))}, groupSize{1, time.Now()})
		}
		expect(t, "remembered", len(g.known), maxGroupSizes)
	})
}

func TestGroupSize_IsCountedOnceInAWhile(t *testing.T) {
	t.Parallel()
	g, _ := gatherGroup(t, 3)
	seen := &statementsSeen{all: map[string]int{}}
	seen.watch(t, g.Store, g.dir)
	for range 10 {
		n, err := g.GroupSize(t.Context(), g.app, "g")
		g.must(err)
		g.want("size", n, 3)
	}
	g.want("counts", seen.times("COUNT(*)"), 1)
}

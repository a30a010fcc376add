package population_test

import (
	"testing"

	"github.com/gim-im/gim/internal/population"
)

var plan = population.Plan{Users: 1_000, Groups: 50}

// Whoever measures takes any of the chats and finds a burst in it.
func TestChats_HaveABurstEach(t *testing.T) {
	t.Parallel()
	number := map[string]int{}
	for i := range plan.Users {
		number[population.User(i)] = i
	}
	sizes := []int64{0, 19, 20_013}
	for n := int64(20); n <= 4_000; n += 20 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		count := map[[2]int]int{}
		for i := range n {
			m := plan.Message(i)
			if m.ToUser == "" {
				continue
			}
			to := number[m.ToUser]
			count[[2]int{min(m.FromUser, to), max(m.FromUser, to)}]++
		}
		for c := range population.Chats(n) {
			a, b := plan.Chat(c)
			if a == b || count[[2]int{min(a, b), max(a, b)}] < population.Burst {
				t.Errorf("of %d messages chat %d (%d and %d) has %d", n, c, a, b, count[[2]int{min(a, b), max(a, b)}])
			}
			delete(count, [2]int{min(a, b), max(a, b)})
		}
		for pair, messages := range count {
			if messages >= population.Burst {
				t.Errorf("of %d messages %v has %d and is no chat", n, pair, messages)
			}
		}
	}
}

func TestMessage_GoesToOneByWhoMaySend(t *testing.T) {
	t.Parallel()
	groups := map[string]map[int]bool{population.Large: {}}
	for i := range plan.LargeSize() {
		groups[population.Large][i] = true
	}
	for g := range plan.Groups {
		groups[population.Group(g)] = map[int]bool{}
		for _, m := range plan.Members(g) {
			groups[population.Group(g)][m] = true
		}
		if got := len(groups[population.Group(g)]); got != population.GroupMembers {
			t.Errorf("group %d has %d members, want %d", g, got, population.GroupMembers)
		}
	}
	kinds := map[string]int{}
	ids := map[string]bool{}
	for n := range int64(20_000) {
		m := plan.Message(n)
		switch {
		case ids[m.ID] || (m.ToUser == "") == (m.ToGroup == ""):
			t.Fatalf("message %d: %+v", n, m)
		case m.ToUser != "":
			kinds["single"]++
		case !groups[m.ToGroup][m.FromUser]:
			t.Fatalf("message %d is from none of its group: %+v", n, m)
		case m.ToGroup == population.Large:
			kinds["large"]++
		default:
			kinds["group"]++
		}
		ids[m.ID] = true
	}
	if kinds["single"] != 17_000 || kinds["group"] != 2_000 || kinds["large"] != 1_000 {
		t.Errorf("messages are %v", kinds)
	}
}

func TestCheck_RefusesWhatIsTooSmall(t *testing.T) {
	t.Parallel()
	for _, p := range []population.Plan{{}, {Users: 199, Groups: 10}, {Users: 200, Groups: 9}, {Users: 200, Groups: 10, Messages: -1}, {Users: 1 << 30, Groups: 10}} {
		if p.Check() == nil {
			t.Errorf("%+v passes", p)
		}
	}
	if err := (population.Plan{Users: 200, Groups: 10}).Check(); err != nil {
		t.Error(err)
	}
}

// Package population says who is in a store that is filled for a measurement of
// growth, and what they have written: all of it follows from three numbers, so
// that whoever fills a store and whoever measures it need to tell each other no more
// than these.
package population

import (
	"encoding/json"
	"fmt"
)

// Plan is a population. The zero value is none.
type Plan struct {
	Users    int   `json:"users"`
	Groups   int   `json:"groups"`   // of [GroupMembers]
	Messages int64 `json:"messages"` // that are stored
}

// What every population has besides.
const (
	GroupMembers = 10      // of each of the groups
	HubGroups    = 2_000   // groups that [Hub] is in, or all where there are fewer
	TeamMembers  = 100     // of [Team]
	LargeMembers = 100_000 // of [Large], or all users where there are fewer

	// LeastUsers and LeastGroups are the smallest population.
	LeastUsers  = 2 * TeamMembers
	LeastGroups = 10
)

// Names. Others are made of these and a number.
const (
	Hub    = "growth-u0"     // the user who is in the most groups
	Team   = "growth-team"   // a group of [TeamMembers]
	Large  = "growth-large"  // the large group
	Marker = "growth-filled" // the user whose profile says which Plan the store holds
)

// Check says what is wrong with p.
func (p Plan) Check() error {
	switch {
	case p.Users < LeastUsers:
		return fmt.Errorf("a population has at least %d users, not %d", LeastUsers, p.Users)
	case p.Users >= stride:
		return fmt.Errorf("a population has fewer than %d users, not %d", stride, p.Users)
	case p.Groups < LeastGroups:
		return fmt.Errorf("a population has at least %d groups, not %d", LeastGroups, p.Groups)
	case p.Messages < 0:
		return fmt.Errorf("a population cannot have %d messages", p.Messages)
	}
	return nil
}

// User returns the id of user i, from 0 on.
func User(i int) string { return fmt.Sprintf("growth-u%d", i) }

// Group returns the id of group i, from 0 on.
func Group(i int) string { return fmt.Sprintf("growth-g%d", i) }

// LargeSize is how many members [Large] has: the first of all users.
func (p Plan) LargeSize() int { return min(p.Users, LargeMembers) }

// HubSize is how many of the groups [Hub] is in: the first of them.
func (p Plan) HubSize() int { return min(p.Groups, HubGroups) }

// Members returns the members of group i as numbers of users, the owner first.
func (p Plan) Members(i int) []int {
	members := make([]int, 0, GroupMembers)
	if i < p.HubSize() {
		members = append(members, 0)
	}
	first := 1 + i*GroupMembers
	for n := 0; len(members) < GroupMembers; n++ { // user 0 is left to the hub's
		members = append(members, 1+(first+n)%(p.Users-1))
	}
	return members
}

// stride is a prime beyond all numbers of users: multiples of it reach every user
// before any of them again.
const stride = 100_000_007

// Chat returns the two users of single chat c, from 0 on. Two chats may rarely be of
// the same users.
func (p Plan) Chat(c int64) (a, b int) {
	a = int(c % int64(p.Users) * stride % int64(p.Users))
	b = (a + 1 + int(scatter(uint64(c))%uint64(p.Users-1))) % p.Users //nolint:gosec // never negative
	return a, b
}

// scatter makes of each number one that looks like chance (SplitMix64).
func scatter(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// Burst is how many messages are written in a conversation at a stretch. Who is in
// a chat at all has as many in its log, and the chat has them too.
const Burst = 20

// Of each cycle of bursts, the first few are for groups and one is for the large
// group. Of those for single chats every other one begins a chat, and the others
// are for any chat that there is, so that old ones go on and have more.
const (
	cycle       = 20
	groupBursts = 2 // of a cycle
	largeBurst  = groupBursts
	singleFrom  = largeBurst + 1
	singles     = cycle - singleFrom
)

// Chats is how many single chats have at least [Burst] messages when the first n
// messages are stored.
func Chats(n int64) int64 { return (singlesBefore(n/Burst) + 1) / 2 }

// singlesBefore is how many of the bursts before burst k are for single chats.
func singlesBefore(k int64) int64 { return k/cycle*singles + max(0, k%cycle-singleFrom) }

// Message is one that is stored.
type Message struct {
	ID       string // client_msg_id
	FromUser int    // number of a user
	ToUser   string // exactly one of these
	ToGroup  string
	Content  json.RawMessage // 100 bytes of text
}

// Message returns message n, from 0 on.
func (p Plan) Message(n int64) Message {
	k, turn := n/Burst, int(n%Burst)
	m := Message{ID: fmt.Sprintf("growth-%d", n), Content: Content(n)}
	switch at := k % cycle; {
	case at < groupBursts:
		g := int(scatter(uint64(k)) % uint64(p.Groups)) //nolint:gosec // never negative
		members := p.Members(g)
		m.FromUser, m.ToGroup = members[turn%len(members)], Group(g)
	case at == largeBurst:
		m.FromUser, m.ToGroup = int(scatter(uint64(n))%uint64(p.LargeSize())), Large //nolint:gosec // never negative
	default:
		s := singlesBefore(k)
		c := s / 2
		if s%2 == 1 {
			c = int64(scatter(uint64(k)) % uint64(c+1)) //nolint:gosec // never negative
		}
		a, b := p.Chat(c)
		if turn%2 == 1 {
			a, b = b, a
		}
		m.FromUser, m.ToUser = a, User(b)
	}
	return m
}

// Content is what message n says.
func Content(n int64) json.RawMessage {
	return fmt.Appendf(nil, `{"text":"%-100s"}`, fmt.Sprintf("message %d of a store that is filled for a measurement", n))
}

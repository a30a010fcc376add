package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
)

// TestMembership_IsExactOnTwoNodes lets members come and go, and messages be sent,
// now through one node and now through the other, in a group of each type. A model
// says who is to get each message: nobody else gets it, on the connections that stay
// open all the time, and nobody misses it.
func TestMembership_IsExactOnTwoNodes(t *testing.T) {
	for _, kind := range []string{"normal", "large"} {
		t.Run(kind, func(t *testing.T) {
			onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				m := newMembershipModel(t, kind, g1, g2, rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // a choice of steps
				for range 150 {
					m.step()
				}
				m.finish()
			})
		})
	}
}

type membershipModel struct {
	t         *testing.T
	a         app
	kind      string
	nodes     []*gimtest.Gim
	random    *rand.Rand
	users     []string
	members   map[string]bool
	joinedAt  map[string]int64
	listeners map[string]*listener
	want      map[string][]int64 // the numbers that each user is to get, events among them
	number    int64              // of the last message
}

func newMembershipModel(t *testing.T, kind string, g1, g2 *gimtest.Gim, random *rand.Rand) *membershipModel {
	t.Helper()
	m := &membershipModel{
		t: t, kind: kind, nodes: []*gimtest.Gim{g1, g2}, random: random, users: []string{"u1", "u2", "u3", "u4", "u5"},
		members: map[string]bool{"owner": true}, joinedAt: map[string]int64{"owner": 1}, want: map[string][]int64{}, listeners: map[string]*listener{},
	}
	m.a = newApp(t, g1, append(m.users, "owner")...)
	for i, u := range append(m.users, "owner") {
		address := []string{g1.URL, g2.TCPURL, g2.URL, g1.TCPURL}[i%4]
		m.listeners[u] = m.a.listen(t, address, u, "g", nil)
	}
	m.a.back().post(t, "/v1/groups", object{"group_id": "g", "type": kind, "owner": "owner", "members": []string{"owner"}}).want(t, 201)
	m.event("owner")
	return m
}

// event is a message of the group that every member gets, and user besides.
func (m *membershipModel) event(user string) {
	m.number++
	for u, member := range m.members {
		if member || u == user {
			m.want[u] = append(m.want[u], m.number)
		}
	}
	if !m.members[user] && user != "" {
		if w := m.want[user]; len(w) == 0 || w[len(w)-1] != m.number {
			m.want[user] = append(w, m.number)
		}
	}
}

func (m *membershipModel) back() caller { return m.a.back().on(m.nodes[m.random.IntN(2)]) }

func (m *membershipModel) step() {
	user := m.users[m.random.IntN(len(m.users))]
	switch {
	case m.random.IntN(3) > 0:
		m.send()
	case m.members[user]:
		m.caughtUp(user) // who is removed cannot read a large group any more
		m.back().delete(m.t, "/v1/groups/g/members/"+user).want(m.t, 204)
		m.members[user] = false
		m.event(user)
	default:
		m.back().put(m.t, "/v1/groups/g/members/"+user, nil).want(m.t, 201)
		m.members[user] = true
		m.event(user)
		m.joinedAt[user] = m.number
	}
}

// send lets a user send, who may not be a member.
func (m *membershipModel) send() {
	by := m.users[m.random.IntN(len(m.users))]
	got := m.a.as(by).on(m.nodes[m.random.IntN(2)]).post(m.t, "/v1/messages", groupText("g", "hi"))
	if !m.members[by] {
		got.refused(m.t, 403, "not_in_group")
		return
	}
	m.event("")
	if r := read[client.SentMessage](m.t, got.want(m.t, 201)); r.ConversationSeq != m.number {
		m.t.Fatalf("a message has number %d, want %d", r.ConversationSeq, m.number)
	}
}

func (m *membershipModel) caughtUp(user string) {
	want := m.want[user]
	if len(want) > 0 {
		m.listeners[user].untilNumber(want[len(want)-1])
	}
}

func (m *membershipModel) finish() {
	m.t.Helper()
	for u := range m.listeners {
		m.caughtUp(u)
	}
	count := 0
	for u, l := range m.listeners {
		var got []int64
		for _, h := range l.heard() {
			got = append(got, h.number)
		}
		if !slices.Equal(got, m.want[u]) {
			m.t.Errorf("%s was pushed %v, want %v", u, got, m.want[u])
		}
		if m.members[u] {
			count++
		}
		m.readable(u)
	}
	group := read[client.Group](m.t, m.back().get(m.t, "/v1/groups/g").want(m.t, 200))
	list := read[client.MemberList](m.t, m.back().get(m.t, "/v1/groups/g/members?limit=200").want(m.t, 200))
	if group.MemberCount != count || len(list.Items) != count {
		m.t.Errorf("%d members are counted and %d listed, want %d", group.MemberCount, len(list.Items), count)
	}
}

// readable compares what a user can read afterwards, from the store.
func (m *membershipModel) readable(user string) {
	m.t.Helper()
	by := m.a.as(user)
	if m.kind == "normal" {
		var got []int64
		for _, h := range by.own(m.t, "g") {
			got = append(got, h.number)
		}
		if !slices.Equal(got, m.want[user]) {
			m.t.Errorf("%s has %v in its log, want %v", user, got, m.want[user])
		}
		return
	}
	if !m.members[user] {
		by.get(m.t, "/v1/conversations/group:g/messages").refused(m.t, 403, "not_in_group")
		return
	}
	got, _ := by.groupLog(m.t, "g", 0, 50)
	contiguous(m.t, fmt.Sprint(user, ", since it joined,"), got, m.joinedAt[user]+1, m.number)
}

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/gimtest"
	"github.com/gim-im/gim/wire"
)

func (a app) newLarge(t *testing.T, id string, settings object, members ...string) {
	t.Helper()
	a.back().post(t, "/v1/groups", object{"group_id": id, "type": "large", "members": members, "settings": settings}).want(t, 201)
}

// onPairs runs a test with one node on SQLite and with two on MariaDB and Redis.
func onPairs(t *testing.T, test func(t *testing.T, a, b *gimtest.Gim)) {
	t.Helper()
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		g := gimtest.Start(t, gimtest.Options{Configure: unlimited})
		test(t, g, g)
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		a, b := gimtest.StartPair(t, gimtest.Options{Configure: unlimited})
		test(t, a, b)
	})
}

// Ten send at once, through both nodes; every member reads the same messages in the
// same order, without a hole, over each transport.
func TestLarge_OneOrderOverEveryTransport(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		const senders, each = 10, 30
		const last = 1 + senders*each // the group's creation comes first
		users := []string{"ws", "tcp", "poll", "proto"}
		for i := range senders {
			users = append(users, fmt.Sprint("sender", i))
		}
		a := newApp(t, g1, users...)
		a.newLarge(t, "news", object{}, users...)
		listeners := map[string]*listener{
			"ws": a.listen(t, g1.URL, "ws", "news", nil), "tcp": a.listen(t, g2.TCPURL, "tcp", "news", nil),
			"proto": a.listen(t, g2.URL, "proto", "news", nil),
		}
		var polled []heard
		var running, sending errgroup.Group
		poller, _ := a.onDevice(t, "poll")
		running.Go(func() (err error) {
			polled, err = poller.on(g2).pollLog(t, "news", 1, last)
			return err
		})
		for i := range senders {
			by := a.as(fmt.Sprint("sender", i)).on([]*gimtest.Gim{g1, g2}[i%2])
			sending.Go(func() error {
				for n := range each {
					if got := by.post(t, "/v1/messages", groupText("news", fmt.Sprintf("%s %d", by.user, n))); got.status != 201 {
						return fmt.Errorf("send: %d %s", got.status, got.body)
					} else if r := read[client.SentMessage](t, got); r.Seq != nil && *r.Seq != 0 {
						return fmt.Errorf("the receipt has the number %d in a log", *r.Seq)
					}
				}
				return nil
			})
		}
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := running.Wait(); err != nil {
			t.Fatal(err)
		}
		truth, _ := a.as("ws").groupLog(t, "news", 1, 200)
		contiguous(t, "the group", truth, 2, last)
		next := map[string]int{}
		for _, h := range truth {
			var by string
			var n int
			if _, err := fmt.Sscanf(h.text, "%s %d", &by, &n); err != nil || n != next[by] {
				t.Errorf("%q comes when %s has said %d things", h.text, by, next[by])
			}
			next[by]++
		}
		all := map[string][]heard{"poll": polled}
		for name, l := range listeners {
			all[name] = l.untilNumber(last)
		}
		for name, got := range all {
			if !slices.Equal(got, truth) {
				t.Errorf("%s saw %d messages, and not what the group has", name, len(got))
			}
		}
		for _, user := range users {
			if got := a.as(user).sync(t, ""); got.HeadSeq != 1 {
				t.Errorf("%s has %d entries in its own log, want the creation", user, got.HeadSeq)
			}
		}
	})
}

// A member that was away reads all of it, in pages and in order, and has acked what
// it read.
func TestLarge_OfflineMemberReadsTenThousandMessages(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		const messages, last = 10_000, 10_001
		a := newApp(t, g1, "alice", "bob")
		a.newLarge(t, "news", object{}, "alice", "bob")
		bob, _ := a.onDevice(t, "bob")
		other, _ := a.onDevice(t, "bob")
		var sending errgroup.Group
		sending.SetLimit(64)
		for i := range messages {
			sending.Go(func() error {
				if got := a.as("alice").on([]*gimtest.Gim{g1, g2}[i%2]).post(t, "/v1/messages", groupText("news", fmt.Sprint("m", i))); got.status != 201 {
					return fmt.Errorf("send: %d %s", got.status, got.body)
				}
				return nil
			})
		}
		if err := sending.Wait(); err != nil {
			t.Fatal(err)
		}
		want := client.GroupHead{GroupId: "news", Head: last, Acked: 1, Unread: messages}
		if got := bob.largeGroups(t)["news"]; got != want {
			t.Errorf("bob stands at %+v, want %+v", got, want)
		}
		got, pages := bob.on(g2).groupLog(t, "news", want.Acked, 200)
		contiguous(t, "bob", got, 2, last)
		if pages != messages/200 {
			t.Errorf("%d pages, want %d", pages, messages/200)
		}
		bob.put(t, "/v1/devices/me/ack", object{"group_id": "news", "conversation_seq": last - 100}).want(t, 200)
		bob.put(t, "/v1/devices/me/ack", object{"group_id": "news", "conversation_seq": 5}).want(t, 200) // never back
		bob.put(t, "/v1/devices/me/ack", object{"group_id": "news", "conversation_seq": last + 1}).refused(t, 400, "bad_ack")
		want = client.GroupHead{GroupId: "news", Head: last, Acked: last - 100, Unread: 100}
		if got := bob.largeGroups(t)["news"]; got != want {
			t.Errorf("after the ack bob stands at %+v, want %+v", got, want)
		}
		if got := other.largeGroups(t)["news"].Acked; got != 1 {
			t.Errorf("the other device has acked %d by that", got)
		}
		l := a.listen(t, g2.TCPURL, "bob", "news", map[string]int64{"news": 7500})
		a.as("alice").post(t, "/v1/messages", groupText("news", "live")).want(t, 201)
		contiguous(t, "bob's connection", l.untilNumber(last+1), 7501, last+1)
	})
}

// What was sent with persist false, and who follows as live audience.
func TestLarge_LiveRoom(t *testing.T) {
	onPairs(t, func(t *testing.T, g1, g2 *gimtest.Gim) {
		a := newApp(t, g1, "host", "guest", "fan")
		a.newLarge(t, "stage", object{"live_audience": true}, "host", "guest")
		a.newLarge(t, "inner", object{}, "host")
		a.newGroup(t, "team", "host", "fan")
		host, fan := a.listen(t, g1.URL, "host", "stage", nil), a.listen(t, g2.TCPURL, "fan", "stage", nil)
		occupancy := func(want int) {
			t.Helper()
			for _, g := range []*gimtest.Gim{g1, g2} {
				for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // it takes some seconds over nodes
					n := read[client.Occupancy](t, a.as("fan").on(g).get(t, "/v1/groups/stage/occupancy").want(t, 200)).Connections
					if n == want {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("%d connections, want %d", n, want)
					}
				}
			}
		}
		occupancy(1)
		fan.say(&wire.ClientFrame{Id: 2, Body: &wire.ClientFrame_Subscribe{Subscribe: &wire.Subscribe{GroupId: "stage"}}})
		fan.frame(func(f *wire.ServerFrame) bool { return f.GetSubscribed().GetHead() == 1 })
		for id, group := range map[uint64]string{3: "inner", 4: "nowhere", 5: "team", 6: "-"} {
			fan.say(&wire.ClientFrame{Id: id, Body: &wire.ClientFrame_Subscribe{Subscribe: &wire.Subscribe{GroupId: group}}})
			code := map[uint64]string{3: "forbidden", 4: "group_not_found", 5: "bad_request", 6: "group_not_found"}[id]
			if f := fan.frame(func(f *wire.ServerFrame) bool { return f.GetId() == id }); f.GetError().GetCode() != code {
				t.Errorf("subscribing to %q: %v, want %s", group, f, code)
			}
		}
		occupancy(2)
		a.as("guest").on(g1).post(t, "/v1/messages", groupText("stage", "stored")).want(t, 201)
		a.as("guest").on(g2).post(t, "/v1/messages", with(groupText("stage", "unstored"), "persist", false)).want(t, 202)
		for name, l := range map[string]*listener{"host": host, "fan": fan} {
			got := l.until("message that is not stored", func(got []heard) bool { return len(got) == 2 })
			want := []heard{{0, 2, "stored"}, {0, 0, "unstored"}}
			if slices.SortFunc(got, func(x, y heard) int { return int(y.number - x.number) }); !slices.Equal(got, want) {
				t.Errorf("%s got %v, want %v", name, got, want)
			}
		}
		a.as("fan").post(t, "/v1/messages", groupText("stage", "x")).refused(t, 403, "not_in_group")
		a.as("fan").get(t, "/v1/conversations/group:stage/messages").refused(t, 403, "not_in_group")
		a.as("fan").get(t, "/v1/groups/inner/occupancy").refused(t, 403, "not_in_group")
		a.as("fan").get(t, "/v1/groups/team/occupancy").refused(t, 400, "bad_request")

		a.back().do(t, "PATCH", "/v1/groups/stage", object{"settings": object{"live_audience": false}}).want(t, 200)
		fan.frame(func(f *wire.ServerFrame) bool { return f.GetId() == 0 && f.GetUnsubscribed().GetGroupId() == "stage" })
		a.as("guest").post(t, "/v1/messages", groupText("stage", "among us")).want(t, 201)
		host.untilNumber(4)
		if got := fan.heard(); len(got) != 2 {
			t.Errorf("the fan got %v", got)
		}
		occupancy1 := a.as("host").get(t, "/v1/groups/stage/occupancy").want(t, 200)
		if n := read[client.Occupancy](t, occupancy1).Connections; n < 1 {
			t.Errorf("%d connections are left", n)
		}
	})
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// SyncOptions are what Sync needs besides.
type SyncOptions struct {
	Messages int   // in the log of each client
	Clients  []int // that read at the same time, each a log of its own; a round for each
}

// Ways to read a log, as Result.Way names them.
const (
	byPages  = "REST pages"
	byFrames = "sync frames"
	byReplay = "replay"
)

// syncPage is how many entries a client asks for at a time: the most.
const syncPage = 200

// fillers is how many messages are under way at once while logs are filled.
const fillers = 64

// Sync fills logs with messages of the business and reads them from their
// beginning in three ways: by pages over REST, by sync frames, and by the replay
// after a sign-in. It gives a result for each way.
func Sync(ctx context.Context, o Options, s SyncOptions) ([]Result, error) {
	if s.Messages < 1 || len(s.Clients) == 0 || slices.Min(s.Clients) < 1 {
		return nil, fmt.Errorf("%d messages for %v clients are nothing to read", s.Messages, s.Clients)
	}
	return rounds(ctx, o, []SyncOptions{s}, (*run).sync)
}

// logs are what Sync reads: the same messages in the log of each user.
type logs struct {
	run   *run
	users []string
	sent  []int64           // by filler: how many
	place []map[int64]int64 // by filler: where in the conversation each stands
}

func (r *run) sync(ctx context.Context, s SyncOptions) (results []Result, err error) {
	most := slices.Max(s.Clients)
	if err := checkFiles(2 * most); err != nil {
		return nil, err
	}
	l, err := r.fill(ctx, most, s.Messages)
	if err != nil {
		return nil, err
	}
	for _, clients := range s.Clients {
		for _, way := range []string{byPages, byFrames, byReplay} {
			result, err := l.readAll(ctx, way, clients)
			if ctx.Err() != nil {
				return results, nil //nolint:nilerr // half a log is no measurement
			}
			results = append(results, r.finished("sync", result, func(res *Result) {
				res.Clients, res.LogEntries = clients, int64(s.Messages)
				if res.Way = way; way == byPages {
					res.Receive = REST
				}
			})...)
			if err != nil {
				return results, err
			}
		}
	}
	return results, nil
}

// fill puts messages into the logs of new users: those of a group, so that one
// send fills all logs.
func (r *run) fill(ctx context.Context, clients, messages int) (*logs, error) {
	users, err := r.newUsers(ctx, clients)
	if err != nil {
		return nil, err
	}
	group := users[0] + "-group"
	if err := r.createGroup(ctx, group, users, false); err != nil {
		return nil, err
	}
	l := &logs{run: r, users: users, sent: make([]int64, fillers), place: make([]map[int64]int64, fillers)}
	shown := r.progress.watch(fmt.Sprintf("filling logs with %s messages", thousands(int64(messages))), "messages")
	defer shown()
	var taken atomic.Int64
	sends, ctx := errgroup.WithContext(ctx)
	for i := range fillers {
		l.place[i] = make(map[int64]int64)
		sends.Go(func() error {
			for taken.Add(1) <= int64(messages) {
				conv, err := r.api.send(ctx, "", outgoing{group: group, content: stamp{i, l.sent[i]}.content()})
				if err != nil {
					return err
				}
				l.place[i][l.sent[i]] = conv
				l.sent[i]++
				r.progress.done.Add(1)
			}
			return nil
		})
	}
	return l, sends.Wait()
}

// reading is one client that reads its log.
type reading struct {
	witness
	logs  *logs
	read  int64  // messages
	alive func() // puts off giving up
}

// readAll lets clients read their logs at the same time and judges.
func (l *logs) readAll(ctx context.Context, way string, clients int) (*Result, error) {
	o := l.run.o
	pages := newRecorder()
	readings := make([]*reading, clients)
	opened, closeAll, err := l.open(ctx, way, clients)
	defer closeAll()
	if err != nil {
		return nil, err
	}
	shown := l.run.progress.watch(fmt.Sprintf("%d reading by %s", clients, way), "messages")
	defer shown()
	before, start := cpuTotal(o.PIDs), time.Now()
	reads, ctx := errgroup.WithContext(ctx)
	for i := range readings {
		readings[i] = &reading{witness: witness{user: l.users[i], stored: true, tracks: make([]track, fillers)}, logs: l}
		reads.Go(func() error { return readings[i].all(ctx, way, opened[i], pages) })
	}
	err = reads.Wait()
	result := &Result{Seconds: time.Since(start).Seconds(), Latency: pages.latency()}
	used := cpuTotal(o.PIDs) - before
	for _, r := range readings {
		r.settle(func(sender int) int64 { return l.sent[sender] })
		result.add(r.Verdict)
		result.Messages += r.read
	}
	result.rates(used)
	return result, err
}

// open connects the clients, where the way of reading needs a connection.
func (l *logs) open(ctx context.Context, way string, clients int) (conns []*client.Conn, closeAll func(), err error) {
	conns = make([]*client.Conn, clients)
	closeAll = func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close() // it has read what it should
			}
		}
	}
	if way == byPages {
		return conns, closeAll, nil
	}
	connects, ctx := errgroup.WithContext(ctx)
	connects.SetLimit(parallelConnects)
	for i := range conns {
		connects.Go(func() (err error) {
			if way == byReplay { // its sign-in is what is measured
				conns[i], err = client.Dial(ctx, l.run.o.address(l.run.o.Receive))
				return err
			}
			conns[i], _, err = l.run.dial(ctx, l.users[i], l.run.o.Receive, nil)
			return err
		})
	}
	return conns, closeAll, connects.Wait()
}

// all reads the whole log. What does not come in time is left to settle.
func (r *reading) all(ctx context.Context, way string, conn *client.Conn, pages *recorder) error {
	reading, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	patience := r.logs.run.o.Patience
	watchdog := time.AfterFunc(patience, func() {
		giveUp(fmt.Errorf("%w: %s waited %s in vain for what follows entry %d of its log", errHang, r.user, patience, r.seq))
	})
	defer watchdog.Stop()
	r.alive = func() { watchdog.Reset(patience) }
	var err error
	switch way {
	case byPages:
		err = r.pages(reading, pages, r.restPage)
	case byFrames:
		err = r.pages(reading, pages, func(ctx context.Context) (bool, error) { return r.framePage(ctx, conn) })
	case byReplay:
		err = r.replay(reading, conn)
	}
	if cause := context.Cause(reading); err != nil && errors.Is(cause, errHang) {
		return cause
	}
	return err
}

// pages asks for one page after the other.
func (r *reading) pages(ctx context.Context, times *recorder, page func(context.Context) (more bool, err error)) error {
	for more := true; more; {
		start, held := time.Now(), r.seq
		var err error
		if more, err = page(ctx); err != nil {
			return err
		}
		times.record(time.Since(start))
		if more && r.seq == held {
			return fmt.Errorf("the server says that %s has more to read after entry %d, and does not give it", r.user, held)
		}
		r.alive()
	}
	return nil
}

func (r *reading) restPage(ctx context.Context) (more bool, err error) {
	page, err := r.logs.run.api.sync(ctx, r.user, r.seq, syncPage)
	if err != nil {
		return false, err
	}
	for i := range page.Items {
		m := &page.Items[i]
		r.entry(m.Content, m.Type, string(m.Sender.Type), m.Seq, m.ConversationSeq)
	}
	return page.HasMore, nil
}

func (r *reading) framePage(ctx context.Context, conn *client.Conn) (more bool, err error) {
	limit := int32(syncPage)
	ask := &wire.ClientFrame{Id: firstSendID, Body: &wire.ClientFrame_Sync{Sync: &wire.Sync{After: r.seq, Limit: &limit}}}
	if err := conn.Write(ctx, ask); err != nil {
		return false, err
	}
	for {
		f, err := conn.Read(ctx)
		if err != nil {
			return false, err
		}
		if e := f.GetError(); e != nil {
			return false, fmt.Errorf("sync: %s: %s", e.GetCode(), e.GetMessage())
		}
		if page := f.GetSyncPage(); page != nil {
			r.entries(page.GetItems())
			return page.GetHasMore(), nil
		}
	}
}

// replay signs in at the beginning of the log and takes what is pushed.
func (r *reading) replay(ctx context.Context, conn *client.Conn) error {
	token, err := r.logs.run.tokens.mint(r.user)
	if err != nil {
		return err
	}
	var beginning int64
	in, err := conn.SignIn(ctx, token, &beginning)
	if err != nil {
		return err
	}
	for r.seq < in.GetHeadSeq() {
		f, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		r.entries(f.GetPush().GetMessages())
		r.alive()
	}
	// What is pushed besides, and should not be, comes before the answer to a ping.
	if err := conn.Write(ctx, &wire.ClientFrame{Id: lastPingID, Body: &wire.ClientFrame_Ping{Ping: &wire.Ping{}}}); err != nil {
		return err
	}
	for {
		f, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if f.GetPong() != nil {
			return nil
		}
		r.entries(f.GetPush().GetMessages())
	}
}

func (r *reading) entries(messages []*wire.Message) {
	for _, m := range messages {
		r.entry(m.GetContent(), m.GetType(), m.GetSender().GetType(), m.GetSeq(), m.GetConversationSeq())
	}
}

// entry judges one entry of the log.
func (r *reading) entry(content []byte, kind, sender string, seq, conv int64) {
	s, ok := parseStamp(content)
	switch {
	case ok && r.knows(s) && s.number < r.logs.sent[s.sender]:
		r.read++
		if place := r.logs.place[s.sender][s.number]; r.saw(s, seq, conv) && conv != place {
			r.Disorder++
			r.note("%s reads message %d of sender %d at place %d of the conversation, it was sent to place %d", r.user, s.number, s.sender, conv, place)
		}
		r.logs.run.progress.done.Add(1)
	case isEvent(kind, sender):
		r.logged(seq, conv)
	default:
		r.foreign(fmt.Sprintf("%.60q", content), seq, conv)
	}
}

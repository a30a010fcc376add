package repo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/repo"
)

// What a crash test tells the process that it is going to kill.
const (
	envAppender = "GIM_TEST_APPENDER"      // the data directory
	envFrom     = "GIM_TEST_APPENDER_FROM" // the number that each writer goes on with
)

const (
	crashWriters = 6
	crashUsers   = 3   // who write
	crashMembers = 120 // of the group: enough for its log entries to make way for chats
	crashApp     = domain.AppID("crash")
)

// nobody is a publisher without subscribers.
type nobody struct{}

func (nobody) Publish([]domain.Delivery) {}

// appendUntilKilled appends as fast as it can and prints what was acknowledged:
// writer, number, seq, conversation_seq, message id. It is another process.
func appendUntilKilled(dir string) int {
	fmt.Println("opening")                                                   //nolint:forbidigo // this is how the test hears from it
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // in case that nobody kills it
	defer cancel()
	s, err := repo.Open(ctx, repo.Options{DataDir: dir, Publisher: nobody{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("error", err) //nolint:forbidigo // as above
		return 1
	}
	app, users, err := crashPeople(ctx, s)
	if err != nil {
		fmt.Println("error", err) //nolint:forbidigo // as above
		return 1
	}
	go s.Run(ctx) //nolint:errcheck // ends with the process
	var wg sync.WaitGroup
	for writer, from := range strings.Split(os.Getenv(envFrom), ",") {
		wg.Go(func() { // ends with the process
			for n, _ := strconv.Atoi(from); ctx.Err() == nil; n++ { // the test wrote a number
				r, err := s.Append(ctx, crashSend(app, users, writer, n))
				if err != nil {
					return
				}
				fmt.Println("acked", writer, n, r.Seq, r.ConversationSeq, r.MessageID) //nolint:forbidigo // as above
			}
		})
	}
	wg.Wait()
	return 1
}

// crashPeople makes or finds those who take part.
func crashPeople(ctx context.Context, s *repo.Store) (domain.AppNum, []domain.UserRef, error) {
	app, err := s.App(ctx, crashApp)
	if errors.Is(err, domain.ErrAppNotFound) {
		app, err = s.CreateApp(ctx, domain.App{ID: crashApp, Settings: domain.DefaultAppSettings()}, domain.AppKey{ID: "k"}, []byte("h"))
	}
	if err != nil {
		return 0, nil, err
	}
	profiles := make([]domain.User, crashMembers)
	ids := make([]domain.UserID, crashMembers)
	for i := range profiles {
		ids[i] = domain.UserID(fmt.Sprint("u", i))
		profiles[i] = domain.User{ID: ids[i], Extra: json.RawMessage("{}")}
	}
	made, _, err := s.UpsertUsers(ctx, app.Num, profiles)
	if err != nil {
		return 0, nil, err
	}
	users := make([]domain.UserRef, crashMembers)
	for i, u := range made {
		users[i] = u.Ref()
	}
	g := domain.Group{ID: "g", Type: domain.GroupNormal, Owner: ids[0], Extra: json.RawMessage("{}")}
	if _, err = s.CreateGroup(ctx, app.Num, g, ids); errors.Is(err, domain.ErrGroupExists) {
		err = nil
	}
	return app.Num, users, err
}

// crashSend is the send number n of a writer: every other one to the group.
func crashSend(app domain.AppNum, users []domain.UserRef, writer, n int) domain.Outgoing {
	text := fmt.Sprintf("%d/%d", writer, n)
	from, to := users[writer%crashUsers], domain.Target{Group: "g"}
	if n%2 == 1 {
		to = domain.Target{User: users[(writer+1)%crashUsers].ID}
	}
	return domain.Outgoing{App: app, User: from.Num, Digest: []byte(text), Message: domain.Message{
		Sender: domain.Sender{Type: domain.SenderUser, User: from.ID}, To: to, Type: domain.ContentText,
		Content: json.RawMessage(`{"text":"` + text + `"}`), ClientMsgID: text, SentAt: time.UnixMilli(1), Status: domain.StatusNormal,
	}}
}

// ack is a line of the appender.
type ack struct {
	seq, conversationSeq int64
	id                   domain.MessageID
}

// crashed is what the appenders acknowledged over all their lives.
type crashed struct {
	acks map[string]ack // by text
	next [crashWriters]int
}

// live runs an appender until it has acknowledged so many sends, or is about to
// open its store for -1, and kills it.
func (c *crashed) live(t *testing.T, dir string, acks int) {
	t.Helper()
	from := make([]string, crashWriters)
	for i, n := range c.next {
		from[i] = strconv.Itoa(n)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envAppender+"="+dir, envFrom+"="+strings.Join(from, ","))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // what is cut off was not told
			break
		}
		if acks--; acks < -1 || strings.HasPrefix(line, "error") { // the line before the acks counts too
			_ = cmd.Process.Kill() // it may have ended
		}
		c.note(t, line)
	}
	_, _ = io.Copy(io.Discard, lines) // nothing is left
	_ = cmd.Wait()                    // killed
}

func (c *crashed) note(t *testing.T, line string) {
	t.Helper()
	var writer, n int
	var a ack
	switch _, err := fmt.Sscanf(line, "acked %d %d %d %d %s\n", &writer, &n, &a.seq, &a.conversationSeq, &a.id); {
	case line == "opening\n":
	case err != nil:
		t.Fatalf("the appender says: %s", line)
	case n != c.next[writer]:
		t.Fatalf("writer %d acknowledged %d, want %d", writer, n, c.next[writer])
	default:
		c.acks[fmt.Sprintf("%d/%d", writer, n)] = a
		c.next[writer]++
	}
}

// check reads what is stored: everything acknowledged once, under its numbers,
// and of each writer at most the one send that was under way.
func (c *crashed) check(t *testing.T, s *repo.Store) {
	t.Helper()
	app, users, err := crashPeople(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for i, u := range users {
		var seq int64
		conversations := map[domain.ConversationNum]int64{}
		next := map[int]int{} // of the writers that are this user
		for hasMore := true; hasMore; {
			page, err := s.ReadLog(t.Context(), app, u.Num, seq, domain.MaxPageSize)
			if err != nil {
				t.Fatal(err)
			}
			hasMore = page.HasMore
			for _, e := range page.Entries {
				m, text := e.Message, e.Message.ClientMsgID
				if seq++; e.Seq != seq {
					t.Fatalf("log of %s: %d comes where %d belongs", u.ID, e.Seq, seq)
				}
				if conversations[m.Conversation]++; m.ConversationSeq != conversations[m.Conversation] {
					t.Fatalf("log of %s: message %d of a conversation comes where %d belongs", u.ID, m.ConversationSeq, conversations[m.Conversation])
				}
				a, isAcked := c.acks[text]
				if isAcked && (a.id != m.ID || a.conversationSeq != m.ConversationSeq || (e.IsSender && a.seq != e.Seq)) {
					t.Errorf("log of %s: %s is %+v, was acknowledged as %+v", u.ID, text, e, a)
				}
				if !e.IsSender {
					continue
				}
				found[text] = true
				var writer, n int
				_, _ = fmt.Sscanf(text, "%d/%d", &writer, &n) // of crashSend
				if n != next[writer] || n > c.next[writer] {
					t.Errorf("log of user %d: %s is stored where number %d belongs; %d were acknowledged", i, text, next[writer], c.next[writer])
				}
				next[writer] = n + 1
			}
		}
	}
	for text := range c.acks {
		if !found[text] {
			t.Errorf("%s was acknowledged and is not stored", text)
		}
	}
}

func TestSQLite_KilledLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	cycles := 52
	if testing.Short() {
		cycles = 5
	}
	dir := t.TempDir()
	c := &crashed{acks: map[string]ack{}}
	for i := range cycles {
		acks := rand.IntN(80)
		if i%6 == 0 {
			acks = -1 // while it opens, and the first time makes, its database
		}
		c.live(t, dir, acks)
		if t.Failed() {
			return
		}
		if i%26 == 25 || i == cycles-1 {
			s := open(t, repo.Options{DataDir: dir, Publisher: nobody{}})
			c.check(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(c.acks) < cycles {
		t.Errorf("only %d sends were acknowledged in %d lives", len(c.acks), cycles)
	}
	t.Logf("%d sends were acknowledged in %d lives", len(c.acks), cycles)
}

func TestLock_EndsWithItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envAppender+"="+dir, envFrom+"=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for line := ""; !strings.HasPrefix(line, "acked"); {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_, err = repo.Open(t.Context(), repo.Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, repo.ErrLocked) {
		t.Errorf("while it runs: got %v, want ErrLocked", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, lines)
	_ = cmd.Wait() // killed
	if err := open(t, repo.Options{DataDir: dir}).Close(); err != nil {
		t.Error(err)
	}
}

func TestLock_IsHeldUntilClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := repo.Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)}
	for range 2 {
		s := open(t, o)
		if _, err := repo.Open(t.Context(), o); !errors.Is(err, repo.ErrLocked) {
			t.Errorf("got %v, want ErrLocked", err)
		}
		if _, err := repo.Migrate(t.Context(), o); !errors.Is(err, repo.ErrLocked) {
			t.Errorf("Migrate: got %v, want ErrLocked", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

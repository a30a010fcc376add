package repo_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/repo"
)

// patient is a running store on a database that the test mistreats, with two
// users who have written to each other.
type patient struct {
	*repo.Store
	t       *testing.T
	app     domain.AppNum
	users   []domain.UserRef
	raw     *sql.DB
	retries atomic.Int64
	onRetry chan struct{} // gets a value at each, unless it is full
}

// newPatient opens a store at dsn; direct is another way to the same database.
func newPatient(t *testing.T, dsn, direct string) *patient {
	t.Helper()
	p := &patient{t: t, onRetry: make(chan struct{}, 1)}
	p.Store = open(t, repo.Options{MySQLDSN: dsn, Publisher: nobody{}, Metrics: repo.Metrics{Retry: func() {
		p.retries.Add(1)
		select {
		case p.onRetry <- struct{}{}:
		default:
		}
	}}})
	var err error
	if p.app, p.users, err = crashPeople(t.Context(), p.Store); err != nil {
		t.Fatal(err)
	}
	if p.raw, err = sql.Open("mysql", direct); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) }) // ends with the test
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_ = p.Close()     // the server may be gone
		_ = p.raw.Close() // likewise
	})
	p.mustSend(crashSend(p.app, p.users, 0, 1))
	return p
}

func (p *patient) send(out domain.Outgoing) (domain.Receipt, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	return p.Append(ctx, out)
}

func (p *patient) mustSend(out domain.Outgoing) domain.Receipt {
	p.t.Helper()
	r, err := p.send(out)
	if err != nil {
		p.t.Fatalf("send %s: %v", out.Message.ClientMsgID, err)
	}
	return r
}

func (p *patient) exec(tx *sql.Tx, query string, args ...any) {
	p.t.Helper()
	if _, err := tx.ExecContext(p.t.Context(), query, args...); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
}

func (p *patient) begin() *sql.Tx {
	p.t.Helper()
	tx, err := p.raw.BeginTx(p.t.Context(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = tx.Rollback() }) // no-op when the test did it
	return tx
}

// keys returns the client_msg_ids in a user's log, which must be contiguous.
func (p *patient) keys(user domain.UserRef) map[string]int {
	p.t.Helper()
	count := map[string]int{}
	var seq int64
	for {
		page, err := p.ReadLog(p.t.Context(), p.app, user.Num, seq, domain.MaxPageSize)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range page.Entries {
			if seq++; e.Seq != seq {
				p.t.Fatalf("%d comes where %d belongs", e.Seq, seq)
			}
			count[e.Message.ClientMsgID]++
		}
		if !page.HasMore {
			return count
		}
	}
}

const lockHead = `SELECT head_seq FROM user_heads WHERE app_id = ? AND user_id = ? FOR UPDATE`

func TestMySQL_LockWaitIsRunAgain(t *testing.T) {
	t.Parallel()
	dsn := testserver.MariaDB(t)
	p := newPatient(t, dsn+"?innodb_lock_wait_timeout=1", dsn)
	tx := p.begin()
	p.exec(tx, lockHead, p.app, p.users[0].Num)
	go func() { // ends with the first retry, or the test
		select {
		case <-p.onRetry:
			_ = tx.Rollback() // gives the lock free
		case <-t.Context().Done():
		}
	}()
	r := p.mustSend(crashSend(p.app, p.users, 0, 2))
	if p.retries.Load() == 0 || r.Repeated {
		t.Errorf("%d retries, receipt %+v", p.retries.Load(), r)
	}
}

func TestMySQL_LockThatStaysIsUnavailable(t *testing.T) {
	t.Parallel()
	dsn := testserver.MariaDB(t)
	p := newPatient(t, dsn+"?innodb_lock_wait_timeout=1", dsn)
	tx := p.begin()
	p.exec(tx, lockHead, p.app, p.users[0].Num)
	out := crashSend(p.app, p.users, 0, 2)
	if _, err := p.send(out); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if r := p.mustSend(out); r.Repeated {
		t.Errorf("it was stored all the same: %+v", r)
	}
}

// The other transaction holds what the send needs last and then asks for what
// the send took first. It has changed much, so the database ends the send.
func TestMySQL_DeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	server := testserver.NewMariaDB(t)
	p := newPatient(t, server.DSN(), server.DSN())
	tx := p.begin()
	for i := range 200 {
		p.exec(tx, `INSERT INTO idempotent_requests (app_id, request_key, request, status, answer, at) VALUES (0, ?, '', 0, '', 0)`, fmt.Sprint(i))
	}
	p.exec(tx, lockHead, p.app, p.users[0].Num)
	answered := make(chan error, 1)
	go func() { // ends with the send
		_, err := p.send(crashSend(p.app, p.users, 0, 2))
		answered <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		time.Sleep(150 * time.Millisecond) // InnoDB shows a cached state to whoever asks more often than every 100 ms
		var n int
		err := p.raw.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			break
		}
		select {
		case err := <-answered:
			t.Fatalf("the send was answered with %v after %d retries, without waiting", err, p.retries.Load())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the send never waited")
		}
	}
	p.exec(tx, `SELECT id FROM conversations WHERE app_id = ? FOR UPDATE`, p.app)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil || p.retries.Load() == 0 {
		t.Errorf("got %v after %d retries", err, p.retries.Load())
	}
}

// The connection breaks at every place of the conversation with the database,
// the answer to COMMIT among them: sending again settles each send once.
func TestMySQL_LostConnectionIsSettledBySendingAgain(t *testing.T) {
	t.Parallel()
	server := testserver.NewMariaDB(t)
	proxy := testserver.NewProxy(t, server.Socket())
	p := newPatient(t, server.DSNVia(proxy.Addr()), server.DSN())
	sends, unknown, stored := 0, 0, 0
	for step := 0; sends == unknown && sends < 1000; step++ { // until a cut comes too late
		const bytes = 5 // two of them, as every other send is to a group, are fewer than the answer to COMMIT has
		out := crashSend(p.app, p.users, 0, 2+step)
		proxy.CutAfter(int64(step * bytes))
		_, err := p.send(out)
		proxy.Heal()
		if sends++; err == nil {
			_, _ = p.send(out) // the connection may have been cut right behind the answer
			continue
		}
		if !errors.Is(err, domain.ErrUnavailable) {
			t.Fatalf("cut after %d bytes: got %v, want unavailable", step*bytes, err)
		}
		unknown++
		var r domain.Receipt
		if r, err = p.send(out); errors.Is(err, domain.ErrUnavailable) { // another connection of the pool was cut too
			r, err = p.send(out)
		}
		if err != nil {
			t.Fatalf("sending again: %v", err)
		}
		if r.Repeated {
			stored++
		}
	}
	for key, n := range p.keys(p.users[0]) {
		if n != 1 {
			t.Errorf("%s is stored %d times", key, n)
		}
	}
	if n := len(p.keys(p.users[0])); n != sends+1 {
		t.Errorf("%d sends are stored, want %d", n, sends+1)
	}
	if stored == 0 || stored == unknown {
		t.Errorf("of %d outcomes that were not known %d were stored: the cuts missed the commit", unknown, stored)
	}
}

// outage sends from many while end ends the server, starts it again and checks
// that every send settles once.
func outage(t *testing.T, end func(*testserver.MariaDBServer)) {
	t.Helper()
	server := testserver.NewMariaDB(t)
	p := newPatient(t, server.DSN(), server.DSN())
	const writers = 8
	var acked, unknown [writers][]string
	warm := make(chan struct{}, writers)
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() { // ends with the server
			for n := 2; ; n++ {
				out := crashSend(p.app, p.users, writer, n)
				_, err := p.send(out)
				if err != nil {
					if !errors.Is(err, domain.ErrUnavailable) {
						t.Errorf("got %v, want unavailable", err)
					}
					unknown[writer] = append(unknown[writer], out.Message.ClientMsgID)
					return
				}
				acked[writer] = append(acked[writer], out.Message.ClientMsgID)
				if n == 20 {
					warm <- struct{}{}
				}
			}
		})
	}
	<-warm
	end(server)
	wg.Wait()
	if _, err := p.ReadLog(t.Context(), p.app, p.users[0].Num, 0, 1); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("reading without a server: got %v, want unavailable", err)
	}
	if err := p.Ping(t.Context()); err == nil {
		t.Error("Ping answers without a server")
	}
	server.Restart()
	for writer := range writers {
		for range unknown[writer] {
			p.mustSend(crashSend(p.app, p.users, writer, 2+len(acked[writer])))
		}
	}
	stored := map[string]int{}
	for _, u := range p.users {
		for key, n := range p.keys(u) {
			stored[key] = max(stored[key], n)
		}
	}
	total := 1
	for writer := range writers {
		for _, key := range append(acked[writer], unknown[writer]...) {
			total++
			if stored[key] != 1 {
				t.Errorf("%s is stored %d times", key, stored[key])
			}
		}
	}
	if len(stored) != total {
		t.Errorf("%d sends are stored, want %d", len(stored), total)
	}
}

func TestMySQL_KilledServerLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	outage(t, (*testserver.MariaDBServer).Kill)
}

func TestMySQL_StoppedServerIsUnavailable(t *testing.T) {
	t.Parallel()
	outage(t, (*testserver.MariaDBServer).Stop)
}

// A caller who stops waiting does not stop the commit.
func TestMySQL_CallerWhoHangsUpMayStillHaveSent(t *testing.T) {
	t.Parallel()
	dsn := testserver.MariaDB(t)
	p := newPatient(t, dsn, dsn)
	tx := p.begin()
	p.exec(tx, lockHead, p.app, p.users[0].Num)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	out := crashSend(p.app, p.users, 0, 2)
	out.Message.Content = json.RawMessage(`{"text":"x"}`)
	if _, err := p.Append(ctx, out); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if r := p.mustSend(out); !r.Repeated {
		t.Errorf("it was not stored: %+v", r)
	}
}

package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// ErrInterrupted says that the context ended before anything was measured.
var ErrInterrupted = errors.New("interrupted before anything was measured")

// run is one call of a workload: its users, and how they reach the server.
type run struct {
	o        Options
	api      *api   // of the first node
	senders  []*api // of each node
	nextSend atomic.Int64
	tokens   *tokens
	prefix   string // of the ids of its users and groups
	users    atomic.Int64
	progress *progress
}

// startRun completes the options and makes the run's signing key. finish has to
// be called.
func startRun(ctx context.Context, o Options) (*run, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	var senders []*api
	for _, url := range o.urls.nodes {
		a, err := newAPI(url, o.AppKey)
		if err != nil {
			return nil, err
		}
		senders = append(senders, a)
	}
	a := senders[0]
	var id [5]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	r := &run{
		o: o, api: a, senders: senders, prefix: "bench-" + hex.EncodeToString(id[:]),
		progress: &progress{out: o.Progress, terminal: o.Terminal},
	}
	first, err := r.newUsers(ctx, 1)
	if err != nil {
		return nil, err
	}
	r.tokens, err = registerKey(ctx, a, r.prefix, first[0])
	return r, err
}

// finish leaves no key behind. The users stay, with what was sent: an app of its
// own is deleted as a whole.
func (r *run) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), max(r.o.Patience, 10*time.Second)) // also after an interruption
	defer cancel()
	return r.tokens.forget(ctx)
}

// sender is the REST side of the node whose turn it is.
func (r *run) sender() *api {
	return r.senders[r.nextSend.Add(1)%int64(len(r.senders))]
}

// newUsers creates users that nobody has written to.
func (r *run) newUsers(ctx context.Context, n int) ([]string, error) {
	from := r.users.Add(int64(n)) - int64(n)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", r.prefix, from+int64(i))
	}
	return ids, r.api.createUsers(ctx, ids)
}

// dial connects a user. Without after only what is new is pushed.
func (r *run) dial(ctx context.Context, user, transport string, after *int64) (*client.Conn, *wire.SignedIn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	token, err := r.tokens.mint(user)
	if err != nil {
		return nil, nil, err
	}
	conn, err := client.Dial(ctx, r.o.address(transport))
	if err != nil {
		return nil, nil, err
	}
	in, err := conn.SignIn(ctx, token, after)
	if err != nil {
		_ = conn.Close() // the error is told
		return nil, nil, fmt.Errorf("sign in %s: %w", user, err)
	}
	return conn, in, nil
}

// connectLine connects a user by what costs the least. Only what is new is pushed.
func (r *run) connectLine(ctx context.Context, user, transport string) (*line, *wire.SignedIn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	token, err := r.tokens.mint(user)
	if err != nil {
		return nil, nil, err
	}
	l, err := dialLine(ctx, r.o.address(transport))
	if err != nil {
		return nil, nil, err
	}
	in, err := l.signIn(ctx, token)
	if err != nil {
		l.drop()
		return nil, nil, fmt.Errorf("sign in %s: %w", user, err)
	}
	return l, in, nil
}

// rounds runs one round for each size. What was measured is returned whatever
// happened; an interruption is no error when something was.
func rounds[T any](ctx context.Context, o Options, sizes []T, round func(*run, context.Context, T) ([]Result, error)) (results []Result, err error) {
	r, err := startRun(ctx, o)
	if err == nil {
		defer func() { err = errors.Join(err, r.finish()) }()
		for _, size := range sizes {
			var got []Result
			got, err = round(r, ctx, size)
			results = append(results, got...)
			if err != nil || ctx.Err() != nil {
				break
			}
		}
	}
	switch {
	case ctx.Err() == nil:
		return results, err
	case len(results) == 0:
		return nil, ErrInterrupted
	}
	return results, nil
}

package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/gim-im/gim/domain"
)

// Store is everything that gim asks of a store.
type Store interface {
	domain.AppStore
	domain.CredentialStore
	domain.UserStore
	domain.DeviceStore
	domain.BlockStore
	domain.ConversationStore
	domain.DeliveryStore
	domain.ContactStore
	domain.GroupStore
	domain.GroupSizer
	domain.MessageStore
	domain.LogStore
	domain.IdempotencyStore
	domain.PresenceStore
	domain.TraceStore
	domain.MessageSearcher

	AppendAll(ctx context.Context, all []domain.Outgoing) error
	// Index makes everything that is stored findable.
	Index(ctx context.Context) error
	// Run works until ctx ends; messages are appended only meanwhile.
	Run(ctx context.Context) error
	Ping(ctx context.Context) error
	Close() error
}

// Opener opens a store on a database that is empty at the first call and the
// same at every further one. It ends the test when it cannot. The suite runs
// the store and closes it.
type Opener func(t *testing.T, publisher domain.Publisher) Store

// Exercise runs the suite against one store. The tests share it, each in an app
// of its own, so they also show that apps do not touch one another.
func Exercise(t *testing.T, open Opener) {
	t.Helper()
	published := &recorder{}
	store := open(t, published)
	stop := run(t, store)
	t.Cleanup(stop) // after the parallel subtests
	for _, suite := range []map[string]func(*world){
		editTests(), deleteTests(), messageReadTests(), searchTests(), reactionTests(), replyTests(),
		appTests(), keyTests(), userTests(), tokenTests(), deviceTests(), groupTests(), groupChangeTests(), memberTests(),
		appendTests(), repeatTests(), logTests(), historyTests(), digestTests(), idempotencyTests(), isolationTests(), exactTests(),
		presenceTests(), blockTests(), conversationTests(), mentionTests(), deliveredTests(), readTests(), conversationChangeTests(), contactTests(), friendsOnlyTests(), largeTests(), largeReadTests(), traceTests(),
	} {
		for name, test := range suite {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(newWorld(t, store, published))
			})
		}
	}
}

// run starts store and returns what stops and closes it.
func run(t *testing.T, store Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { // ends with stop
		if err := store.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// recorder is a publisher that keeps what it is told, in order.
type recorder struct {
	mu         sync.Mutex
	deliveries []domain.Delivery
}

// Publish implements [domain.Publisher].
func (r *recorder) Publish(deliveries []domain.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries = append(r.deliveries, deliveries...)
}

// of returns the deliveries of an app so far.
func (r *recorder) of(app domain.AppNum) []domain.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.deliveries), func(d domain.Delivery) bool { return d.App != app })
}

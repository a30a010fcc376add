package app

import (
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/internal/presence"
	"github.com/gim-im/gim/repo"
)

// storeMetrics are the instruments as the store asks for them.
func (a *App) storeMetrics() repo.Metrics {
	return repo.Metrics{
		Batch: func(messages int, took time.Duration) {
			a.metrics.Messages.Add(float64(messages))
			a.metrics.BatchMessages.Observe(float64(messages))
			a.metrics.CommitSeconds.Observe(took.Seconds())
		},
		Retry:     a.metrics.CommitRetries.Inc,
		Failed:    a.metrics.CommitFailures.Inc,
		Unindexed: func(messages int64) { a.metrics.SearchUnindexed.Set(float64(messages)) },
	}
}

// busMetrics are the instruments as the bus asks for them.
func (a *App) busMetrics() bus.Metrics {
	return bus.Metrics{
		Published: a.metrics.BusPublished, Dropped: a.metrics.BusDropped, Received: a.metrics.BusReceived,
		Garbage: a.metrics.BusGarbage, Reconnects: a.metrics.BusReconnects, Up: a.metrics.BusUp,
	}
}

// presenceMetrics are the instruments as presence asks for them.
func (a *App) presenceMetrics() presence.Metrics {
	return presence.Metrics{Sessions: a.metrics.PresenceSessions, Up: a.metrics.PresenceUp}
}

// ephemeralCounter counts what the use case publishes by itself, which is what
// is not stored; the store publishes the rest.
type ephemeralCounter struct {
	domain.Publisher
	metrics *metrics.Metrics
}

// Publish counts and hands on.
func (c ephemeralCounter) Publish(deliveries []domain.Delivery) {
	c.metrics.EphemeralMessages.Add(float64(len(deliveries)))
	c.Publisher.Publish(deliveries)
}

// limitCounter counts refusals.
type limitCounter struct {
	domain.Limiter
	metrics *metrics.Metrics
}

// AllowN asks and counts.
func (c limitCounter) AllowN(key domain.LimitKey, n int) (ok bool, wait time.Duration) {
	ok, wait = c.Limiter.AllowN(key, n)
	if !ok {
		c.metrics.RateLimited.Inc()
	}
	return ok, wait
}

// Package metrics holds what gim counts and times, in a Prometheus registry of
// its own: nothing is registered globally, so several gims in one process do
// not share figures. Names start with gim_ and end with their unit.
//
// The fields of [Metrics] are the instruments themselves. All of them, and all
// methods, are safe for concurrent use.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the instruments of one gim. Make it with [New].
type Metrics struct {
	registry *prometheus.Registry

	// Messages counts messages stored.
	Messages prometheus.Counter
	// EphemeralMessages counts messages that were pushed and not stored.
	EphemeralMessages prometheus.Counter
	// CommitSeconds times the transaction that stores a batch, retries included.
	CommitSeconds prometheus.Histogram
	// CommitRetries counts transactions run again after a lost lock race.
	CommitRetries prometheus.Counter
	// CommitFailures counts batches that were refused as a whole, or whose outcome
	// is not known.
	CommitFailures prometheus.Counter
	// BatchMessages counts the messages of each committed batch.
	BatchMessages prometheus.Histogram

	// SearchUnindexed is how many messages wait to be indexed, as far as it is known.
	SearchUnindexed prometheus.Gauge

	// Connections is the number of open connections by transport ("websocket",
	// "tcp") and encoding ("json", "proto"), signed in or not.
	Connections *prometheus.GaugeVec
	// ConnectionCloses counts connections that the server closed, by close code.
	ConnectionCloses *prometheus.CounterVec
	// PushMessages counts messages queued for a connection.
	PushMessages prometheus.Counter
	// PushFrames counts frames of pushes written; several messages may share one.
	PushFrames prometheus.Counter
	// PushCatchUps counts reads of the store by connections that had missed a push.
	PushCatchUps prometheus.Counter

	// BusPublished counts events written to Redis for other nodes.
	BusPublished prometheus.Counter
	// BusDropped counts events that could not be written; receivers find what
	// they were about in their logs.
	BusDropped prometheus.Counter
	// BusReceived counts events that came from other nodes.
	BusReceived prometheus.Counter
	// BusGarbage counts payloads from the bus that could not be read.
	BusGarbage prometheus.Counter
	// BusReconnects counts connections to the bus made anew.
	BusReconnects prometheus.Counter
	// BusUp is 1 while the bus can be reached.
	BusUp prometheus.Gauge

	// PresenceSessions is the number of connections that others see as online.
	PresenceSessions prometheus.Gauge
	// PresenceUp is 1 while it is known who is online on other nodes.
	PresenceUp prometheus.Gauge

	// RateLimited counts sends and signals refused by a rate limit.
	RateLimited prometheus.Counter
	// HTTPRequestSeconds times requests by method, route pattern and status.
	HTTPRequestSeconds *prometheus.HistogramVec
}

// New returns instruments at zero, with those of the Go runtime and the process
// beside them.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	m.addStore()
	m.addConnections()
	m.addBus()
	m.addPresence()
	m.addHTTP()
	return m
}

func (m *Metrics) addStore() {
	m.Messages = m.counter("gim_messages_total", "Messages stored.")
	m.EphemeralMessages = m.counter("gim_ephemeral_messages_total", "Messages pushed and not stored.")
	m.CommitSeconds = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gim_commit_seconds", Help: "Time to store a batch of messages, retries included.",
		Buckets: prometheus.ExponentialBuckets(0.00025, 2, 15), // 0.25 ms to 4 s
	}))
	m.CommitRetries = m.counter("gim_commit_retries_total", "Transactions run again after a lost lock race.")
	m.CommitFailures = m.counter("gim_commit_failures_total", "Batches refused as a whole, or of unknown outcome.")
	m.BatchMessages = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gim_batch_messages", Help: "Messages stored by one transaction.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11), // 1 to 1,024
	}))
	m.SearchUnindexed = add(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gim_search_unindexed_messages", Help: "Messages that a search does not find yet, as far as this node knows.",
	}))
}

func (m *Metrics) addConnections() {
	m.Connections = add(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gim_connections", Help: "Open connections.",
	}, []string{"transport", "encoding"}))
	m.ConnectionCloses = add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gim_connection_closes_total", Help: "Connections that the server closed.",
	}, []string{"code"}))
	m.PushMessages = m.counter("gim_push_messages_total", "Messages queued for a connection.")
	m.PushFrames = m.counter("gim_push_frames_total", "Frames of pushes written.")
	m.PushCatchUps = m.counter("gim_push_catch_ups_total", "Reads of the store by connections that had missed a push.")
}

func (m *Metrics) addBus() {
	m.BusPublished = m.counter("gim_bus_published_total", "Events written to Redis for other nodes.")
	m.BusDropped = m.counter("gim_bus_dropped_total", "Events that could not be written; receivers find what they were about in their logs.")
	m.BusReceived = m.counter("gim_bus_received_total", "Events that came from other nodes.")
	m.BusGarbage = m.counter("gim_bus_garbage_total", "Payloads from the bus that could not be read.")
	m.BusReconnects = m.counter("gim_bus_reconnects_total", "Connections to the bus made anew.")
	m.BusUp = add(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gim_bus_up", Help: "1 while the bus can be reached.",
	}))
}

func (m *Metrics) addPresence() {
	m.PresenceSessions = add(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gim_presence_sessions", Help: "Connections of this node that others see as online.",
	}))
	m.PresenceUp = add(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gim_presence_up", Help: "1 while it is known who is online on other nodes.",
	}))
}

func (m *Metrics) addHTTP() {
	m.RateLimited = m.counter("gim_rate_limited_total", "Sends and signals refused by a rate limit.")
	m.HTTPRequestSeconds = add(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gim_http_request_seconds", Help: "Time to answer a request.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12), // 0.5 ms to 12 s
	}, []string{"method", "route", "status"}))
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return add(m, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

// add registers c, which cannot fail: every name stands here once.
func add[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}

// Register adds a collector of another package, under a name of its own; a name
// that is taken is an error.
func (m *Metrics) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// Handler answers with all figures in the text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

package bus_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/internal/bus/bustest"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/wire"
)

// BenchmarkRedis_Group measures events from one node to another, sent to groups
// of 500 of which every member listens there.
func BenchmarkRedis_Group(b *testing.B) {
	const members = 500
	url := testserver.NewRedis(b).URL()
	var arrived atomic.Int64
	start := func(handle bus.Handler) *bus.Redis {
		n, err := bus.NewRedis(bus.Options{URL: url, Handler: handle, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		go n.Run(b.Context()) // ends with the benchmark
		for !n.Healthy() {
			time.Sleep(time.Millisecond)
		}
		return n
	}
	from := start(func(*wire.Event) {})
	to := start(func(e *wire.Event) {
		if e.Kind == wire.EventMessage {
			arrived.Add(1)
		}
	})
	d := bustest.Delivery(wire.Topic{App: 1, User: 1}, 1)
	d.To = nil
	for user := range domain.UserNum(members) {
		d.To = append(d.To, domain.Recipient{User: user + 1, Seq: 1})
		_ = to.Subscribe(b.Context(), wire.Topic{App: 1, User: user + 1})
	}
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		for sent-arrived.Load() > 20*members { // the queue has room for more than this
			time.Sleep(50 * time.Microsecond)
		}
		from.Publish([]domain.Delivery{d})
		sent += members
	}
	for arrived.Load() < sent {
		time.Sleep(50 * time.Microsecond)
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "events/s")
}

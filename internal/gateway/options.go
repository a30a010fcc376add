package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/metrics"
	"github.com/gim-im/gim/internal/trace"
)

// Authenticator turns a token into a caller.
type Authenticator interface {
	// User checks a user token: its signature, times, revocation and, where it
	// names a device, that the device is registered. unauthorized, device_not_bound.
	User(ctx context.Context, token string) (domain.Principal, error)
}

// Messages is the part of domain.Messenger that connections use.
type Messages interface {
	// Send accepts a message, see domain.Messenger.
	Send(ctx context.Context, by domain.Principal, p domain.SendParams) (domain.Receipt, error)
	// Signal tells others something that is not stored, see domain.Messenger.
	Signal(ctx context.Context, by domain.Principal, p domain.SignalParams) error
	// Sync reads the caller's log, see domain.Messenger.
	Sync(ctx context.Context, by domain.Principal, p domain.SyncParams) (domain.SyncPage, error)
	// SyncGroup reads the log of a large group, see domain.Messenger.
	SyncGroup(ctx context.Context, by domain.Principal, id domain.GroupID, after int64, limit int) (domain.GroupPage, error)
}

// Devices is the part of domain.Devices that connections use.
type Devices interface {
	// Ack records what the device holds, see domain.Devices.
	Ack(ctx context.Context, by domain.Principal, id domain.DeviceID, seq int64) (int64, error)
	// AckGroup records what the device holds of a large group, see domain.Devices.
	AckGroup(ctx context.Context, by domain.Principal, id domain.DeviceID, group domain.GroupID, seq int64) (int64, error)
	// OpenSession claims the device for a connection, see domain.Devices.
	OpenSession(ctx context.Context, by domain.Principal, id domain.DeviceID) (domain.DeviceSession, error)
}

// Store is what sessions read by themselves.
type Store interface {
	domain.GroupLogStore
	// ReadLog returns part of a log, see domain.LogStore.
	ReadLog(ctx context.Context, app domain.AppNum, user domain.UserNum, after int64, limit int) (domain.LogPage, error)
	// Heads returns the heads of logs, see domain.LogStore.
	Heads(ctx context.Context, app domain.AppNum, users []domain.UserNum) (map[domain.UserNum]int64, error)
	// Sessions returns the number of the newest session of each live device;
	// absent devices are left out.
	Sessions(ctx context.Context, app domain.AppNum, devices []domain.DeviceID) (map[domain.DeviceID]int64, error)
}

// Options are what a Gateway needs. A duration or size of zero means its default.
type Options struct {
	Hub      *Hub
	Auth     Authenticator
	Messages Messages
	Devices  Devices
	Store    Store
	IDs      domain.IDSource
	Logger   *slog.Logger

	Presence Presence         // nil: nobody is told who is online
	Clock    domain.Clock     // nil: the machine's
	Metrics  *metrics.Metrics // nil: kept and shown nowhere
	Trace    *trace.Recorder  // nil: it is not kept when messages were written

	Heartbeat     time.Duration // how often clients ping; 30 s. 2.5 times this in silence closes
	SignInTimeout time.Duration // from connecting; 10 s
	WriteTimeout  time.Duration // for one frame; 10 s
	CheckInterval time.Duration // between looks at the heads of the logs; 15 s
	// ReconnectSpread is over how long clients are asked to spread their return
	// after a shutdown; 5 s.
	ReconnectSpread time.Duration
	MaxPerAddress   int // connections of one address, signed in or not; 0 is no limit
	MaxPerApp       int // connections that have signed in for one app; 0 is no limit
	QueueBytes      int // bound of what waits to be written to one connection; 1 MiB
}

func (o *Options) complete() error {
	if o.Hub == nil || o.Auth == nil || o.Messages == nil || o.Devices == nil || o.Store == nil || o.IDs == nil || o.Logger == nil {
		return errors.New("gateway: Hub, Auth, Messages, Devices, Store, IDs and Logger are required")
	}
	if o.Clock == nil {
		o.Clock = domain.SystemClock{}
	}
	if o.Metrics == nil {
		o.Metrics = metrics.New()
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Heartbeat, 30 * time.Second}, {&o.SignInTimeout, 10 * time.Second}, {&o.WriteTimeout, 10 * time.Second},
		{&o.CheckInterval, 15 * time.Second}, {&o.ReconnectSpread, 5 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 1 << 20
	}
	return nil
}

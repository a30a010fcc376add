package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/gim-im/gim"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers"
	"github.com/gim-im/gim/internal/auth"
	"github.com/gim-im/gim/internal/bus"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/occupancy"
	"github.com/gim-im/gim/internal/presence"
	"github.com/gim-im/gim/internal/ratelimit"
	"github.com/gim-im/gim/internal/trace"
	"github.com/gim-im/gim/realtime"
	"github.com/gim-im/gim/repo"
	"github.com/gim-im/gim/tcpgw"
	"github.com/gim-im/gim/web"
	"github.com/gim-im/gim/wire"
)

// node is everything that an App runs, wired and not yet running.
type node struct {
	store     *repo.Store
	bus       bus.Bus
	busKind   string // memory or redis
	presence  presence.Presence
	occupancy *occupancy.Redis // nil for a single node
	recorder  *trace.Recorder  // nil where times of writing are not kept
	traces    *trace.Redis     // nil for a single node
	hub       *gateway.Hub
	gateway   *gateway.Gateway
	tcp       *tcpgw.Server // nil without its role
	watcher   *auth.Watcher
	uses      useCases
	demo      *demo // nil without --demo
	handler   http.Handler
}

// useCases are the rules of the domain over this node's store.
type useCases struct {
	apps          *domain.Apps
	users         *domain.Users
	devices       *domain.Devices
	deliveries    *domain.Deliveries
	blocks        *domain.Blocks
	conversations *domain.Conversations
	contacts      *domain.Contacts
	groups        *domain.Groups
	occupancies   *domain.Occupancies
	credentials   *domain.Credentials
	messenger     *domain.Messenger
	presences     *domain.Presences
	searches      *domain.Searches
	traces        *domain.Traces
}

// burstFactor is how many times what is allowed in a second is allowed at once.
const burstFactor = 2

// open makes a node. Where it fails nothing stays open.
func (a *App) open(ctx context.Context) (*node, error) {
	n := &node{}
	if err := a.openBus(n); err != nil {
		return nil, err
	}
	var err error
	options := storeOptions(a.Config.Storage, a.Logger)
	n.recorder = trace.New(trace.Mode(a.Config.TraceMode()), a.Config.TraceKeep, a.Clock)
	options.Publisher, options.Clock, options.Metrics = n.recorder.Publisher(n.bus), a.Clock, a.storeMetrics()
	options.Revoked = func() { n.watcher.Wake() } // it is made before anything can be revoked
	if n.store, err = repo.Open(ctx, options); err != nil {
		return nil, storageError("open the store", err)
	}
	if err := a.wire(ctx, n); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	a.warnReduced(ctx, n.store)
	a.health.checks.Store(&checks{
		store:  n.store.Ping,
		bus:    func() (string, bool) { return n.busKind, n.bus.Healthy() },
		search: a.Config.Searches(),
		durability: func(ctx context.Context) (bool, []string, error) {
			d, err := n.store.Durability(ctx)
			return d.Full, d.Why, err
		},
	})
	return n, nil
}

// warnReduced tells once what /readyz tells at all times.
func (a *App) warnReduced(ctx context.Context, store *repo.Store) {
	d, err := store.Durability(ctx)
	if err != nil {
		a.Logger.WarnContext(ctx, "durability is not known", slog.Any("err", err))
	} else if !d.Full {
		a.Logger.WarnContext(ctx, "durability is reduced", slog.Any("why", d.Why))
	}
}

// openBus makes the bus and the hub, which need each other: the bus calls the
// hub, and only once somebody subscribes through the hub.
func (a *App) openBus(n *node) error {
	handle := func(e *wire.Event) { n.hub.Handle(e) }
	n.bus, n.busKind = bus.NewMemory(handle), "memory"
	a.metrics.BusUp.Set(1) // there is nothing that could fail
	if url := a.Config.RedisURL.Reveal(); url != "" {
		redis, err := bus.NewRedis(bus.Options{URL: url, Handler: handle, Logger: a.Logger, Metrics: a.busMetrics()})
		if err != nil {
			return fmt.Errorf("--redis-url: %w", err)
		}
		n.bus, n.busKind = redis, "redis"
		a.metrics.BusUp.Set(0) // until it is connected
	}
	n.hub = gateway.NewHub(n.bus)
	return nil
}

// openOccupancy makes what counts connections over nodes; a single one counts by
// itself.
func (a *App) openOccupancy(n *node) (err error) {
	if url := a.Config.RedisURL.Reveal(); url != "" {
		n.occupancy, err = occupancy.New(occupancy.Options{Node: n.hub, URL: url, Logger: a.Logger, Clock: a.Clock})
	}
	return err
}

// openTraces makes what asks all nodes about a message; a single one knows by itself.
func (a *App) openTraces(n *node) (err error) {
	if url := a.Config.RedisURL.Reveal(); url != "" {
		n.traces, err = trace.NewRedis(trace.Options{Recorder: n.recorder, URL: url, Logger: a.Logger})
	}
	return err
}

func (a *App) wire(ctx context.Context, n *node) error {
	secret, err := loadSecret(a.Config)
	if err != nil {
		return err
	}
	adminHash, shown, created, err := auth.EnsureAdminKey(ctx, n.store, a.Config.AdminKey.Reveal())
	if err != nil {
		return storageError("prepare the admin key", err)
	}
	if created {
		a.AdminKey(shown)
	}
	if n.watcher, err = auth.NewWatcher(auth.WatcherOptions{Store: n.store, Clock: a.Clock, Logger: a.Logger}); err != nil {
		return err
	}
	authenticator, err := auth.New(auth.Options{Store: n.store, Clock: a.Clock, AdminKeyHash: adminHash, Watcher: n.watcher})
	if err != nil {
		return err
	}
	if err := a.wirePresence(n); err != nil {
		return err
	}
	if err := a.openOccupancy(n); err != nil {
		return err
	}
	if err := a.openTraces(n); err != nil {
		return err
	}
	if err := a.wireUseCases(n, secret); err != nil {
		return err
	}
	if err := a.wireGateway(n, authenticator); err != nil {
		return err
	}
	// After the authenticator, which must refuse what the gateway closes.
	n.watcher.Listen(n.gateway.Revoke, nil)
	if err := n.watcher.Start(ctx); err != nil {
		return storageError("read the revocations", err)
	}
	if err := a.wireTCP(n); err != nil {
		return err
	}
	return a.wireHandlers(ctx, n, authenticator)
}

func (a *App) wireUseCases(n *node, secret []byte) error {
	ids := auth.IDs{}
	signer, err := auth.NewSigner(auth.SignerOptions{Secret: secret, Store: n.store, IDs: ids, Clock: a.Clock})
	if err != nil {
		return err
	}
	u := &n.uses
	u.apps = domain.NewApps(n.store, auth.AppKeys{}, a.Clock)
	u.deliveries = domain.NewDeliveries(n.store, n.bus, a.Clock, a.Logger)
	u.devices = domain.NewDevices(n.store, ids, a.Clock, u.deliveries)
	u.blocks = domain.NewBlocks(n.store, a.Clock)
	u.contacts = domain.NewContacts(n.store, a.limiter(a.Config.RateLimitSends), a.Clock)
	u.conversations = domain.NewConversations(n.store, n.bus, a.Clock)
	u.presences = domain.NewPresences(n.store, n.presence)
	u.groups = domain.NewGroups(n.store, ids, a.Clock)
	if u.occupancies = domain.NewOccupancies(n.store, n.hub); n.occupancy != nil {
		u.occupancies = domain.NewOccupancies(n.store, n.occupancy)
	}
	if u.traces = domain.NewTraces(n.store, n.presence, n.recorder); n.traces != nil {
		u.traces = domain.NewTraces(n.store, n.presence, n.traces)
	}
	u.users = domain.NewUsers(n.store, u.groups, a.Clock)
	u.credentials = domain.NewCredentials(n.store, n.store, u.devices, signer, auth.JWKs{}, a.Clock)
	if u.searches = domain.NewSearches(nil); a.Config.Searches() {
		u.searches = domain.NewSearches(n.store)
	}
	u.messenger = domain.NewMessenger(domain.MessengerOptions{
		Messages: n.store, Logs: n.store, Notifier: n.hub, Publisher: ephemeralCounter{n.bus, a.metrics},
		IDs: ids, Clock: a.Clock, Signals: n.bus, GroupSizes: n.store, Apps: n.store,
		Limiter: a.limiter(a.Config.RateLimitSends), SignalLimiter: a.limiter(a.Config.RateLimitSends),
		GroupLimiter: a.limiterOrNone(a.Config.RateLimitGroup), AppLimiter: a.limiterOrNone(a.Config.RateLimitApp),
	})
	return nil
}

// limiter allows so much in a second, or everything at 0.
func (a *App) limiter(perSecond int) domain.Limiter {
	return limitCounter{ratelimit.New(float64(perSecond), burstFactor*perSecond, a.Clock), a.metrics}
}

// limiterOrNone is for limits that cost something even to ask.
func (a *App) limiterOrNone(perSecond int) domain.Limiter {
	if perSecond == 0 {
		return nil
	}
	return a.limiter(perSecond)
}

// wirePresence makes what knows who is online. It tells by the bus who has changed.
func (a *App) wirePresence(n *node) (err error) {
	options := presence.Options{
		Store: n.store, Logger: a.Logger, Clock: a.Clock, Metrics: a.presenceMetrics(),
		Changed: func(users []presence.User) {
			events := make([]*wire.Event, len(users))
			for i, u := range users {
				events[i] = &wire.Event{Kind: wire.EventPresence, Topic: wire.Topic{App: u.App, User: u.Num, Kind: wire.TopicPresence}}
			}
			n.bus.PublishEvents(events)
		},
		Doubt: func(concerns func(presence.User) bool) { // the gateway is made before presence runs
			n.gateway.LookAgain(func(app domain.AppNum, user domain.UserNum) bool {
				return concerns(presence.User{App: app, Num: user})
			})
		},
	}
	if url := a.Config.RedisURL.Reveal(); url != "" {
		n.presence, err = presence.NewRedis(presence.RedisOptions{Options: options, URL: url, TTL: a.Config.PresenceTTL})
	} else {
		n.presence, err = presence.NewMemory(options)
	}
	return err
}

// presenceOf is presence as connections have to do with it.
type presenceOf struct {
	presence.Presence
	*domain.Presences
}

func (a *App) wireGateway(n *node, authenticator *auth.Authenticator) (err error) {
	n.gateway, err = gateway.New(gateway.Options{
		Hub: n.hub, Auth: authenticator, Messages: n.uses.messenger, Devices: n.uses.devices, Store: n.store,
		Presence: presenceOf{n.presence, n.uses.presences},
		IDs:      auth.IDs{}, Logger: a.Logger, Clock: a.Clock, Metrics: a.metrics, Trace: n.recorder,
		Heartbeat: a.Config.Heartbeat, SignInTimeout: a.Config.SignInTimeout,
		MaxPerAddress: a.Config.MaxConnectionsPerAddress, MaxPerApp: a.Config.MaxConnectionsPerApp,
	})
	return err
}

// wireHandlers makes the handler of the REST listener.
func (a *App) wireHandlers(ctx context.Context, n *node, authenticator *auth.Authenticator) error {
	var ws, stream http.Handler
	refuse := handlers.Refuser(a.Logger)
	if a.Config.Has(config.RoleWS) {
		var err error
		if ws, err = realtime.New(realtime.Options{Gateway: n.gateway, AllowedOrigins: a.Config.AllowedOrigins, Refuse: refuse, Metrics: a.metrics}); err != nil {
			return fmt.Errorf("--allowed-origins: %w", err)
		}
		if stream, err = realtime.NewEventStream(realtime.Options{Gateway: n.gateway, Refuse: refuse, Metrics: a.metrics}); err != nil {
			return err
		}
	}
	if !a.Config.Has(config.RoleREST) {
		if ws != nil {
			n.handler = onlyAt(map[string]http.Handler{"/v1/ws": ws, "/v1/stream": stream})
		}
		return nil
	}
	rest, err := handlers.New(handlers.Options{
		Apps: n.uses.apps, Users: n.uses.users, Devices: n.uses.devices, Blocks: n.uses.blocks, Conversations: n.uses.conversations, Contacts: n.uses.contacts, Groups: n.uses.groups, Occupancies: n.uses.occupancies,
		Credentials: n.uses.credentials, Messenger: n.uses.messenger, Presences: n.uses.presences,
		Auth: authenticator, Idempotency: n.store, Clock: a.Clock, IDs: auth.IDs{}, Logger: a.Logger,
		Spec: gim.OpenAPI, Metrics: a.metrics, WebSocket: ws, EventStream: stream, Page: web.Handler(),
		Traces: n.uses.traces, Searches: n.uses.searches,
		SendRate: a.Config.RateLimitSends, SendBurst: burstFactor * a.Config.RateLimitSends,
	})
	if err != nil {
		return err
	}
	n.handler = rest
	if !a.Config.Demo {
		return nil
	}
	n.demo = &demo{
		apps: n.uses.apps, users: n.uses.users, credentials: n.uses.credentials, refuse: refuse,
		keyFile: filepath.Join(a.Config.DataDir, demoKeyFile),
	}
	n.handler = n.demo.before(rest)
	return storageError("prepare the demo", n.demo.prepare(ctx))
}

// background yields what runs beside the listeners, by name.
func (n *node) background() iter.Seq2[string, func(context.Context) error] {
	return func(yield func(string, func(context.Context) error) bool) {
		_ = yield("store", n.store.Run) &&
			yield("bus", n.bus.Run) &&
			yield("deliveries", n.uses.deliveries.Run) &&
			yield("presence", n.presence.Run) &&
			(n.occupancy == nil || yield("occupancy", n.occupancy.Run)) &&
			(n.traces == nil || yield("trace", n.traces.Run)) &&
			yield("gateway", n.gateway.Run) &&
			yield("revocations", func(ctx context.Context) error { n.watcher.Run(ctx); return nil }) &&
			yield("memory", func(ctx context.Context) error {
				relaxCollector()
				return releaseMemory(ctx, n.store.Shrink)
			})
	}
}

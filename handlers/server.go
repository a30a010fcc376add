package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
	"github.com/gim-im/gim/internal/metrics"
)

// Authenticator knows credentials.
type Authenticator interface {
	// Bearer returns who presents the Authorization header, acting for the user
	// that the Gim-User header names unless that is "". unauthorized,
	// device_not_bound, forbidden, user_not_found, bad_request.
	Bearer(ctx context.Context, authorization, gimUser string) (domain.Principal, error)
}

// Options are what the REST API stands on. All are required, but for those that
// say what happens without them.
type Options struct {
	Apps          *domain.Apps
	Users         *domain.Users
	Devices       *domain.Devices
	Blocks        *domain.Blocks
	Conversations *domain.Conversations
	Contacts      *domain.Contacts
	Groups        *domain.Groups
	Occupancies   *domain.Occupancies
	Credentials   *domain.Credentials
	Messenger     *domain.Messenger
	Presences     *domain.Presences
	Searches      *domain.Searches
	Traces        *domain.Traces

	Auth        Authenticator
	Idempotency domain.IdempotencyStore
	Clock       domain.Clock
	IDs         domain.IDSource // of requests that bring none
	Logger      *slog.Logger

	// Spec is openapi.yaml. Requests are held to it and it is served.
	Spec []byte

	// Metrics counts requests by route; nil counts nothing.
	Metrics *metrics.Metrics
	// WebSocket serves GET /v1/ws; nil leaves the route out.
	WebSocket http.Handler
	// EventStream serves GET /v1/stream; nil leaves the route out. What it gets was held
	// to the contract, credentials included.
	EventStream http.Handler
	// Page serves GET requests that nothing else matches. It answers 404 for what
	// is none of its files, which then becomes a problem; nil leaves it out.
	Page http.Handler
	// SendRate and SendBurst are the limit of a user's sends, per second and at
	// once, as told in the RateLimit-Policy field of 429; 0 leaves that out.
	SendRate, SendBurst int
}

// server implements the generated interface; its methods are in the files named
// after the resources.
type server struct {
	Options
	log        *slog.Logger
	operations map[string]map[string]*operation // by route pattern and method
}

var _ api.StrictServerInterface = (*server)(nil)

// New returns the REST API. It fails when an option is missing or when Spec is
// not an OpenAPI document.
func New(o Options) (http.Handler, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	return s.routes()
}

func newServer(o Options) (*server, error) {
	missing := map[string]bool{
		"Apps": o.Apps == nil, "Users": o.Users == nil, "Devices": o.Devices == nil, "Blocks": o.Blocks == nil, "Conversations": o.Conversations == nil, "Contacts": o.Contacts == nil, "Groups": o.Groups == nil, "Occupancies": o.Occupancies == nil,
		"Credentials": o.Credentials == nil, "Messenger": o.Messenger == nil, "Presences": o.Presences == nil, "Auth": o.Auth == nil,
		"Traces": o.Traces == nil, "Searches": o.Searches == nil, "Idempotency": o.Idempotency == nil, "Clock": o.Clock == nil, "IDs": o.IDs == nil, "Logger": o.Logger == nil,
	}
	for name, isMissing := range missing {
		if isMissing {
			return nil, errors.New("handlers: Options." + name + " is missing")
		}
	}
	operations, err := loadOperations(o.Spec)
	if err != nil {
		return nil, fmt.Errorf("handlers: read the contract: %w", err)
	}
	return &server{Options: o, log: o.Logger, operations: operations}, nil
}

func (s *server) routes() (chi.Router, error) {
	r := chi.NewRouter()
	r.Use(s.identify, s.observe, s.limitBody)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed(r))

	strict := api.NewStrictHandlerWithOptions(s, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  s.badRequest,
		ResponseErrorHandlerFunc: s.fail,
	})
	// With puts the step after routing, where the operation is known.
	api.HandlerWithOptions(strict, api.ChiServerOptions{
		BaseRouter:       r.With(s.operate),
		ErrorHandlerFunc: s.badRequest,
	})
	if s.WebSocket != nil {
		r.Method(http.MethodGet, "/v1/ws", s.WebSocket)
	}
	if s.EventStream != nil {
		r.With(s.operate).Method(http.MethodGet, "/v1/stream", s.EventStream)
	}
	return r, s.addDocs(r)
}

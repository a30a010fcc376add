package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"github.com/gim-im/gim/domain"
)

// operation is what openapi.yaml says about one call.
type operation struct {
	id string
	// allow refuses credentials of the wrong kind; nil needs no credentials.
	allow func(domain.Principal) error
	query map[string]*openapi3.Schema
	// body is the schema of the request body; nil takes none.
	body *openapi3.Schema
	// shape is the same for what surely fits; nil where that cannot be told.
	shape *shape
	// idempotencyKey is the schema of that header; nil where it has no meaning.
	idempotencyKey *openapi3.Schema
}

// loadOperations reads the contract, by path and method.
func loadOperations(spec []byte) (map[string]map[string]*operation, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, err
	}
	// The validator for 3.1 compiles the schema anew for every request, about
	// half a millisecond. Nothing in the document is read differently as 3.0.
	doc.OpenAPI = "3.0.3"
	all := make(map[string]map[string]*operation)
	for path, item := range doc.Paths.Map() {
		all[path] = make(map[string]*operation)
		for method, spec := range item.Operations() {
			op, err := newOperation(spec, item.Parameters)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			all[path][method] = op
		}
	}
	return all, nil
}

func newOperation(spec *openapi3.Operation, shared openapi3.Parameters) (*operation, error) {
	op := &operation{id: spec.OperationID, query: make(map[string]*openapi3.Schema)}
	for _, parameters := range []openapi3.Parameters{shared, spec.Parameters} {
		for _, ref := range parameters {
			switch p := ref.Value; {
			case p.In == openapi3.ParameterInQuery:
				op.query[p.Name] = p.Schema.Value
			case p.In == openapi3.ParameterInHeader && p.Name == headerIdempotencyKey:
				op.idempotencyKey = p.Schema.Value
			}
		}
	}
	if spec.RequestBody != nil {
		media := spec.RequestBody.Value.Content.Get(mediaJSON)
		if media == nil || !spec.RequestBody.Value.Required {
			return nil, errors.New("a request body must be required and of type " + mediaJSON)
		}
		op.body, op.shape = media.Schema.Value, newShape(media.Schema)
	}
	if spec.Security == nil {
		return nil, errors.New("security must be given, empty where everyone may call")
	}
	var err error
	op.allow, err = allowance(*spec.Security)
	return op, err
}

// allowance turns the alternatives of an operation into the domain's check of a
// principal's kind. The use cases check again; doing it first keeps callers from
// probing with bodies what they may not call.
func allowance(alternatives openapi3.SecurityRequirements) (func(domain.Principal) error, error) {
	kinds := make(map[string]bool)
	for _, alternative := range alternatives {
		for scheme := range alternative {
			kinds[scheme] = true
		}
	}
	switch {
	case len(kinds) == 0:
		return nil, nil
	case len(kinds) == 1 && kinds["adminKey"]:
		return domain.Principal.RequireAdmin, nil
	case len(kinds) == 1 && kinds["appKey"]:
		return domain.Principal.RequireApp, nil
	case len(kinds) == 1 && kinds["userToken"]:
		return domain.Principal.RequireUserToken, nil
	case len(kinds) == 2 && kinds["appKey"] && kinds["userToken"]:
		return domain.Principal.RequireUserOrApp, nil
	}
	return nil, fmt.Errorf("no rule for the security schemes %v", kinds)
}

// operate does for every generated route what openapi.yaml says about it, and
// hands the request on with its principal and a body that was read and checked.
func (s *server) operate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := s.operations[chi.RouteContext(r.Context()).RoutePattern()][r.Method]
		if op == nil {
			s.fail(w, r, domain.Trace(errors.New("this route is not in the contract")))
			return
		}
		c, err := s.prepare(op, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		again := func(ctx context.Context) error {
			_, _, err := s.authenticate(r.WithContext(ctx))
			return err
		}
		ctx := withCaller(r.Context(), &caller{c.by, again})
		body := io.NopCloser(bytes.NewReader(c.body))
		if r.Method == http.MethodGet {
			r = r.WithContext(ctx)
			r.Body = body
			next.ServeHTTP(w, r)
			return
		}
		answer := &writeAnswer{ResponseWriter: w, made: domain.Positions{Caller: c.by.User.Num}}
		r = r.WithContext(domain.WithPositions(ctx, &answer.made))
		r.Body = body
		if c.idempotencyKey != "" {
			s.once(answer, r, c, next)
			return
		}
		next.ServeHTTP(answer, r)
	})
}

// call is a request as far as it was understood before decoding.
type call struct {
	by             domain.Principal // zero where none is needed
	secret         string           // the credential, as presented
	body           []byte
	idempotencyKey string // "" for none
}

func (s *server) prepare(op *operation, r *http.Request) (c call, err error) {
	if op.allow != nil {
		if c.by, c.secret, err = s.authenticate(r); err != nil {
			return c, err
		}
		if err := op.allow(c.by); err != nil {
			return c, err
		}
	}
	if c.idempotencyKey, err = op.checkParameters(r); err != nil {
		return c, err
	}
	if op.body != nil {
		c.body, err = op.readBody(r)
	}
	return c, err
}

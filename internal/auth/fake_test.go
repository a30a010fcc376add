package auth_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is where the clocks of the tests begin: between two milliseconds.
var start = time.Date(2026, 3, 1, 12, 0, 0, 500_250_000, time.UTC)

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func (c *clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

type (
	scoped struct {
		app  domain.AppNum
		name string
	}
	fakeUser struct {
		ref       domain.UserRef
		revokedAt time.Time
		devices   map[domain.DeviceID]bool
		tokens    map[string]bool // revoked
	}
	fakeAppKey struct {
		app  domain.AppRef
		hash []byte
	}
)

// store is a CredentialStore as far as auth needs it, in memory.
type store struct {
	mu      sync.Mutex
	apps    map[domain.AppID]domain.AppRef
	users   map[scoped]*fakeUser
	appKeys map[string]fakeAppKey
	signing map[scoped]domain.SigningKey
	dead    map[scoped]bool // revoked kids
	admin   []byte
	log     []domain.Revocation

	err   error        // what every call answers
	calls int          // that reached the store
	after func(string) // called after a call has read, with its name
}

func newStore() *store {
	return &store{
		apps: map[domain.AppID]domain.AppRef{}, users: map[scoped]*fakeUser{}, appKeys: map[string]fakeAppKey{},
		signing: map[scoped]domain.SigningKey{}, dead: map[scoped]bool{}, after: func(string) {},
	}
}

// enter counts a call; the returned function ends it.
func (s *store) enter(name string) (leave func(), err error) {
	s.mu.Lock()
	s.calls++
	after := s.after
	return func() { s.mu.Unlock(); after(name) }, s.err
}

func (s *store) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *store) callCount() (n int) {
	s.do(func() { n = s.calls })
	return n
}

// revoke appends to the log, as a transaction would that also ends what r says.
func (s *store) revoke(r domain.Revocation, change func()) domain.Revocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Seq = int64(len(s.log)) + 1
	s.log = append(s.log, r)
	change()
	return r
}

func (s *store) AdminKeyHash(context.Context) ([]byte, error) {
	leave, err := s.enter("AdminKeyHash")
	defer leave()
	return s.admin, err
}

func (s *store) InitAdminKeyHash(_ context.Context, hash []byte) (bool, error) {
	leave, err := s.enter("InitAdminKeyHash")
	defer leave()
	if err != nil || s.admin != nil {
		return false, err
	}
	s.admin = hash
	return true, nil
}

func (s *store) AppKeyHash(_ context.Context, id string) (domain.AppRef, []byte, error) {
	leave, err := s.enter("AppKeyHash")
	defer leave()
	if err != nil {
		return domain.AppRef{}, nil, err
	}
	k, ok := s.appKeys[id]
	if !ok {
		return domain.AppRef{}, nil, domain.ErrKeyNotFound
	}
	return k.app, k.hash, nil
}

func (s *store) SigningKey(_ context.Context, app domain.AppNum, kid string) (domain.SigningKey, error) {
	leave, err := s.enter("SigningKey")
	defer leave()
	if err != nil {
		return domain.SigningKey{}, err
	}
	k, ok := s.signing[scoped{app, kid}]
	if !ok {
		return domain.SigningKey{}, domain.ErrSigningKeyNotFound
	}
	return k, nil
}

func (s *store) SigningKeyOf(_ context.Context, id domain.AppID, kid string) (domain.AppRef, domain.SigningKey, error) {
	leave, err := s.enter("SigningKeyOf")
	defer leave()
	app, ok := s.apps[id]
	switch {
	case err != nil:
		return domain.AppRef{}, domain.SigningKey{}, err
	case !ok:
		return domain.AppRef{}, domain.SigningKey{}, domain.ErrAppNotFound
	}
	k, ok := s.signing[scoped{app.Num, kid}]
	if !ok {
		return domain.AppRef{}, domain.SigningKey{}, domain.ErrSigningKeyNotFound
	}
	return app, k, nil
}

func (s *store) EnsureOwnSigningKey(_ context.Context, app domain.AppNum, key domain.SigningKey) error {
	leave, err := s.enter("EnsureOwnSigningKey")
	defer leave()
	at := scoped{app, key.KID}
	if s.dead[at] {
		return domain.ErrSigningKeyExists
	}
	if err == nil {
		s.signing[at] = key
	}
	return err
}

func (s *store) Subject(_ context.Context, app domain.AppNum, user domain.UserID, device domain.DeviceID, token string) (domain.Subject, error) {
	leave, err := s.enter("Subject")
	defer leave()
	if err != nil {
		return domain.Subject{}, err
	}
	u, ok := s.users[scoped{app, string(user)}]
	if !ok {
		return domain.Subject{}, domain.ErrUserNotFound
	}
	return domain.Subject{User: u.ref, TokensRevokedAt: u.revokedAt, DeviceBound: u.devices[device], TokenRevoked: token != "" && u.tokens[token]}, nil
}

func (s *store) Revocations(_ context.Context, after int64, limit int) ([]domain.Revocation, error) {
	leave, err := s.enter("Revocations")
	defer leave()
	if err != nil {
		return nil, err
	}
	var page []domain.Revocation
	for _, r := range s.log {
		if r.Seq > after && len(page) < limit {
			page = append(page, r)
		}
	}
	return page, nil
}

func (s *store) LastRevocation(context.Context) (int64, error) {
	leave, err := s.enter("LastRevocation")
	defer leave()
	return int64(len(s.log)), err
}

// world is an app "demo" with the users alice (device "phone") and bob, another
// app "other" with its own alice, and business keys of every algorithm.
type world struct {
	store   *store
	clock   *clock
	watcher *auth.Watcher
	auth    *auth.Authenticator
	logs    *bytes.Buffer // of the watcher
	keys    map[string]crypto.Signer
	appKey  string // of demo
	appHash []byte
	admin   string
	told    chan domain.Revocation // what the watcher told, after auth has heard it
	lost    chan struct{}
}

var (
	demo  = domain.AppRef{Num: 1, ID: "demo"}
	other = domain.AppRef{Num: 2, ID: "other"}
	alice = domain.UserRef{Num: 11, ID: "alice"}
	bob   = domain.UserRef{Num: 12, ID: "bob"}
)

// businessKeys makes the keys once: RSA takes long.
var businessKeys = sync.OnceValue(func() map[string]crypto.Signer {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	_, foreign, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	return map[string]crypto.Signer{"ed": ed, "ec": ec, "rsa": r, "foreign": foreign}
})

var algOf = map[string]string{"ed": "EdDSA", "ec": "ES256", "rsa": "RS256", "foreign": "EdDSA"}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{store: newStore(), clock: newClock(), logs: new(bytes.Buffer), keys: businessKeys(),
		told: make(chan domain.Revocation, 100), lost: make(chan struct{}, 10)}
	s := w.store
	s.apps["demo"], s.apps["other"] = demo, other
	addUser := func(app domain.AppRef, ref domain.UserRef, devices ...domain.DeviceID) {
		u := &fakeUser{ref: ref, devices: map[domain.DeviceID]bool{}, tokens: map[string]bool{}}
		for _, d := range devices {
			u.devices[d] = true
		}
		s.users[scoped{app.Num, string(ref.ID)}] = u
	}
	addUser(demo, alice, "phone")
	addUser(demo, bob, "bobphone")
	addUser(other, domain.UserRef{Num: 21, ID: "alice"})
	for kid, key := range w.keys {
		app := demo
		if kid == "foreign" {
			app = other
		}
		s.signing[scoped{app.Num, kid}] = domain.SigningKey{KID: kid, Alg: algOf[kid], JWK: jwkOf(tb, key)}
	}
	keyID, key, hash, err := auth.AppKeys{}.NewAppKey()
	noError(tb, err)
	w.appKey, w.appHash = key, hash
	s.appKeys[keyID] = fakeAppKey{app: demo, hash: hash}
	hash, w.admin, _, err = auth.EnsureAdminKey(tb.Context(), s, "")
	noError(tb, err)

	w.watcher, err = auth.NewWatcher(auth.WatcherOptions{Store: s, Clock: w.clock, Logger: slog.New(slog.NewTextHandler(w.logs, nil))})
	noError(tb, err)
	w.auth, err = auth.New(auth.Options{Store: s, Clock: w.clock, AdminKeyHash: hash, Watcher: w.watcher})
	noError(tb, err)
	w.watcher.Listen(func(r domain.Revocation) { w.told <- r }, func() { w.lost <- struct{}{} })
	noError(tb, w.watcher.Start(tb.Context()))
	return w
}

// run runs the watcher until the test ends.
func (w *world) run(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.watcher.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-done })
}

// revoke stores a revocation and waits until everyone has heard it.
func (w *world) revoke(r domain.Revocation, change func()) {
	r = w.store.revoke(r, change)
	w.watcher.Wake()
	for told := range w.told {
		if told.Seq == r.Seq {
			return
		}
	}
}

func (w *world) signer(tb testing.TB, secret byte) *auth.Signer {
	tb.Helper()
	s, err := auth.NewSigner(auth.SignerOptions{Secret: bytes.Repeat([]byte{secret}, 32), Store: w.store, IDs: auth.IDs{}, Clock: w.clock})
	noError(tb, err)
	return s
}

// token mints a token of alice, bound to device unless it is "".
func (w *world) token(tb testing.TB, device domain.DeviceID) domain.MintedToken {
	tb.Helper()
	m, err := w.signer(tb, 1).Mint(tb.Context(), demo, "alice", device, time.Hour)
	noError(tb, err)
	return m
}

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("unexpected error: %v", err)
	}
}

// wantCode checks the code of err; an unauthorized one must be bare.
func wantCode(tb testing.TB, err error, want domain.Code) {
	tb.Helper()
	if got := domain.CodeOf(err); got != want {
		tb.Fatalf("got error %v (code %q), want code %q", err, got, want)
	}
	if want == domain.CodeUnauthorized && err != error(domain.ErrUnauthorized) { //nolint:errorlint // the very same
		tb.Fatalf("got %v, want the generic unauthorized error", err)
	}
}

// jwkOf writes the public half of key, by way of a PEM file.
func jwkOf(tb testing.TB, key crypto.Signer) json.RawMessage {
	tb.Helper()
	p, err := auth.ParsePrivateKey(pemOf(tb, key))
	noError(tb, err)
	return p.PublicJWK()
}

func pemOf(tb testing.TB, key crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	noError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// authenticator returns another one on the same store.
func (w *world) authenticator(tb testing.TB, adminHash []byte, watcher *auth.Watcher) *auth.Authenticator {
	tb.Helper()
	a, err := auth.New(auth.Options{Store: w.store, Clock: w.clock, AdminKeyHash: adminHash, Watcher: watcher})
	noError(tb, err)
	return a
}

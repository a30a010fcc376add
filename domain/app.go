package domain

import (
	"context"
	"time"
)

// App is a tenant.
type App struct {
	Num       AppNum
	ID        AppID
	Name      string
	Settings  AppSettings
	CreatedAt time.Time
}

// Ref returns the app's names.
func (a App) Ref() AppRef { return AppRef{Num: a.Num, ID: a.ID} }

// AppSettings are what an operator may set per app.
type AppSettings struct {
	MaxGroupMembers      int  `json:"max_group_members"`       // of a normal group, 2 to MaxMaxGroupMembers
	MaxLargeGroupMembers int  `json:"max_large_group_members"` // of a large group, 2 to MaxMaxLargeGroupMembers
	ConvertWhenFull      bool `json:"convert_when_full"`       // a normal group becomes large when it may have no more members
	FriendsOnly          bool `json:"-"`                       // users send to their contacts only; kept apart, where a send finds it
	DevicePolicy
	EditPolicy
	Reactions []string `json:"reactions,omitempty"` // that users may react with; empty is any emoji
}

// MaxMaxGroupMembers is the greatest limit an app may have for the members of a
// normal group: every message is written to each member's log.
const MaxMaxGroupMembers = 5000

// MaxMaxLargeGroupMembers is the greatest limit for the members of a large group.
const MaxMaxLargeGroupMembers = 1_000_000

// DefaultAppSettings returns the settings of an app that sets none.
func DefaultAppSettings() AppSettings {
	return AppSettings{
		MaxGroupMembers: MaxGroupMembers, MaxLargeGroupMembers: MaxLargeGroupMembers,
		DevicePolicy: DevicePolicy{MaxDevicesPerUser: MaxDevicesPerUser, OnlineYields: YieldOldest},
		EditPolicy:   EditPolicy{RecallWindowSeconds: DefaultRecallWindow, EditWindowSeconds: DefaultEditWindow},
	}
}

func (s AppSettings) validate() *Error {
	if s.MaxGroupMembers < 2 || s.MaxGroupMembers > MaxMaxGroupMembers {
		return Invalid("/settings/max_group_members", "must be between 2 and %d", MaxMaxGroupMembers)
	}
	if s.MaxLargeGroupMembers < 2 || s.MaxLargeGroupMembers > MaxMaxLargeGroupMembers {
		return Invalid("/settings/max_large_group_members", "must be between 2 and %d", MaxMaxLargeGroupMembers)
	}
	return first(s.DevicePolicy.validate("/settings"), s.EditPolicy.validate("/settings"), validateAllowedReactions("/settings/reactions", s.Reactions))
}

// memberLimit is how many members a group of a type may have.
func (s AppSettings) memberLimit(t GroupType) int {
	if t == GroupLarge {
		return s.MaxLargeGroupMembers
	}
	return s.MaxGroupMembers
}

// AppPatch changes an app; nil leaves a part as it is.
type AppPatch struct {
	Name                 *string
	MaxGroupMembers      *int
	MaxLargeGroupMembers *int
	ConvertWhenFull      *bool
	FriendsOnly          *bool
	MaxDevicesPerUser    *int
	MaxOnlinePerType     *int
	OnlineYields         *OnlineYield
	RecallWindowSeconds  *int
	EditWindowSeconds    *int
	EditHistory          *bool
	Reactions            *[]string
}

// apply changes what the patch names.
func (p AppPatch) apply(a *App) {
	set(&a.Name, p.Name)
	set(&a.Settings.MaxGroupMembers, p.MaxGroupMembers)
	set(&a.Settings.MaxLargeGroupMembers, p.MaxLargeGroupMembers)
	set(&a.Settings.ConvertWhenFull, p.ConvertWhenFull)
	set(&a.Settings.FriendsOnly, p.FriendsOnly)
	set(&a.Settings.MaxDevicesPerUser, p.MaxDevicesPerUser)
	set(&a.Settings.MaxOnlinePerType, p.MaxOnlinePerType)
	set(&a.Settings.OnlineYields, p.OnlineYields)
	set(&a.Settings.RecallWindowSeconds, p.RecallWindowSeconds)
	set(&a.Settings.EditWindowSeconds, p.EditWindowSeconds)
	set(&a.Settings.EditHistory, p.EditHistory)
	set(&a.Settings.Reactions, p.Reactions)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// AppKey is a credential of a business back end, without its secret.
type AppKey struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// AppStore keeps apps and their keys.
type AppStore interface {
	// CreateApp stores a and gives it a number. ErrAppExists when the id is taken.
	CreateApp(ctx context.Context, a App, key AppKey, keyHash []byte) (App, error)
	// App returns a live app or ErrAppNotFound.
	App(ctx context.Context, id AppID) (App, error)
	// Apps lists live apps by id.
	Apps(ctx context.Context, p Page) (List[App], error)
	// UpdateApp applies change to a live app in one transaction; change may run
	// more than once. ErrAppNotFound.
	UpdateApp(ctx context.Context, id AppID, change func(*App) error) (App, error)
	// DeleteApp ends an app: its credentials stop, its id becomes free. ErrAppNotFound.
	DeleteApp(ctx context.Context, id AppID, at time.Time) error

	// AddAppKey stores a key's hash.
	AddAppKey(ctx context.Context, app AppNum, key AppKey, hash []byte) error
	// AppKeys lists the live keys of an app by id.
	AppKeys(ctx context.Context, app AppNum, p Page) (List[AppKey], error)
	// RevokeAppKey ends a key at once. ErrKeyNotFound.
	RevokeAppKey(ctx context.Context, app AppNum, keyID string, at time.Time) error
}

// KeyMaker makes the secrets of app keys.
type KeyMaker interface {
	// NewAppKey returns a fresh key id, the secret to show once, and the hash to store.
	NewAppKey() (keyID, secret string, hash []byte, err error)
}

// Apps is the operator's use case: tenants and their keys.
type Apps struct {
	store AppStore
	keys  KeyMaker
	clock Clock
}

// NewApps returns the use case; all arguments are needed.
func NewApps(store AppStore, keys KeyMaker, clock Clock) *Apps {
	return &Apps{store: store, keys: keys, clock: clock}
}

// NewAppKey is a key with its secret, at the only moment it is known.
type NewAppKey struct {
	AppKey
	Secret string
}

// Create makes an app with its first key. bad_request, forbidden, app_exists.
func (s *Apps) Create(ctx context.Context, by Principal, id AppID, name string, settings *AppPatch) (App, NewAppKey, error) {
	if err := by.RequireAdmin(); err != nil {
		return App{}, NewAppKey{}, err
	}
	app := App{ID: id, Name: name, Settings: DefaultAppSettings(), CreatedAt: Millis(s.clock.Now())}
	if settings != nil {
		settings.apply(&app)
	}
	if err := join(ValidateID("/app_id", string(id)), validateText("/name", name, MaxName), app.Settings.validate()); err != nil {
		return App{}, NewAppKey{}, err
	}
	key, hash, err := s.newKey("first")
	if err != nil {
		return App{}, NewAppKey{}, err
	}
	app, err = s.store.CreateApp(ctx, app, key.AppKey, hash)
	return app, key, err
}

// Get returns an app. bad_request, forbidden, app_not_found.
func (s *Apps) Get(ctx context.Context, by Principal, id AppID) (App, error) {
	if err := s.allow(by, id); err != nil {
		return App{}, err
	}
	return s.store.App(ctx, id)
}

// List returns a page of apps by id. forbidden.
func (s *Apps) List(ctx context.Context, by Principal, p Page) (List[App], error) {
	if err := by.RequireAdmin(); err != nil {
		return List[App]{}, err
	}
	return s.store.Apps(ctx, p)
}

// Update changes an app. bad_request, forbidden, app_not_found.
func (s *Apps) Update(ctx context.Context, by Principal, id AppID, patch AppPatch) (App, error) {
	if err := s.allow(by, id); err != nil {
		return App{}, err
	}
	return s.store.UpdateApp(ctx, id, func(a *App) error {
		patch.apply(a)
		return join(validateText("/name", a.Name, MaxName), a.Settings.validate())
	})
}

// Delete ends an app and every credential of it. bad_request, forbidden, app_not_found.
func (s *Apps) Delete(ctx context.Context, by Principal, id AppID) error {
	if err := s.allow(by, id); err != nil {
		return err
	}
	return s.store.DeleteApp(ctx, id, s.clock.Now())
}

// CreateKey makes one more key for an app. bad_request, forbidden, app_not_found.
func (s *Apps) CreateKey(ctx context.Context, by Principal, id AppID, name string) (NewAppKey, error) {
	if err := s.allow(by, id); err != nil {
		return NewAppKey{}, err
	}
	if err := validateText("/name", name, MaxName); err != nil {
		return NewAppKey{}, err
	}
	app, err := s.store.App(ctx, id)
	if err != nil {
		return NewAppKey{}, err
	}
	key, hash, err := s.newKey(name)
	if err != nil {
		return NewAppKey{}, err
	}
	return key, s.store.AddAppKey(ctx, app.Num, key.AppKey, hash)
}

// Keys lists an app's keys without their secrets. bad_request, forbidden, app_not_found.
func (s *Apps) Keys(ctx context.Context, by Principal, id AppID, p Page) (List[AppKey], error) {
	app, err := s.Get(ctx, by, id)
	if err != nil {
		return List[AppKey]{}, err
	}
	return s.store.AppKeys(ctx, app.Num, p)
}

// RevokeKey ends a key within seconds on every node. bad_request, forbidden,
// app_not_found, key_not_found.
func (s *Apps) RevokeKey(ctx context.Context, by Principal, id AppID, keyID string) error {
	app, err := s.Get(ctx, by, id)
	if err != nil {
		return err
	}
	if err := ValidateID("key_id", keyID); err != nil {
		return err
	}
	return s.store.RevokeAppKey(ctx, app.Num, keyID, s.clock.Now())
}

func (s *Apps) allow(by Principal, id AppID) error {
	if err := by.RequireAdmin(); err != nil {
		return err
	}
	return join(ValidateID("app_id", string(id)))
}

func (s *Apps) newKey(name string) (NewAppKey, []byte, error) {
	id, secret, hash, err := s.keys.NewAppKey()
	if err != nil {
		return NewAppKey{}, nil, err
	}
	key := AppKey{ID: id, Name: name, CreatedAt: Millis(s.clock.Now())}
	return NewAppKey{AppKey: key, Secret: secret}, hash, nil
}

package domain

import (
	"context"
	"slices"
	"strings"
	"time"
)

// DeviceType is the platform of a device.
type DeviceType string

// DeviceTypes lists the platforms a device may have.
var DeviceTypes = []DeviceType{"android", "ios", "windows", "macos", "linux", "web", "other"}

// Device is one installation of a client that a user signs in from.
type Device struct {
	ID            DeviceID
	User          UserRef
	Type          DeviceType
	Brand         string
	Model         string
	SystemVersion string
	SDKVersion    string
	PushToken     string // for the platform's push service; never shown again
	CreatedAt     time.Time
	LastSeenAt    time.Time // of the last sign-in or ack; zero when never
	AckedSeq      int64     // highest entry of the user's log that the device confirmed
}

func (d Device) validate(prefix string) error {
	fails := []*Error{
		validateText(prefix+"/brand", d.Brand, MaxName),
		validateText(prefix+"/model", d.Model, MaxName),
		validateText(prefix+"/system_version", d.SystemVersion, MaxName),
		validateText(prefix+"/sdk_version", d.SDKVersion, MaxName),
		validateText(prefix+"/push_token", d.PushToken, MaxText),
	}
	if d.ID != "" {
		fails = append(fails, ValidateID(prefix+"/device_id", string(d.ID)))
	}
	if !slices.Contains(DeviceTypes, d.Type) {
		names := make([]string, len(DeviceTypes))
		for i, t := range DeviceTypes {
			names[i] = string(t)
		}
		fails = append(fails, Invalid(prefix+"/type", "must be one of %s", strings.Join(names, ", ")))
	}
	return join(fails...)
}

// DeviceStore keeps devices.
type DeviceStore interface {
	// CreateDevice registers d for d.User. A device id that any user of the app
	// has is ErrDeviceExists; a user who is gone ErrUserNotFound; one who has as
	// many devices as the app allows ErrDeviceLimit.
	CreateDevice(ctx context.Context, app AppNum, d Device) (Device, error)
	// Device returns a device of the user, or ErrDeviceNotFound.
	Device(ctx context.Context, app AppNum, user UserNum, id DeviceID) (Device, error)
	// Devices lists a user's devices by id.
	Devices(ctx context.Context, app AppNum, user UserNum, p Page) (List[Device], error)
	// DeleteDevice removes a device and revokes what stands on it. ErrDeviceNotFound.
	DeleteDevice(ctx context.Context, app AppNum, user UserNum, id DeviceID, at time.Time) error
	// AckDevice raises the device's ack to seq and returns the ack as it now is:
	// a lower seq changes nothing. ErrBadAck above the head, ErrDeviceNotFound.
	AckDevice(ctx context.Context, app AppNum, user UserNum, id DeviceID, seq int64, at time.Time) (int64, error)
	// AckGroup raises the device's ack of a large group, as AckDevice that of the
	// log. Also ErrGroupNotFound, ErrNotInGroup, ErrNotLarge.
	AckGroup(ctx context.Context, app AppNum, user UserNum, id DeviceID, group GroupID, seq int64, at time.Time) (int64, error)
	// OpenSession makes the next session number of a device, which ends every
	// session of that device with a lower one. ErrDeviceNotFound.
	OpenSession(ctx context.Context, app AppNum, user UserNum, id DeviceID, at time.Time) (DeviceSession, error)
	// Sessions returns the current session numbers of devices; absent ones are left out.
	Sessions(ctx context.Context, app AppNum, devices []DeviceID) (map[DeviceID]int64, error)
}

// DeviceSession is a connection's claim to a device.
type DeviceSession struct {
	Number int64 // of two sessions of one device, the one with the lower number is over
	Type   DeviceType
	Policy DevicePolicy // of the app, as it is now
}

// Devices is the use case around a user's devices.
type Devices struct {
	store DeviceStore
	ids   IDSource
	clock Clock
	acks  AckListener
}

// IDSource makes outside ids where the caller names none.
type IDSource interface {
	// NewID returns a fresh id that satisfies ValidateID and cannot be guessed.
	NewID() string
}

// NewDevices returns the use case; all arguments are needed.
func NewDevices(store DeviceStore, ids IDSource, clock Clock, acks AckListener) *Devices {
	return &Devices{store: store, ids: ids, clock: clock, acks: acks}
}

// Register adds a device for the caller's user; an empty id is chosen by gim.
// bad_request, forbidden, device_exists, device_limit.
func (s *Devices) Register(ctx context.Context, by Principal, d Device) (Device, error) {
	if err := by.RequireUser(); err != nil {
		return Device{}, err
	}
	return s.register(ctx, by.App.Num, by.User, d, "")
}

func (s *Devices) register(ctx context.Context, app AppNum, user UserRef, d Device, prefix string) (Device, error) {
	if err := d.validate(prefix); err != nil {
		return Device{}, err
	}
	if d.ID == "" {
		d.ID = DeviceID(s.ids.NewID())
	}
	d.User = user
	d.CreatedAt = Millis(s.clock.Now())
	return s.store.CreateDevice(ctx, app, d)
}

// Get returns a device of the caller's user. bad_request, forbidden, device_not_found.
func (s *Devices) Get(ctx context.Context, by Principal, id DeviceID) (Device, error) {
	id, err := s.resolve(by, id)
	if err != nil {
		return Device{}, err
	}
	return s.store.Device(ctx, by.App.Num, by.User.Num, id)
}

// List returns a page of the caller's devices. forbidden.
func (s *Devices) List(ctx context.Context, by Principal, p Page) (List[Device], error) {
	if err := by.RequireUser(); err != nil {
		return List[Device]{}, err
	}
	return s.store.Devices(ctx, by.App.Num, by.User.Num, p)
}

// Delete signs a device out and removes it. bad_request, forbidden, device_not_found.
func (s *Devices) Delete(ctx context.Context, by Principal, id DeviceID) error {
	id, err := s.resolve(by, id)
	if err != nil {
		return err
	}
	return s.store.DeleteDevice(ctx, by.App.Num, by.User.Num, id, s.clock.Now())
}

// Ack records that the device holds the user's log up to seq and returns the
// ack as it now is. bad_request, bad_ack, forbidden, device_not_found.
func (s *Devices) Ack(ctx context.Context, by Principal, id DeviceID, seq int64) (int64, error) {
	id, err := s.resolve(by, id)
	if err != nil {
		return 0, err
	}
	if seq < 0 {
		return 0, Invalid("/seq", "must not be negative")
	}
	acked, err := s.store.AckDevice(ctx, by.App.Num, by.User.Num, id, seq, s.clock.Now())
	if err == nil && acked == seq && seq > 0 { // it may be news
		s.acks.Acked(by.App.Num, by.User.Num)
	}
	return acked, err
}

// OpenSession claims the device for a new connection: connections of the same
// device with a lower number have been replaced. device_not_found.
func (s *Devices) OpenSession(ctx context.Context, by Principal, id DeviceID) (DeviceSession, error) {
	return s.store.OpenSession(ctx, by.App.Num, by.User.Num, id, s.clock.Now())
}

// resolve turns "me" into the caller's own device and checks id.
func (s *Devices) resolve(by Principal, id DeviceID) (DeviceID, error) {
	if err := by.RequireUser(); err != nil {
		return "", err
	}
	if id == idMe {
		if by.Device == "" {
			return "", Failure(CodeForbidden, "This token is not bound to a device; name the device, or mint a token for one.")
		}
		return by.Device, nil
	}
	if err := ValidateID("device_id", string(id)); err != nil {
		return "", err
	}
	return id, nil
}

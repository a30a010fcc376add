package domain

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// OnlineSession is a connection that has signed in, as presence knows it.
type OnlineSession struct {
	App  AppNum
	User UserNum
	// ID names the connection, on all nodes and for all time: what ends a session
	// late can never end a newer one.
	ID     string
	Device DeviceID
	// Type is that of the device; other where it is not registered.
	Type      DeviceType
	Transport string // websocket or tcp
	// Number is that of the device's session: of two sessions of one device the
	// one with the lower number is over. 0 where the device is not registered.
	Number int64
	Since  time.Time
}

// Online is what is known about the connections of a user.
type Online struct {
	// Known is false when nobody can tell right now whether there are any; what is
	// in Sessions is then all that is certain.
	Known bool
	// Sessions may hold several of one device.
	Sessions []OnlineSession
	// LastSeenAt is a sign of life that the store may not have yet; mostly zero.
	LastSeenAt time.Time
}

// OnlineSource knows who has a connection.
type OnlineSource interface {
	// Online returns how it stands with each of users, in their order. It takes
	// about a second at most; what cannot be found out by then is not known.
	Online(ctx context.Context, app AppNum, users []UserNum) []Online
}

// UserPresence is how it stands with a user, as others see it.
type UserPresence struct {
	User UserRef // as Presences.Resolve returns it
	// Known is false when nobody can tell right now.
	Known bool
	// Devices are those that are online, in the order in which they came, and at
	// most MaxPresenceDevices of them. There are none where it is not known.
	Devices []OnlineDevice
	// LastSeenAt is the last sign of life that was kept; zero when there is none.
	LastSeenAt time.Time
}

// IsOnline reports whether the user has a connection. It says nothing where that
// is not known.
func (p UserPresence) IsOnline() bool { return len(p.Devices) > 0 }

// OnlineDevice is a device with a connection.
type OnlineDevice struct {
	ID        DeviceID
	Type      DeviceType // other where the device is not registered
	Transport string     // websocket or tcp
}

// DevicePresence is how it stands with a device of one's own.
type DevicePresence struct {
	Known     bool // false when nobody can tell right now
	Online    bool
	Transport string // while online
}

// Seen is a sign of life.
type Seen struct {
	User   UserNum
	Device DeviceID // registered; or "" where only the user is concerned
	At     time.Time
}

// LastSeen is what the store knows about a user for presence.
type LastSeen struct {
	Num UserNum
	At  time.Time // zero when never
}

// PresenceStore keeps when users were last seen. Who is online it does not know.
type PresenceStore interface {
	// LastSeen returns the live users among ids, with the latest sign of life of
	// theirs and of their devices; absent ones are left out.
	LastSeen(ctx context.Context, app AppNum, ids []UserID) (map[UserID]LastSeen, error)
	// SaveSeen keeps signs of life, all or none. A time never goes back, and a
	// device that is no longer the user's is left alone. There may be many: the
	// number of statements is a small part of theirs.
	SaveSeen(ctx context.Context, app AppNum, seen []Seen) error
}

// Presences is the use case of who is online.
type Presences struct {
	store  PresenceStore
	online OnlineSource
}

// NewPresences returns the use case; both arguments are needed.
func NewPresences(store PresenceStore, online OnlineSource) *Presences {
	return &Presences{store: store, online: online}
}

// Query tells how it stands with users, in the order asked. One that does not
// exist is answered as one that was never seen. bad_request, forbidden, unavailable.
func (s *Presences) Query(ctx context.Context, by Principal, ids []UserID) ([]UserPresence, error) {
	users, seen, err := s.resolve(ctx, by, ids, "/user_ids")
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, Invalid("/user_ids", "must have between 1 and %d entries", MaxPresenceUsers)
	}
	return s.look(ctx, by.App.Num, users, seen), nil
}

// Resolve checks the ids of users that the caller wants to watch and returns
// them in their order. One that does not exist gets a number that nobody has, so
// that it can be dealt with like all others. pointer is where the ids stand in the
// request. bad_request, forbidden, unavailable.
func (s *Presences) Resolve(ctx context.Context, by Principal, ids []UserID, pointer string) ([]UserRef, error) {
	users, _, err := s.resolve(ctx, by, ids, pointer)
	return users, err
}

// Look tells how it stands with users that were resolved before, in their order
// and without asking who may know. One that is gone, though another has its id by
// now, is answered as one that was never seen. unavailable.
func (s *Presences) Look(ctx context.Context, app AppNum, users []UserRef) ([]UserPresence, error) {
	ids := make([]UserID, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	seen, err := s.store.LastSeen(ctx, app, ids)
	if err != nil {
		return nil, err
	}
	return s.look(ctx, app, users, seen), nil
}

// OfDevices tells how it stands with devices of the caller's user, in their order.
func (s *Presences) OfDevices(ctx context.Context, by Principal, devices []Device) []DevicePresence {
	out := make([]DevicePresence, len(devices))
	if len(devices) == 0 {
		return out
	}
	found := s.online.Online(ctx, by.App.Num, []UserNum{by.User.Num})[0]
	transports := make(map[DeviceID]string)
	for _, session := range newestOfEach(found.Sessions) {
		transports[session.Device] = session.Transport
	}
	for i, d := range devices {
		transport, isOnline := transports[d.ID]
		out[i] = DevicePresence{Known: found.Known || isOnline, Online: isOnline, Transport: transport}
	}
	return out
}

func (s *Presences) resolve(ctx context.Context, by Principal, ids []UserID, pointer string) ([]UserRef, map[UserID]LastSeen, error) {
	if err := by.RequireUserOrApp(); err != nil {
		return nil, nil, err
	}
	if len(ids) > MaxPresenceUsers {
		return nil, nil, Invalid(pointer, "has more than %d entries", MaxPresenceUsers)
	}
	first := make(map[UserID]int, len(ids))
	for i, id := range ids {
		at := fmt.Sprintf("%s/%d", pointer, i)
		if err := ValidateID(at, string(id)); err != nil {
			return nil, nil, err
		}
		if twin, ok := first[id]; ok {
			return nil, nil, Invalid(at, "is the same as entry %d", twin)
		}
		first[id] = i
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	seen, err := s.store.LastSeen(ctx, by.App.Num, ids)
	if err != nil {
		return nil, nil, err
	}
	users := make([]UserRef, len(ids))
	for i, id := range ids {
		users[i] = UserRef{Num: seen[id].Num, ID: id}
		if users[i].Num == 0 {
			users[i].Num = ghost(id)
		}
	}
	return users, seen, nil
}

func (s *Presences) look(ctx context.Context, app AppNum, users []UserRef, seen map[UserID]LastSeen) []UserPresence {
	nums := make([]UserNum, len(users))
	for i, u := range users {
		if nums[i] = u.Num; seen[u.ID].Num != u.Num {
			nums[i] = ghost(u.ID)
		}
	}
	found := s.online.Online(ctx, app, nums)
	out := make([]UserPresence, len(users))
	for i, u := range users {
		devices := onlineDevices(found[i].Sessions)
		out[i] = UserPresence{User: u, Known: found[i].Known || len(devices) > 0, Devices: devices}
		if nums[i] != u.Num {
			continue // gone since it was resolved
		}
		out[i].LastSeenAt = seen[u.ID].At
		if found[i].LastSeenAt.After(out[i].LastSeenAt) {
			out[i].LastSeenAt = found[i].LastSeenAt
		}
	}
	return out
}

// ghost makes up a number, below zero, that no user has. A user that does not
// exist is looked for like any other, so that it is known or unknown as any other
// would be.
func ghost(id UserID) UserNum {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))             // never fails
	return UserNum(^int64(h.Sum64() >> 1)) //nolint:gosec // cut to 63 bits, then negative
}

// newestOfEach leaves out sessions that were replaced by another one of the same
// device, and returns the rest in the order in which they began.
func newestOfEach(sessions []OnlineSession) []OnlineSession {
	newest := make(map[DeviceID]int64, len(sessions))
	for _, s := range sessions {
		newest[s.Device] = max(newest[s.Device], s.Number)
	}
	kept := slices.DeleteFunc(slices.Clone(sessions), func(s OnlineSession) bool { return s.Number < newest[s.Device] })
	slices.SortFunc(kept, func(a, b OnlineSession) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(kept, func(a, b OnlineSession) bool { return a.ID == b.ID })
}

func onlineDevices(sessions []OnlineSession) []OnlineDevice {
	newest := newestOfEach(sessions)
	devices := make([]OnlineDevice, min(len(newest), MaxPresenceDevices))
	for i := range devices {
		s := newest[i]
		devices[i] = OnlineDevice{ID: s.Device, Type: s.Type, Transport: s.Transport}
	}
	return devices
}

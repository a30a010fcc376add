package domain

import (
	"context"
	"slices"
)

// OnlineYield says which connection gives way when a user has too many.
type OnlineYield string

// What may yield.
const (
	YieldOldest OnlineYield = "oldest" // the connection that has been there longest is closed
	YieldNewest OnlineYield = "newest" // the one that signs in is refused
)

// MaxMaxDevices is the greatest limit an app may set in its device policy.
const MaxMaxDevices = 10_000

// DevicePolicy is how many devices an app allows a user.
type DevicePolicy struct {
	MaxDevicesPerUser int         `json:"max_devices_per_user"` // registered, 1 to MaxMaxDevices
	MaxOnlinePerType  int         `json:"max_online_per_type"`  // at a time, registered; 0 is no limit
	OnlineYields      OnlineYield `json:"online_yields"`
}

func (p DevicePolicy) validate(prefix string) *Error {
	switch {
	case p.MaxDevicesPerUser < 1 || p.MaxDevicesPerUser > MaxMaxDevices:
		return Invalid(prefix+"/max_devices_per_user", "must be between 1 and %d", MaxMaxDevices)
	case p.MaxOnlinePerType < 0 || p.MaxOnlinePerType > MaxMaxDevices:
		return Invalid(prefix+"/max_online_per_type", "must be between 0 (no limit) and %d", MaxMaxDevices)
	case p.OnlineYields != YieldOldest && p.OnlineYields != YieldNewest:
		return Invalid(prefix+"/online_yields", "must be %s or %s", YieldOldest, YieldNewest)
	}
	return nil
}

// yielding returns those of a user's sessions, all of devices of one type and in
// the order in which they came, that have to give way. Whoever asks, on whatever
// node, gets the same answer for the same sessions.
func (p DevicePolicy) yielding(sessions []OnlineSession) []OnlineSession {
	over := len(sessions) - p.MaxOnlinePerType
	switch {
	case p.MaxOnlinePerType == 0 || over <= 0:
		return nil
	case p.OnlineYields == YieldNewest:
		return sessions[p.MaxOnlinePerType:]
	}
	return sessions[:over]
}

// HasToYield reports whether a session of a registered device has to give way to
// others of its user, because more devices of its type are online than the app
// allows. While nobody can tell who is online, none has to.
func (s *Presences) HasToYield(ctx context.Context, own OnlineSession, policy DevicePolicy) bool {
	found := s.online.Online(ctx, own.App, []UserNum{own.User})[0]
	if !found.Known {
		return false
	}
	same := slices.DeleteFunc(newestOfEach(found.Sessions), func(s OnlineSession) bool { return s.Number == 0 || s.Type != own.Type })
	return slices.ContainsFunc(policy.yielding(same), func(s OnlineSession) bool { return s.ID == own.ID })
}

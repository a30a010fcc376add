package domain

import (
	"cmp"
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

// Yielding returns those of a user's sessions that have to give way so that no
// more devices of own's type are online than allowed, own among them. Whoever
// asks, on whatever node, gets the same answer for the same sessions.
func (p DevicePolicy) Yielding(sessions []OnlineSession, own OnlineSession) []OnlineSession {
	if p.MaxOnlinePerType == 0 || own.Number == 0 {
		return nil
	}
	var same []OnlineSession
	for _, s := range sessions {
		if s.Type == own.Type && s.Number != 0 {
			same = append(same, s)
		}
	}
	over := len(same) - p.MaxOnlinePerType
	if over <= 0 {
		return nil
	}
	slices.SortFunc(same, func(a, b OnlineSession) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	if p.OnlineYields == YieldNewest {
		return same[p.MaxOnlinePerType:]
	}
	return same[:over]
}

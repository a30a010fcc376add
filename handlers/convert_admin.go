package handlers

import (
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/handlers/api"
)

func fromAPIDevice(b *api.RegisterDeviceRequest) domain.Device {
	return domain.Device{
		ID: domain.DeviceID(orZero(b.DeviceId)), Type: domain.DeviceType(b.Type), Brand: orZero(b.Brand), Model: orZero(b.Model),
		SystemVersion: orZero(b.SystemVersion), SDKVersion: orZero(b.SdkVersion), PushToken: orZero(b.PushToken),
	}
}

func toAPIDevice(d domain.Device, p domain.DevicePresence) api.Device {
	return api.Device{
		DeviceId: string(d.ID), Type: api.DeviceType(d.Type), Brand: d.Brand, Model: d.Model,
		SystemVersion: d.SystemVersion, SdkVersion: d.SDKVersion,
		CreatedAt: toAPITime(d.CreatedAt), AckedSeq: d.AckedSeq, LastSeenAt: toAPITimeOrNil(d.LastSeenAt),
		Online: orUnknown(p.Known, p.Online), Transport: orNil(p.Transport),
	}
}

func fromAPIAppPatch(name *string, settings *api.AppSettings) domain.AppPatch {
	set := orZero(settings)
	return domain.AppPatch{
		Name: name, MaxGroupMembers: set.MaxGroupMembers, MaxLargeGroupMembers: set.MaxLargeGroupMembers,
		ConvertWhenFull: set.ConvertWhenFull, FriendsOnly: set.FriendsOnly, MaxDevicesPerUser: set.MaxDevicesPerUser,
		MaxOnlinePerType: set.MaxOnlinePerType, OnlineYields: (*domain.OnlineYield)(set.OnlineYields),
		RecallWindowSeconds: set.RecallWindowSeconds, EditWindowSeconds: set.EditWindowSeconds, EditHistory: set.EditHistory, Reactions: set.Reactions,
	}
}

func toAPIApp(a domain.App) api.App {
	reactions := append([]string{}, a.Settings.Reactions...)
	return api.App{
		AppId: string(a.ID), Name: a.Name, CreatedAt: toAPITime(a.CreatedAt),
		Settings: api.AppSettings{
			MaxGroupMembers: &a.Settings.MaxGroupMembers, MaxLargeGroupMembers: &a.Settings.MaxLargeGroupMembers,
			ConvertWhenFull: &a.Settings.ConvertWhenFull, FriendsOnly: &a.Settings.FriendsOnly, MaxDevicesPerUser: &a.Settings.MaxDevicesPerUser,
			MaxOnlinePerType: &a.Settings.MaxOnlinePerType, OnlineYields: (*api.AppSettingsOnlineYields)(&a.Settings.OnlineYields),
			RecallWindowSeconds: &a.Settings.RecallWindowSeconds, EditWindowSeconds: &a.Settings.EditWindowSeconds, EditHistory: &a.Settings.EditHistory,
			Reactions: &reactions,
		},
	}
}

func toAPIKey(k domain.AppKey) api.AppKey {
	return api.AppKey{KeyId: k.ID, Name: k.Name, CreatedAt: toAPITime(k.CreatedAt)}
}

func toAPINewKey(k domain.NewAppKey) api.NewAppKey {
	return api.NewAppKey{KeyId: k.ID, Name: k.Name, Secret: k.Secret, CreatedAt: toAPITime(k.CreatedAt)}
}

func toAPISigningKey(k domain.SigningKey) api.SigningKey {
	return api.SigningKey{Kid: k.KID, Alg: k.Alg, Jwk: k.JWK, CreatedAt: toAPITime(k.CreatedAt)}
}

package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/gim-im/gim/domain"
)

func (f *fake) LastSeen(_ context.Context, _ domain.AppNum, ids []domain.UserID) (map[domain.UserID]domain.LastSeen, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := make(map[domain.UserID]domain.LastSeen)
	for _, id := range ids {
		if u, ok := f.users[id]; ok {
			found[id] = domain.LastSeen{Num: u.Num}
		}
	}
	if _, ok := found[alice.ID]; ok {
		found[alice.ID] = domain.LastSeen{Num: alice.Num, At: testTime}
	}
	return found, nil
}

func (f *fake) SaveSeen(context.Context, domain.AppNum, []domain.Seen) error { return nil }

// Online tells the sessions of alice that the test has set, of nobody else.
func (f *fake) Online(_ context.Context, _ domain.AppNum, users []domain.UserNum) []domain.Online {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := make([]domain.Online, len(users))
	for i, u := range users {
		found[i].Known = !f.unknown
		if u == alice.Num {
			found[i].Sessions = f.online
		}
	}
	return found
}

func TestPresence_IsOnlineOfflineOrUnknown(t *testing.T) {
	t.Parallel()
	const (
		device  = `{"acked_seq":0,"brand":"","created_at":"2026-01-31T12:00:00.000Z","device_id":"phone","last_seen_at":null,"model":"",`
		rest    = `"sdk_version":"","system_version":"","transport":`
		offline = `{"devices":[],"last_seen_at":`
	)
	query := post("/v1/presence/query", `{"user_ids":["bob","alice","ghost"]}`)
	online := []domain.OnlineSession{{
		App: demo.Num, User: alice.Num, ID: "s1", Device: "phone", Type: "ios", Transport: "websocket", Number: 1, Since: testTime,
	}}
	for name, tt := range map[string]struct {
		online        []domain.OnlineSession
		unknown       bool
		users, device string
	}{
		"online": {
			online, false,
			offline + `null,"online":false,"user_id":"bob"},{"devices":[{"device_id":"phone","transport":"websocket","type":"ios"}],` +
				`"last_seen_at":"2026-01-31T12:00:00.000Z","online":true,"user_id":"alice"},` + offline + `null,"online":false,"user_id":"ghost"}`,
			device + `"online":true,` + rest + `"websocket","type":"ios"}`,
		},
		"offline": {
			nil, false,
			offline + `null,"online":false,"user_id":"bob"},` + offline + `"2026-01-31T12:00:00.000Z","online":false,"user_id":"alice"},` +
				offline + `null,"online":false,"user_id":"ghost"}`,
			device + `"online":false,` + rest + `null,"type":"ios"}`,
		},
		"unknown": {
			nil, true,
			offline + `null,"online":null,"user_id":"bob"},` + offline + `"2026-01-31T12:00:00.000Z","online":null,"user_id":"alice"},` +
				offline + `null,"online":null,"user_id":"ghost"}`,
			device + `"online":null,` + rest + `null,"type":"ios"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.online, f.unknown = tt.online, tt.unknown
			h := newAPI(t, f.options())
			for _, step := range []struct {
				call request
				want string
			}{
				{query, `{"items":[` + tt.users + `]}`},
				{get("/v1/devices/phone"), tt.device},
			} {
				if w := step.call.do(h); w.Code != 200 || strings.TrimSpace(w.Body.String()) != step.want {
					t.Errorf("%s %s: %d %s\nwant %s", step.call.method, step.call.path, w.Code, w.Body, step.want)
				}
			}
		})
	}
}

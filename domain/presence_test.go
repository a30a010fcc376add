package domain

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// presenceWorld knows who is online and when users were last seen.
type presenceWorld struct {
	PresenceStore
	users   map[UserID]LastSeen
	online  map[UserNum]Online
	unknown bool // of all who are not in online
	asked   []UserNum
}

func (w *presenceWorld) LastSeen(_ context.Context, _ AppNum, ids []UserID) (map[UserID]LastSeen, error) {
	found := make(map[UserID]LastSeen)
	for _, id := range ids {
		if u, ok := w.users[id]; ok {
			found[id] = u
		}
	}
	return found, nil
}

func (w *presenceWorld) Online(_ context.Context, _ AppNum, users []UserNum) []Online {
	w.asked = users
	all := make([]Online, len(users))
	for i, u := range users {
		var ok bool
		if all[i], ok = w.online[u]; !ok {
			all[i].Known = !w.unknown
		}
	}
	return all
}

var (
	presenceStart = time.UnixMilli(1000).UTC()
	presenceUser  = Principal{Kind: PrincipalUser, App: AppRef{Num: 1}, User: UserRef{Num: 1, ID: "alice"}, Device: "phone"}
	presenceBack  = Principal{Kind: PrincipalApp, App: AppRef{Num: 1}}
)

func onlineAt(id string, device DeviceID, number int64, after time.Duration) OnlineSession {
	return OnlineSession{
		App: 1, User: 1, ID: id, Device: device, Type: "ios", Transport: "websocket", Number: number, Since: presenceStart.Add(after),
	}
}

func TestPresences_QueryAnswersInTheOrderAsked(t *testing.T) {
	t.Parallel()
	later := presenceStart.Add(time.Hour)
	w := &presenceWorld{
		users: map[UserID]LastSeen{
			"alice": {Num: 1, At: presenceStart}, "bob": {Num: 2, At: presenceStart}, "carol": {Num: 3}, "dave": {Num: 4, At: later},
		},
		online: map[UserNum]Online{
			1: {Known: true, Sessions: []OnlineSession{onlineAt("s2", "passing", 0, time.Second), onlineAt("s1", "phone", 3, 0)}},
			2: {Known: true, LastSeenAt: later},
			3: {},
			4: {Known: true, LastSeenAt: presenceStart},
		},
	}
	p := NewPresences(w, w)
	for _, by := range []Principal{presenceUser, presenceBack} {
		got, err := p.Query(t.Context(), by, []UserID{"dave", "ghost", "bob", "alice", "carol"})
		if err != nil {
			t.Fatal(err)
		}
		want := []UserPresence{
			{User: UserRef{Num: 4, ID: "dave"}, Known: true, Devices: []OnlineDevice{}, LastSeenAt: later},
			{User: UserRef{Num: ghost("ghost"), ID: "ghost"}, Known: true, Devices: []OnlineDevice{}},
			{User: UserRef{Num: 2, ID: "bob"}, Known: true, Devices: []OnlineDevice{}, LastSeenAt: later},
			{
				User: UserRef{Num: 1, ID: "alice"}, Known: true, LastSeenAt: presenceStart,
				Devices: []OnlineDevice{{"phone", "ios", "websocket"}, {"passing", "ios", "websocket"}},
			},
			{User: UserRef{Num: 3, ID: "carol"}, Devices: []OnlineDevice{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("presence (-want +got):\n%s", diff)
		}
	}
}

func TestPresences_WhoDoesNotExistIsLikeWhoWasNeverSeen(t *testing.T) {
	t.Parallel()
	for _, unknown := range []bool{false, true} {
		w := &presenceWorld{users: map[UserID]LastSeen{"alice": {Num: 1}}, unknown: unknown}
		got, err := NewPresences(w, w).Query(t.Context(), presenceBack, []UserID{"alice", "ghost"})
		if err != nil {
			t.Fatal(err)
		}
		got[0].User, got[1].User = UserRef{}, UserRef{}
		if diff := cmp.Diff(got[0], got[1]); diff != "" {
			t.Errorf("unknown %v: told apart (-never seen +absent):\n%s", unknown, diff)
		}
		if w.asked[1] >= 0 {
			t.Errorf("the user who does not exist was looked for as %d, which may be somebody's number", w.asked[1])
		}
	}
}

func TestPresences_QueryRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	many := make([]UserID, MaxPresenceUsers+1)
	for i := range many {
		many[i] = UserID(fmt.Sprintf("u%d", i))
	}
	p := NewPresences(&presenceWorld{}, &presenceWorld{})
	for name, tt := range map[string]struct {
		by   Principal
		ids  []UserID
		code Code
		want string
	}{
		"the operator": {Principal{Kind: PrincipalAdmin}, []UserID{"a"}, CodeForbidden, "token"},
		"nobody":       {presenceUser, nil, CodeBadRequest, "/user_ids must have between 1 and 500"},
		"too many":     {presenceUser, many, CodeBadRequest, "/user_ids has more than 500"},
		"no id":        {presenceUser, []UserID{"a", "b c"}, CodeBadRequest, "/user_ids/1 may contain"},
		"me":           {presenceUser, []UserID{"me"}, CodeBadRequest, "/user_ids/0 is a reserved id"},
		"twice":        {presenceBack, []UserID{"a", "b", "a"}, CodeBadRequest, "/user_ids/2 is the same as entry 0"},
	} {
		_, err := p.Query(t.Context(), tt.by, tt.ids)
		if CodeOf(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: %v, want %s with %q", name, err, tt.code, tt.want)
		}
	}
	if _, err := p.Query(t.Context(), presenceUser, many[1:]); err != nil {
		t.Errorf("%d users: %v", MaxPresenceUsers, err)
	}
}

func TestPresences_TheNewestSessionOfADeviceCounts(t *testing.T) {
	t.Parallel()
	old, replaced := onlineAt("s1", "phone", 7, 0), onlineAt("s2", "phone", 8, time.Second)
	old.Transport = "tcp"
	again := replaced // the same session, found twice
	w := &presenceWorld{
		users:  map[UserID]LastSeen{"alice": {Num: 1}},
		online: map[UserNum]Online{1: {Known: true, Sessions: []OnlineSession{replaced, old, again}}},
	}
	p := NewPresences(w, w)
	got, err := p.Query(t.Context(), presenceBack, []UserID{"alice"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]OnlineDevice{{"phone", "ios", "websocket"}}, got[0].Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	mine := p.OfDevices(t.Context(), presenceUser, []Device{{ID: "laptop"}, {ID: "phone"}})
	if diff := cmp.Diff([]DevicePresence{{Known: true}, {true, true, "websocket"}}, mine); diff != "" {
		t.Errorf("one's own devices (-want +got):\n%s", diff)
	}
}

func TestPresences_WhoIsOnlineHereIsKnownEvenWhenNothingElseIs(t *testing.T) {
	t.Parallel()
	w := &presenceWorld{
		users:  map[UserID]LastSeen{"alice": {Num: 1}},
		online: map[UserNum]Online{1: {Sessions: []OnlineSession{onlineAt("s1", "phone", 1, 0)}}},
	}
	p := NewPresences(w, w)
	got, err := p.Query(t.Context(), presenceBack, []UserID{"alice"})
	if err != nil || !got[0].Known || !got[0].IsOnline() {
		t.Errorf("alice is %+v, %v, want online", got, err)
	}
	mine := p.OfDevices(t.Context(), presenceUser, []Device{{ID: "laptop"}, {ID: "phone"}})
	if diff := cmp.Diff([]DevicePresence{{}, {true, true, "websocket"}}, mine); diff != "" {
		t.Errorf("one's own devices (-want +got):\n%s", diff)
	}
}

func TestPresences_NamesNoMoreDevicesThanTheLimit(t *testing.T) {
	t.Parallel()
	var sessions []OnlineSession
	for i := range MaxPresenceDevices + 5 {
		sessions = append(sessions, onlineAt(fmt.Sprintf("s%03d", i), DeviceID(fmt.Sprint("d", i)), 0, time.Duration(i)))
	}
	w := &presenceWorld{users: map[UserID]LastSeen{"alice": {Num: 1}}, online: map[UserNum]Online{1: {Known: true, Sessions: sessions}}}
	got, err := NewPresences(w, w).Query(t.Context(), presenceBack, []UserID{"alice"})
	if err != nil || len(got[0].Devices) != MaxPresenceDevices || got[0].Devices[0].ID != "d0" {
		t.Errorf("%d devices, %v", len(got[0].Devices), err)
	}
}

func TestPresences_LookTellsAUserFromTheNextOneOfThatID(t *testing.T) {
	t.Parallel()
	w := &presenceWorld{
		users:  map[UserID]LastSeen{"alice": {Num: 9, At: presenceStart}},
		online: map[UserNum]Online{9: {Known: true, Sessions: []OnlineSession{onlineAt("s1", "phone", 1, 0)}}},
	}
	p := NewPresences(w, w)
	got, err := p.Look(t.Context(), 1, []UserRef{{Num: 1, ID: "alice"}, {Num: 9, ID: "alice"}})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].IsOnline() || !got[0].LastSeenAt.IsZero() || !got[0].Known {
		t.Errorf("the former alice is %+v, want one that was never seen", got[0])
	}
	if !got[1].IsOnline() {
		t.Errorf("alice is %+v, want online", got[1])
	}
}

package presence

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/redisconn"
)

// What is in Redis, for each partition:
//
//	PREFIX:presence:{pN}:nodes          hash: node → its last beat and the length of its lease
//	PREFIX:presence:{pN}:u:APP:USER     hash: node/session → record, and when last seen
//
// Times of beats are in ms of Redis' clock, those of sessions in ms since 1970.
//
// A node is named by an id that it draws at random, and anew whenever its lease
// was over or a write got no answer: what it wrote under the old one, or what is
// still written late, is dead then, whoever removes it.
const (
	// fieldFlushed of the nodes says when a node found that Redis had lost all.
	fieldFlushed = "!flushed"
	// fieldSeen of a user is when it was last seen, in ms since 1970.
	fieldSeen = "seen"
)

const nodeIDBytes = 8

// newNodeID draws one that no node ever had.
func newNodeID() string {
	var b [nodeIDBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func nodesKey(prefix string, partition int) string {
	return string(append(keyStart(prefix, partition), "nodes"...))
}

func userKey(prefix string, partition int, user User) string {
	buf := append(keyStart(prefix, partition), "u:"...)
	buf = append(strconv.AppendInt(buf, int64(user.App), 10), ':')
	return string(strconv.AppendInt(buf, int64(user.Num), 10))
}

func keyStart(prefix string, partition int) []byte {
	return redisconn.AppendTag(append(make([]byte, 0, 64), prefix+":presence:"...), partition)
}

func partitionOf(user User) int { return redisconn.Partition(int64(user.App), int64(user.Num)) }

// sessionField names a session of a node within its user.
func sessionField(node, session string) string { return node + "/" + session }

// record is a session as it stands in Redis.
type record struct {
	Device    string `json:"device"`
	Type      string `json:"type"`
	Transport string `json:"transport"`
	Number    int64  `json:"number,omitempty"`
	Since     int64  `json:"since"` // ms since 1970
}

func encodeSession(s domain.OnlineSession) string {
	// Strings and numbers always marshal.
	raw, _ := json.Marshal(record{
		Device: string(s.Device), Type: string(s.Type), Transport: s.Transport, Number: s.Number, Since: s.Since.UnixMilli(),
	}) //nolint:errchkjson // as said
	return string(raw)
}

// decodeSession reads a field of a user. Redis is as open as its password: what
// is not a whole record is none.
func decodeSession(user User, field, value string) (node string, s domain.OnlineSession, ok bool) {
	node, id, found := strings.Cut(field, "/")
	if !found || len(node) != hex.EncodedLen(nodeIDBytes) || domain.ValidateID("", id) != nil {
		return "", s, false
	}
	var r record
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return "", s, false
	}
	kind := domain.DeviceType(r.Type)
	if domain.ValidateID("", r.Device) != nil || !slices.Contains(domain.DeviceTypes, kind) ||
		domain.ValidateID("", r.Transport) != nil || r.Number < 0 || r.Since <= 0 {
		return "", s, false
	}
	return node, domain.OnlineSession{
		App: user.App, User: user.Num, ID: id, Device: domain.DeviceID(r.Device), Type: kind, Transport: r.Transport,
		Number: r.Number, Since: time.UnixMilli(r.Since).UTC(),
	}, true
}

// decodeMillis reads a time, zero for what is none.
func decodeMillis(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

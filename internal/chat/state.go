package chat

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// stateVersion is that of the file's form. A file of another version is not
// read: all of it can be had from the server again.
const stateVersion = 1

// resendFor is how long a message that was under way when the client ended is
// sent again: for seven days the server knows by its client_msg_id whether it
// has been stored.
const resendFor = 6 * 24 * time.Hour

// State is what a client keeps between two runs. But for what is pending, the
// server has all of it too.
type State struct {
	Version       int                 `json:"version"`
	Server        string              `json:"server"`
	App           string              `json:"app"`
	User          string              `json:"user"`
	DeviceID      string              `json:"device_id,omitempty"`
	Began         bool                `json:"began"` // there has been a connection
	Cursor        SavedCursor         `json:"cursor"`
	Open          string              `json:"open,omitempty"`
	Conversations []SavedConversation `json:"conversations,omitempty"`
}

// SavedCursor is a client.Cursor.
type SavedCursor struct {
	Seq    int64            `json:"seq"`
	Epoch  string           `json:"epoch,omitempty"`
	Groups map[string]int64 `json:"groups,omitempty"`
}

// SavedConversation is a conversation with its last message only: the last one
// that shows anything, where there is one.
type SavedConversation struct {
	ID        string    `json:"conversation_id"`
	Name      string    `json:"name,omitempty"`
	ReadSeq   int64     `json:"read_seq"`
	Unread    int       `json:"unread,omitempty"`
	Mentioned bool      `json:"mentioned,omitempty"`
	At        time.Time `json:"at"`
	Last      *Message  `json:"last,omitempty"`
	Pending   []Message `json:"pending,omitempty"`
}

// save puts the model's part into s. A conversation in which nothing is stored or
// under way is not worth keeping.
func (m *Model) save(s *State) {
	s.Open, s.Conversations = m.open, nil
	for _, c := range m.List() {
		saved := SavedConversation{
			ID: c.ID, Name: c.Name, ReadSeq: c.ReadSeq, Unread: c.Unread, Mentioned: c.Mentioned, At: c.At,
		}
		for _, msg := range c.Pending {
			if !msg.Once {
				saved.Pending = append(saved.Pending, msg)
			}
		}
		saved.Last = c.lastStored()
		if saved.Last != nil || len(saved.Pending) > 0 {
			s.Conversations = append(s.Conversations, saved)
		} else if s.Open == c.ID {
			s.Open = ""
		}
	}
}

// restore is the reverse of save. It returns what is to be sent again, in order.
func (m *Model) restore(s *State, now time.Time) (again []*wire.Send) {
	m.open = s.Open
	for _, saved := range s.Conversations {
		c := m.ensure(saved.ID)
		c.Name, c.ReadSeq, c.Unread, c.Mentioned, c.At = saved.Name, saved.ReadSeq, saved.Unread, saved.Mentioned, saved.At
		if saved.Last != nil {
			c.add(*saved.Last)
		}
		for _, msg := range saved.Pending {
			c.Pending = append(c.Pending, msg)
			send := &wire.Send{
				To: TargetOf(c.ID), Type: msg.Type, Content: msg.Content, Mentions: msg.Mentions, ClientMsgId: msg.ClientMsgID,
				ReplyTo: msg.replyTo(),
			}
			if now.Sub(msg.SentAt) > resendFor {
				m.Fail(send, "It is not known whether it was sent.")
				continue
			}
			again = append(again, send)
		}
	}
	if m.open != "" {
		m.ensure(m.open)
	}
	return again
}

// defaultStatePath is where the state of a user is kept unless told otherwise:
// in $XDG_STATE_HOME, ~/.local/state or, where that is not the custom, the
// directory for settings.
func defaultStatePath(server string, who claims) (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find a place for the state (--state names one): %w", err)
		}
		dir = filepath.Join(home, ".local", "state")
		if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
			if dir, err = os.UserConfigDir(); err != nil {
				return "", fmt.Errorf("find a place for the state (--state names one): %w", err)
			}
		}
	}
	// The digest tells apart what a file system may not: upper and lower case.
	digest := sha256.Sum256([]byte(server + "\n" + who.App + "\n" + who.User))
	return filepath.Join(dir, "gim", "chat", fmt.Sprintf("%s-%x.json", who.User, digest[:6])), nil
}

// store keeps a State in a file; the zero store keeps nothing.
type store struct {
	path string
	lock *os.File // held open; nil without a path
}

// errInUse says that another client uses the same file.
var errInUse = errors.New("another gim chat uses it")

// openStore takes the file for this process. An empty path keeps nothing. The
// error is errInUse, wrapped, while another process has it.
func openStore(path string) (*store, error) {
	if path == "" {
		return &store{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the state: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	return &store{path: path, lock: lock}, nil
}

// load returns what is kept for that user of that server. What cannot be read, or
// is somebody else's, counts as nothing: odd says what is the matter with it.
func (st *store) load(server string, who claims) (s *State, odd string) {
	fresh := &State{Version: stateVersion, Server: server, App: who.App, User: who.User}
	if st.path == "" {
		return fresh, ""
	}
	raw, err := os.ReadFile(st.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, ""
	}
	if err != nil {
		return fresh, err.Error()
	}
	var kept State
	switch err := json.Unmarshal(raw, &kept); {
	case err != nil || kept.Version != stateVersion:
		return fresh, "the state in " + st.path + " cannot be read; beginning anew"
	case kept.Server != server || kept.App != who.App || kept.User != who.User:
		return fresh, "the state in " + st.path + " is of another user or server; beginning anew"
	}
	return &kept, ""
}

// save replaces the file as a whole, readable for its owner only. It is not
// synced to disk: should it be broken after a power failure, load begins anew.
func (st *store) save(s *State) error {
	if st.path == "" {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	fresh := st.path + ".new" // nobody else writes it: the lock is ours
	if err := os.WriteFile(fresh, raw, 0o600); err != nil {
		return fmt.Errorf("keep the state: %w", err)
	}
	if err := os.Rename(fresh, st.path); err != nil {
		return fmt.Errorf("keep the state: %w", err)
	}
	return nil
}

func (st *store) close() {
	if st.lock != nil {
		_ = st.lock.Close() // nothing was written; the lock ends with it
	}
}

func (c SavedCursor) cursor() client.Cursor { return client.Cursor(c) }

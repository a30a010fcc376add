package gateway

import (
	"context"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/wire"
)

// watch makes s watch users, and no longer unwatch. It returns the watched users
// once it is known how it stands with them; answer has to follow. bad_request
// beyond domain.MaxPresenceUsers; unavailable, and then no user is added. Only the
// reader of s calls it, so nobody watches less before it returns.
func (b *board) watch(ctx context.Context, s *Session, users []domain.UserRef, unwatch []domain.UserID) ([]*watched, error) {
	j, err := b.join(s, users, unwatch)
	if err != nil {
		return nil, err
	}
	b.detach(j.left)
	b.attach(j.fresh)
	// What happened to a user before it was attached is seen now. Those whom
	// another session has just made are looked up by that one too, once attached.
	if lacking := append(j.lacking, j.fresh...); len(lacking) > 0 {
		if err := b.look(ctx, lacking); err != nil {
			b.mark(lacking...) // others may watch them by now
			b.detach(b.undo(s, j))
			return nil, err
		}
		b.tell(lacking)
	}
	return j.users, nil
}

// answer tells s how it stands with users that it has begun to watch. From then
// on it is told what changes.
func (b *board) answer(s *Session, id uint64, users []*watched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := make([]*wire.UserPresence, len(users))
	for i, w := range users {
		items[i] = w.state
		w.watchers[s] = w.version
	}
	s.reply(s.encode(presenceFrame(id, items)))
}

// joining is what join has found and done.
type joining struct {
	users   []*watched // in the order asked
	added   []domain.UserID
	fresh   []*watched // to be attached, and looked up
	lacking []*watched // to be looked up
	left    []*watched // to be detached
}

func (b *board) join(s *Session, users []domain.UserRef, unwatch []domain.UserID) (j joining, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := s.watchedAfter(users, unwatch); n > domain.MaxPresenceUsers {
		return j, domain.Invalid("/presence/watch", "makes this connection watch %d users; at most %d are allowed", n, domain.MaxPresenceUsers)
	}
	for _, id := range unwatch {
		j.left = b.forget(j.left, s, id)
	}
	if s.watching == nil && len(users) > 0 {
		s.watching = make(map[domain.UserID]*watched)
	}
	for _, ref := range users {
		topic := wire.Topic{App: s.who.Load().App.Num, User: ref.Num, Kind: wire.TopicPresence}
		w := b.users[topic]
		if old := s.watching[ref.ID]; old != nil && old != w {
			j.left = b.forget(j.left, s, ref.ID) // another user has that id by now
		}
		switch {
		case w == nil:
			w = &watched{board: b, topic: topic, ref: ref, watchers: make(map[*Session]uint64)}
			b.users[topic] = w
			j.fresh = append(j.fresh, w)
		case w.state == nil:
			j.lacking = append(j.lacking, w)
		}
		if s.watching[ref.ID] == nil {
			s.watching[ref.ID] = w
			j.added = append(j.added, ref.ID)
		}
		w.watchers[s] = answerComes
		j.users = append(j.users, w)
	}
	return j, nil
}

// watchedAfter is how many users s would watch.
func (s *Session) watchedAfter(users []domain.UserRef, unwatch []domain.UserID) int {
	after := make(map[domain.UserID]struct{}, len(s.watching)+len(users))
	for id := range s.watching {
		after[id] = struct{}{}
	}
	for _, id := range unwatch {
		delete(after, id)
	}
	for _, u := range users {
		after[u.ID] = struct{}{}
	}
	return len(after)
}

// undo ends what join has added, and lets s be told again what it watches still.
func (b *board) undo(s *Session, j joining) (left []*watched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range j.users {
		w.watchers[s] = 0
	}
	for _, id := range j.added {
		left = b.forget(left, s, id)
	}
	return left
}

// forget ends that s watches a user. It returns left, with the user added if it
// was the last to do so. mu is held.
func (b *board) forget(left []*watched, s *Session, id domain.UserID) []*watched {
	w := s.watching[id]
	if w == nil {
		return left
	}
	delete(s.watching, id)
	delete(w.watchers, s)
	if len(w.watchers) > 0 {
		return left
	}
	delete(b.users, w.topic)
	return append(left, w)
}

// detach ends subscriptions; whoever comes to watch the same users gets new ones.
func (b *board) detach(users []*watched) {
	for _, w := range users {
		b.gw.opts.Hub.detach(w.topic, w)
	}
}

// drop ends all that s watches.
func (b *board) drop(s *Session) {
	b.mu.Lock()
	var left []*watched
	for id := range s.watching {
		left = b.forget(left, s, id)
	}
	b.mu.Unlock()
	b.detach(left)
}

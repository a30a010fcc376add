package presence

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
)

// askTimeout bounds the wait for Redis when somebody asks who is online.
const askTimeout = time.Second

// question is what Redis is asked about the users of one partition.
type question struct {
	p     *partition
	view  *view
	asked time.Time // when all was answered
	where []int     // of the users in the answer
	users []User

	fields []*redis.MapStringStringCmd
	// lease comes after all others: when it is still there, Redis has not lost
	// anything before they were answered.
	lease *redis.BoolCmd
}

// Online implements [Presence].
func (r *Redis) Online(ctx context.Context, app domain.AppNum, users []domain.UserNum) []domain.Online {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found := make([]domain.Online, len(users))
	for _, q := range r.ask(ctx, app, users) {
		q.read(ctx, found)
	}
	// What is here is known in any case, and last, so that nobody is missed who has
	// come meanwhile.
	for i, num := range users {
		user := User{App: app, Num: num}
		found[i].Sessions = append(found[i].Sessions, r.parts[partitionOf(user)].of(user)...)
		if last := r.sightings.last(user); last.After(found[i].LastSeenAt) {
			found[i].LastSeenAt = last
		}
	}
	return found
}

// ask sends all questions at once and returns them when they are answered, but
// for those that need not be asked: when Redis is not heard, nothing is known.
func (r *Redis) ask(ctx context.Context, app domain.AppNum, users []domain.UserNum) []*question {
	client := r.client.Load()
	if client == nil {
		return nil
	}
	byPart := make(map[int]*question)
	for i, num := range users {
		user := User{App: app, Num: num}
		index := partitionOf(user)
		q := byPart[index]
		if q == nil {
			p := r.parts[index]
			q = &question{p: p, view: p.view.Load()}
			byPart[index] = q
		}
		q.where, q.users = append(q.where, i), append(q.users, user)
	}
	pipe := (*client).Pipeline()
	var all []*question
	for index, q := range byPart {
		if !q.view.isKnown(r.opts.TTL) {
			continue
		}
		for _, user := range q.users {
			q.fields = append(q.fields, pipe.HGetAll(ctx, userKey(r.opts.Prefix, index, user)))
		}
		q.lease = pipe.HExists(ctx, q.p.nodes, q.view.node)
		all = append(all, q)
	}
	if len(all) > 0 {
		_, _ = pipe.Exec(ctx) // each command has its own error
	}
	now := time.Now()
	for _, q := range all {
		q.asked = now
	}
	return all
}

// read turns the answers into what is found.
func (q *question) read(ctx context.Context, found []domain.Online) {
	if q.lease.Err() != nil || !q.lease.Val() {
		q.p.beatSoon() // another id, or Redis has lost everything
		return
	}
	for i, user := range q.users {
		if q.fields[i].Err() != nil {
			continue
		}
		found[q.where[i]] = q.judge(ctx, user, q.fields[i].Val())
	}
}

// judge tells the living sessions of a user from the dead.
func (q *question) judge(ctx context.Context, user User, fields map[string]string) domain.Online {
	o := domain.Online{LastSeenAt: decodeMillis(fields[fieldSeen])}
	for field, value := range fields {
		node, session, ok := decodeSession(user, field, value)
		if !ok || q.p.isOurs(node) {
			continue
		}
		if !q.view.isFinal(node) {
			if q.view, ok = q.p.lookAgain(ctx, q.asked, q.view); !ok {
				return domain.Online{}
			}
		}
		switch q.view.judge(node) {
		case alive:
			o.Sessions = append(o.Sessions, session)
		case dead:
			end := time.UnixMilli(q.view.beats[node].at).UTC()
			q.p.r.sightings.note(session, end)
			if end.After(o.LastSeenAt) {
				o.LastSeenAt = end
				q.p.bury(session, node, end.UnixMilli())
			} else {
				q.p.bury(session, node, 0) // it was seen later elsewhere
			}
		case absent: // it ended long ago, or never was
			q.p.bury(session, node, 0)
		}
	}
	o.Known = len(o.Sessions) > 0 || !q.view.isInGrace(q.p.r.opts.TTL)
	return o
}

// lookAgain returns a view that was taken after asked, or reports that there is
// none to be had.
func (p *partition) lookAgain(ctx context.Context, asked time.Time, old *view) (*view, bool) {
	p.lookMu.Lock()
	defer p.lookMu.Unlock()
	if p.looked != nil && p.looked.at.After(asked) {
		return p.looked, true
	}
	_, v, err := look(ctx, *p.r.client.Load(), p.nodes, "", false, p.r.opts.TTL)
	if err != nil {
		return old, false
	}
	v.node = old.node
	p.looked = v
	return v, true
}

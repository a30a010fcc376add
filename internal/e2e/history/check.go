package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Kind is a promise that was broken.
type Kind string

// Kinds of problems.
const (
	Nothing  Kind = "nothing"  // the history shows nothing, or not what is needed to judge
	Lost     Kind = "lost"     // acknowledged and not there, or there and never pushed
	Doubled  Kind = "doubled"  // one message twice
	Gap      Kind = "gap"      // a number left out
	Disorder Kind = "disorder" // not in the order of the numbers, or of the sender
	Crossing Kind = "crossing" // somebody has what was not for them
	Partial  Kind = "partial"  // some have it and others do not
	Changed  Kind = "changed"  // a number or a message means two things
	Ghost    Kind = "ghost"    // stored, but refused or never sent
)

// Problem is one breach.
type Problem struct {
	Kind   Kind
	Detail string
}

// String returns kind and detail.
func (p Problem) String() string { return string(p.Kind) + ": " + p.Detail }

func problem(k Kind, format string, args ...any) Problem {
	return Problem{k, fmt.Sprintf(format, args...)}
}

// checker goes through a history once for each promise.
type checker struct {
	*Recorder
	found []Problem
	// place is where a user's log has a message of the test's.
	place map[string]map[string]Entry // user, client_msg_id
}

// Check returns what is wrong with the history, nil when nothing is.
func (r *Recorder) Check() []Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &checker{Recorder: r, found: slices.Clone(r.misuse), place: make(map[string]map[string]Entry)}
	c.something()
	for _, user := range slices.Sorted(maps.Keys(r.logs)) {
		c.log(user, r.logs[user])
	}
	for _, id := range slices.Sorted(maps.Keys(r.sends)) {
		c.send(r.sends[id])
	}
	for _, name := range slices.Sorted(maps.Keys(r.conversations)) {
		c.conversation(name)
	}
	c.lanesInOrder()
	for i, conn := range r.connections {
		c.connection(i, conn)
	}
	c.devices()
	return c.found
}

func (c *checker) report(k Kind, format string, args ...any) {
	c.found = append(c.found, problem(k, format, args...))
}

// something refuses a history that proves nothing.
func (c *checker) something() {
	acks, pushes := 0, 0
	for _, s := range c.sends {
		if s.outcome == acked {
			acks++
		}
	}
	for _, conn := range c.connections {
		pushes += len(conn.entries)
	}
	if acks == 0 {
		c.report(Nothing, "no send was acknowledged")
	}
	if pushes == 0 {
		c.report(Nothing, "no connection got anything")
	}
	for name, members := range c.conversations {
		for _, user := range members {
			if _, ok := c.logs[user]; !ok {
				c.report(Nothing, "the log of %s, who is in %s, was not read", user, name)
			}
		}
	}
}

// log holds a log by itself to its promises: contiguous, each message once, and
// nothing in it that is not the user's.
func (c *checker) log(user string, entries []Entry) {
	c.place[user] = make(map[string]Entry)
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			c.report(Gap, "the log of %s has %d where %d belongs", user, e.Seq, i+1)
		}
		id := e.ClientMsgID
		if e.isEvent() {
			id = e.MessageID
		}
		if former, ok := c.place[user][id]; ok {
			c.report(Doubled, "the log of %s has %s as %d and as %d", user, id, former.Seq, e.Seq)
			continue
		}
		c.place[user][id] = e
		c.belongs("the log of "+user, user, e)
	}
}

// belongs judges whether user may see e at all.
func (c *checker) belongs(where, user string, e Entry) {
	s, ok := c.sends[e.ClientMsgID]
	switch {
	case e.isEvent():
		if !slices.Contains(c.conversations[e.To], user) {
			c.report(Crossing, "%s has an event (%s) of %s", where, e.MessageID, e.To)
		}
	case !ok:
		c.report(Ghost, "%s has %q (%s) from %s, which nobody sent", where, e.ClientMsgID, e.MessageID, e.Sender)
	case s.Sender != e.Sender || s.To != e.To:
		c.report(Changed, "%s has %s from %s in %s; it was sent by %s to %s", where, e.ClientMsgID, e.Sender, e.To, s.Sender, s.To)
	case !slices.Contains(c.conversations[e.To], user):
		c.report(Crossing, "%s has %s of %s", where, e.ClientMsgID, e.To)
	}
}

// send judges what became of one message in the logs of all who are to have it.
func (c *checker) send(s *sent) {
	var missing []string
	for _, user := range c.conversations[s.To] {
		e, ok := c.place[user][s.ClientMsgID]
		switch {
		case !ok:
			missing = append(missing, user)
		case s.outcome == acked && (e.MessageID != s.receipt.MessageID || e.ConversationSeq != s.receipt.ConversationSeq ||
			user == s.Sender && s.receipt.Seq != 0 && e.Seq != s.receipt.Seq):
			c.report(Changed, "the log of %s has %+v; the receipt was %+v", user, e, s.receipt)
		}
	}
	everybody := len(c.conversations[s.To])
	switch {
	case s.outcome == refused && len(missing) < everybody:
		c.report(Ghost, "%s was refused and is stored", s.ClientMsgID)
	case s.outcome == acked && len(missing) == everybody:
		c.report(Lost, "%s was acknowledged and is in no log", s.ClientMsgID)
	case len(missing) > 0 && len(missing) < everybody:
		c.report(Partial, "%s is not in the logs of %v", s.ClientMsgID, missing)
	}
}

// conversation judges the numbers of a conversation: the same for all members,
// contiguous, and ascending in everybody's log.
func (c *checker) conversation(name Conversation) {
	numbers := make(map[int64]string)
	for _, user := range c.conversations[name] {
		last := int64(0)
		for _, e := range c.logs[user] {
			if e.To != name {
				continue
			}
			if e.ConversationSeq <= last {
				c.report(Disorder, "the log of %s has %d after %d of %s", user, e.ConversationSeq, last, name)
			}
			last = e.ConversationSeq
			if other, ok := numbers[last]; ok && other != e.MessageID {
				c.report(Changed, "%d of %s is %s and %s", last, name, other, e.MessageID)
			}
			numbers[last] = e.MessageID
		}
	}
	for i := range int64(len(numbers)) {
		if _, ok := numbers[i+1]; !ok {
			c.report(Gap, "%s has %d messages and none with the number %d", name, len(numbers), i+1)
		}
	}
}

// lanesInOrder judges that what a sender sent first is first for every reader.
func (c *checker) lanesInOrder() {
	byLane := make(map[lane][]*sent)
	for _, s := range c.sends {
		l := lane{s.Sender, s.Lane}
		byLane[l] = append(byLane[l], s)
	}
	for l, sends := range byLane {
		slices.SortFunc(sends, func(a, b *sent) int { return cmp.Compare(a.place, b.place) })
		for user, log := range c.place {
			last := Entry{}
			for _, s := range sends {
				e, ok := log[s.ClientMsgID]
				if !ok {
					continue
				}
				if e.Seq <= last.Seq {
					c.report(Disorder, "%s sent %s before %s, and the log of %s has them as %d and %d",
						l.sender, last.ClientMsgID, e.ClientMsgID, user, last.Seq, e.Seq)
				}
				last = e
			}
		}
	}
}

// connection judges what one connection got: everything from its cursor on, once,
// in order, and as the log has it.
func (c *checker) connection(number int, conn *Connection) {
	where := fmt.Sprintf("connection %d, of %s's %s,", number, conn.user, conn.device)
	next, log := conn.after+1, c.logs[conn.user]
	for _, e := range conn.entries {
		switch {
		case e.Seq > next:
			c.report(Gap, "%s got %d where %d was next", where, e.Seq, next)
		case e.Seq < next && slices.ContainsFunc(conn.entries, func(o Entry) bool { return o.Seq == e.Seq && o != e }):
			c.report(Changed, "%s got two messages as %d", where, e.Seq)
		case e.Seq < next && e.Seq > conn.after && count(conn.entries, e) == 1:
			c.report(Disorder, "%s got %d after %d", where, e.Seq, next-1)
		case e.Seq < next:
			c.report(Doubled, "%s got %d again, or though it had it", where, e.Seq)
		}
		next = max(next, e.Seq+1)
		c.belongs(where, conn.user, e)
		if e.Seq < 1 || e.Seq > int64(len(log)) {
			c.report(Lost, "%s got %d, which the log does not hold", where, e.Seq)
		} else if log[e.Seq-1] != e {
			c.report(Changed, "%s got %+v; the log has %+v", where, e, log[e.Seq-1])
		}
	}
}

func count(entries []Entry, e Entry) (n int) {
	for _, o := range entries {
		if o == e {
			n++
		}
	}
	return n
}

// devices judges that what is in a log reached every device of the user.
func (c *checker) devices() {
	type device struct{ user, id string }
	from, got := make(map[device]int64), make(map[device]map[int64]bool)
	for _, conn := range c.connections {
		d := device{conn.user, conn.device}
		if got[d] == nil {
			from[d], got[d] = conn.after, make(map[int64]bool)
		}
		from[d] = min(from[d], conn.after)
		for _, e := range conn.entries {
			got[d][e.Seq] = true
		}
	}
	for d, seen := range got {
		for seq := from[d] + 1; seq <= int64(len(c.logs[d.user])); seq++ {
			if !seen[seq] {
				c.report(Lost, "%s's %s never got %d", d.user, d.id, seq)
			}
		}
	}
}

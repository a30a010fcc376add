package repo

import (
	"context"
	"fmt"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// sendTo is a single chat from one user to another.
type sendTo struct{ from, to domain.UserNum }

// barriers are what may keep users from sending to each other.
type barriers struct {
	pairs       []sendTo
	blocked     map[sendTo]bool // by the receiver
	friendsOnly bool            // the app asks that the two are contacts
	contacts    map[sendTo]bool // if friendsOnly
}

// readBarriers finds blocks between pairs, and whether the app asks for contacts, by
// one statement, or by none where there are no pairs.
func (s *Store) readBarriers(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, pairs []sendTo) (*barriers, error) {
	b := &barriers{pairs: pairs, blocked: make(map[sendTo]bool), contacts: make(map[sendTo]bool)}
	if len(pairs) == 0 {
		return b, nil
	}
	err := each(ctx, q, func(rows *sqlx.Rows) error {
		var p sendTo
		err := rows.Scan(&p.to, &p.from)
		if p == (sendTo{}) {
			b.friendsOnly = true
		} else {
			b.blocked[p] = true
		}
		return err
	}, s.dialect.blockedAmong(len(pairs)), append(valuesOf(pairs), app, app)...)
	if err != nil {
		return nil, fmt.Errorf("find blocks: %w", err)
	}
	return b, nil
}

// readContacts finds which of the pairs are contacts, if that matters.
func (s *Store) readContacts(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, b *barriers) error {
	if !b.friendsOnly {
		return nil
	}
	err := each(ctx, q, func(rows *sqlx.Rows) error {
		var p sendTo
		err := rows.Scan(&p.to, &p.from)
		b.contacts[p] = true
		return err
	}, s.dialect.contactsAmong(len(b.pairs)), append(valuesOf(b.pairs), app)...)
	if err != nil {
		return fmt.Errorf("find contacts: %w", err)
	}
	return nil
}

// refusal is why one of the pairs may not be sent from and to; nil if it may.
func (b *barriers) refusal(p sendTo) error {
	switch {
	case b.blocked[p]:
		return domain.ErrBlocked
	case b.friendsOnly && !b.contacts[p]:
		return domain.ErrNotFriend
	}
	return nil
}

func valuesOf(pairs []sendTo) []any {
	values := make([]any, 0, 2*len(pairs)+2)
	for _, p := range pairs {
		values = append(values, p.to, p.from)
	}
	return values
}

// blockedAmong is the query for n pairs, each of a receiver and a sender. A row of
// zeros says that the app asks for contacts.
func (d dialect) blockedAmong(n int) string {
	return `SELECT b.user_id, b.blocked_id FROM ` + d.pairs(n) + ` p` + d.then("blocks b") + `
		ON b.app_id = ? AND b.user_id = p.a AND b.blocked_id = p.b
		UNION ALL SELECT 0, 0 FROM apps WHERE id = ? AND friends_only = 1`
}

// contactsAmong is the query for n pairs, each of a receiver and a sender. Contacts have
// two rows, see ChangeContact: that of the receiver is there when that of the sender is.
func (d dialect) contactsAmong(n int) string {
	return `SELECT c.user_id, c.contact_id FROM ` + d.pairs(n) + ` p` + d.then("contacts c") + `
		ON c.app_id = ? AND c.user_id = p.a AND c.contact_id = p.b WHERE c.state = 0`
}

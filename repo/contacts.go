package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.ContactStore = (*Store)(nil)

// contactStates are the statuses of contacts as they are stored.
var contactStates = numbering[domain.ContactStatus]{domain.ContactMutual, domain.ContactIncoming, domain.ContactOutgoing}

// mirrored is the status that the other one of two users has.
func mirrored(status domain.ContactStatus) domain.ContactStatus {
	switch status {
	case domain.ContactIncoming:
		return domain.ContactOutgoing
	case domain.ContactOutgoing:
		return domain.ContactIncoming
	}
	return status
}

const contactColumns = `u.user_id, c.state, c.remark, c.message, c.created_at`

// contactList leaves out entries for users who were deleted, see blockList.
func (d dialect) contactList() string {
	return ` FROM contacts c` + d.then("users u") + ` ON u.app_id = c.app_id AND u.id = c.contact_id
	WHERE c.app_id = ? AND c.user_id = ? AND u.deleted_at = 0 `
}

func scanContact(row interface{ Scan(dest ...any) error }) (domain.Contact, error) {
	var c domain.Contact
	var state int
	var created int64
	err := row.Scan(&c.User, &state, &c.Remark, &c.Message, &created)
	c.Status, c.CreatedAt = contactStates.value(state), time.UnixMilli(created).UTC()
	return c, err
}

// ChangeContact implements [domain.ContactStore]. The rows of both users are locked,
// so that neither is deleted meanwhile, and what is between them has one writer.
func (s *Store) ChangeContact(ctx context.Context, app domain.AppNum, user domain.UserRef, other domain.UserID, limit int, change func(*domain.ContactPair) error) (*domain.Contact, error) {
	var after *domain.Contact
	var told []domain.Delivery
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		ids := []domain.UserID{user.ID, other}
		slices.Sort(ids)
		nums, err := userNums(ctx, tx, app, ids, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		if nums[user.ID] != user.Num {
			return domain.ErrUnauthorized
		}
		if nums[other] == 0 {
			return domain.ErrUserNotFound
		}
		c := &contactChange{Store: s, tx: tx, app: app, nums: nums, limit: limit}
		pair, err := c.read(ctx, user, other)
		if err != nil {
			return err
		}
		var was *domain.Contact
		if pair.Contact != nil {
			was = new(*pair.Contact)
		}
		if err := change(pair); err != nil {
			return err
		}
		after = pair.Contact
		if err := c.write(ctx, was, pair); err != nil {
			return err
		}
		events := make([]domain.Message, len(pair.Events))
		for i, e := range pair.Events {
			if events[i], err = e.Message(domain.Millis(s.clock.Now())); err != nil {
				return err
			}
		}
		told, err = s.tellUsers(ctx, tx, app, nums, events)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.publish(ctx, told)
	return after, nil
}

// contactChange is a change of a contact in its transaction.
type contactChange struct {
	*Store
	tx    *sqlx.Tx
	app   domain.AppNum
	nums  map[domain.UserID]domain.UserNum
	limit int
}

func (c *contactChange) read(ctx context.Context, user domain.UserRef, other domain.UserID) (*domain.ContactPair, error) {
	pair := &domain.ContactPair{User: user.ID, Other: other}
	switch contact, err := contactByID(ctx, c.tx, c.app, user.Num, other); {
	case err == nil:
		pair.Contact = &contact
	case !errors.Is(err, domain.ErrContactNotFound):
		return nil, err
	}
	p := sendTo{from: user.Num, to: c.nums[other]}
	b, err := c.readBarriers(ctx, c.tx, c.app, []sendTo{p})
	if err != nil {
		return nil, err
	}
	pair.IsBlocked = b.blocked[p]
	return pair, nil
}

// write stores how the two now know each other.
func (c *contactChange) write(ctx context.Context, was *domain.Contact, pair *domain.ContactPair) error {
	user, other, is := c.nums[pair.User], c.nums[pair.Other], pair.Contact
	if is == nil {
		const remove = `DELETE FROM contacts WHERE app_id = ? AND user_id = ? AND contact_id = ?`
		_, err1 := c.tx.ExecContext(ctx, remove, c.app, user, other)
		_, err2 := c.tx.ExecContext(ctx, remove, c.app, other, user)
		return errors.Join(err1, err2)
	}
	if was == nil {
		for _, num := range []domain.UserNum{user, other} {
			if err := c.makeRoom(ctx, num); err != nil {
				return err
			}
		}
	} else if *was == *is {
		return nil
	}
	const head = `INSERT INTO contacts (app_id, user_id, contact_id, state, remark, message, created_at)`
	key, columns := []string{"app_id", "user_id", "contact_id"}, []string{"state", "message", "created_at"}
	theirs := []any{c.app, other, user, contactStates.number(mirrored(is.Status)), "", is.Message, is.CreatedAt.UnixMilli()}
	if err := insert(ctx, c.tx, head, c.dialect.upsert(key, columns), 7, theirs); err != nil {
		return err
	}
	own := []any{c.app, user, other, contactStates.number(is.Status), is.Remark, is.Message, is.CreatedAt.UnixMilli()}
	return insert(ctx, c.tx, head, c.dialect.upsert(key, append(columns, "remark")), 7, own)
}

// makeRoom refuses one more contact of who has as many as may be.
func (c *contactChange) makeRoom(ctx context.Context, user domain.UserNum) error {
	var n int
	if err := c.tx.GetContext(ctx, &n, `SELECT COUNT(*)`+c.dialect.contactList(), c.app, user); err != nil {
		return err
	}
	if n >= c.limit {
		return domain.TooManyContacts(c.limit)
	}
	return nil
}

// tellUsers writes events to the logs of users, whose rows are locked, in the
// transaction that makes them true. The deliveries are to be published after its commit.
func (s *Store) tellUsers(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, nums map[domain.UserID]domain.UserNum, events []domain.Message) ([]domain.Delivery, error) {
	if len(events) == 0 {
		return nil, nil
	}
	b := &batch{store: s}
	for _, m := range events {
		out := &domain.Outgoing{App: app, Message: m, Request: domain.RequestOf(ctx)}
		b.items = append(b.items, &item{out: out, message: m, toUser: nums[m.To.User]})
	}
	a := &appBatch{store: s, tx: tx, r: &reads{Tx: tx}, w: tx, app: app, items: b.items}
	for _, step := range []func(context.Context) error{
		a.readConversations, a.runReads, a.begin, a.lockHeads, a.number, a.keepShown, a.raise, a.insertMessages, a.insertUncounted, a.insertLogs,
	} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("tell users: %w", err)
		}
	}
	return b.deliveries(), nil
}

// Contact implements [domain.ContactStore].
func (s *Store) Contact(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.UserID) (domain.Contact, error) {
	c, err := contactByID(ctx, s.read, app, user, id)
	if err != nil && !errors.Is(err, domain.ErrContactNotFound) {
		return c, s.readError("read contact", err)
	}
	return c, err
}

func contactByID(ctx context.Context, q sqlx.QueryerContext, app domain.AppNum, user domain.UserNum, id domain.UserID) (domain.Contact, error) {
	const query = `SELECT ` + contactColumns + ` FROM users u JOIN contacts c ON c.app_id = u.app_id AND c.contact_id = u.id
		WHERE u.app_id = ? AND u.user_id = ? AND u.deleted_at = 0 AND c.user_id = ?`
	c, err := scanContact(q.QueryRowxContext(ctx, query, app, string(id), user))
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Contact{}, domain.ErrContactNotFound
	}
	return c, err
}

// Contacts implements [domain.ContactStore].
func (s *Store) Contacts(ctx context.Context, app domain.AppNum, user domain.UserNum, status domain.ContactStatus, p domain.Page) (domain.List[domain.Contact], error) {
	query := `SELECT ` + contactColumns + s.dialect.contactList() + `AND c.state = ? AND u.user_id > ? ORDER BY u.user_id LIMIT ?`
	return list(ctx, s, p, func(c domain.Contact) string { return string(c.User) },
		func(rows *sqlx.Rows) (domain.Contact, error) { return scanContact(rows) },
		query, app, user, contactStates.number(status), p.Cursor, p.Limit+1)
}

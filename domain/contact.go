package domain

import (
	"context"
	"errors"
	"time"
)

// ContactStatus says how a user stands to another one.
type ContactStatus string

// The statuses of contacts. Where one of two users has Incoming, the other has
// Outgoing.
const (
	ContactMutual   ContactStatus = "contact"  // each is a contact of the other
	ContactIncoming ContactStatus = "incoming" // the other one has asked
	ContactOutgoing ContactStatus = "outgoing" // the user has asked
)

// Contact is another user as one user knows it: a contact, or a request of one of
// the two to be contacts.
type Contact struct {
	User      UserID // the other one
	Status    ContactStatus
	Remark    string    // of the user about the other one, who does not see it
	Message   string    // of a request
	CreatedAt time.Time // when it became what Status says
}

// ContactPair is what a change of a contact reads and writes.
type ContactPair struct {
	User, Other UserID
	Contact     *Contact // Other as User knows it; nil for a stranger
	IsBlocked   bool     // Other has blocked User
	Events      []ContactEvent
}

// ContactStore keeps the contacts of users.
type ContactStore interface {
	// ChangeContact applies change, which may run more than once, to what is between
	// two users, and tells both of its events, in one transaction. Other knows User
	// as User knows Other, but for the remark. ErrUnauthorized when user is gone,
	// ErrUserNotFound for other; bad_request where one of them would have more than
	// limit contacts and requests.
	ChangeContact(ctx context.Context, app AppNum, user UserRef, other UserID, limit int, change func(*ContactPair) error) (*Contact, error)
	// Contact returns what is between a user and id, or ErrContactNotFound.
	Contact(ctx context.Context, app AppNum, user UserNum, id UserID) (Contact, error)
	// Contacts lists those of a user with a status, by id. Users who are gone are left out.
	Contacts(ctx context.Context, app AppNum, user UserNum, status ContactStatus, p Page) (List[Contact], error)
}

// TooManyContacts is the answer to what would give one of two users more contacts
// and requests than limit.
func TooManyContacts(limit int) *Error {
	return Invalid("user_id", "would be one more than the %d contacts and requests that each of the two may have", limit)
}

// Contacts is the use case around who knows whom.
type Contacts struct {
	store ContactStore
	limit Limiter // of the changes of each user
	clock Clock
}

// NewContacts returns the use case; all arguments are needed.
func NewContacts(store ContactStore, limit Limiter, clock Clock) *Contacts {
	return &Contacts{store: store, limit: limit, clock: clock}
}

// ContactParams are what a caller says about a contact; nil leaves a part as it is.
type ContactParams struct {
	Message *string // of a request
	Remark  *string
	// IsAccepted makes the two contacts without asking; for the business.
	IsAccepted bool
}

// Put asks a user to be a contact of the caller's user, or accepts its request, and
// reports whether there was neither before. bad_request, forbidden, unauthorized,
// user_not_found, blocked, rate_limited.
func (s *Contacts) Put(ctx context.Context, by Principal, id UserID, p ContactParams) (c Contact, isNew bool, err error) {
	if err := s.allow(by, id); err != nil {
		return Contact{}, false, err
	}
	if p.IsAccepted && by.Kind != PrincipalApp {
		return Contact{}, false, Failure(CodeForbidden, "Only the business makes users contacts without asking.")
	}
	if err := join(validateText("/message", orEmpty(p.Message), MaxText), validateText("/remark", orEmpty(p.Remark), MaxName)); err != nil {
		return Contact{}, false, err
	}
	made, err := s.change(ctx, by, id, !p.IsAccepted, func(pair *ContactPair) error {
		isNew = pair.Contact == nil
		return pair.put(p, Millis(s.clock.Now()))
	})
	if err != nil {
		return Contact{}, false, err
	}
	return *made, isNew, nil
}

func (p *ContactPair) put(params ContactParams, at time.Time) error {
	was := p.Contact
	if (was == nil || was.Status != ContactMutual) && p.IsBlocked && !params.IsAccepted {
		return ErrBlocked
	}
	c := Contact{User: p.Other, Status: ContactOutgoing, CreatedAt: at}
	if was != nil {
		c = *was
	}
	switch {
	case was != nil && was.Status == ContactMutual:
	case params.IsAccepted:
		c.Status, c.Message, c.CreatedAt = ContactMutual, "", at
		p.tell(ContactEvent{Code: EventContactAdded}, true)
	case was != nil && was.Status == ContactIncoming:
		c.Status, c.Message, c.CreatedAt = ContactMutual, "", at
		p.tell(ContactEvent{Code: EventContactAdded, By: p.User}, true)
	default:
		set(&c.Message, params.Message)
		if was == nil || was.Message != c.Message {
			p.tell(ContactEvent{Code: EventContactRequested, By: p.User, Text: c.Message}, true)
		}
	}
	p.Contact = &c
	p.note(params.Remark)
	return nil
}

// note changes the remark, which only its author is told of.
func (p *ContactPair) note(remark *string) {
	if remark == nil || *remark == p.Contact.Remark {
		return
	}
	p.Contact.Remark = *remark
	p.tell(ContactEvent{Code: EventContactRemarked, By: p.User, Remark: remark}, false)
}

// Update changes the remark of the caller's user about a contact. bad_request, forbidden,
// unauthorized, contact_not_found, rate_limited.
func (s *Contacts) Update(ctx context.Context, by Principal, id UserID, remark *string) (Contact, error) {
	if err := s.allow(by, id); err != nil {
		return Contact{}, err
	}
	if err := join(validateText("/remark", orEmpty(remark), MaxName)); err != nil {
		return Contact{}, err
	}
	c, err := s.change(ctx, by, id, true, func(pair *ContactPair) error {
		if pair.Contact == nil {
			return ErrContactNotFound
		}
		pair.note(remark)
		return nil
	})
	if err != nil {
		return Contact{}, strangerOf(err)
	}
	return *c, nil
}

// Delete ends what is between the caller's user and another one: a contact, a
// request that it turns down, or its own that it takes back. bad_request, forbidden,
// unauthorized, contact_not_found, rate_limited.
func (s *Contacts) Delete(ctx context.Context, by Principal, id UserID) error {
	if err := s.allow(by, id); err != nil {
		return err
	}
	_, err := s.change(ctx, by, id, true, func(pair *ContactPair) error {
		if pair.Contact == nil {
			return ErrContactNotFound
		}
		code := map[ContactStatus]ContactEventCode{
			ContactMutual: EventContactRemoved, ContactIncoming: EventContactRejected, ContactOutgoing: EventContactWithdrawn,
		}[pair.Contact.Status]
		pair.tell(ContactEvent{Code: code, By: pair.User}, true)
		pair.Contact = nil
		return nil
	})
	return strangerOf(err)
}

// strangerOf makes a user who is not there one who is no contact.
func strangerOf(err error) error {
	if errors.Is(err, ErrUserNotFound) {
		return ErrContactNotFound
	}
	return err
}

// Get returns what is between the caller's user and another one. bad_request,
// forbidden, contact_not_found.
func (s *Contacts) Get(ctx context.Context, by Principal, id UserID) (Contact, error) {
	if err := s.allow(by, id); err != nil {
		return Contact{}, err
	}
	return s.store.Contact(ctx, by.App.Num, by.User.Num, id)
}

// List returns a page of the contacts of the caller's user, or of requests, by id.
// bad_request, forbidden.
func (s *Contacts) List(ctx context.Context, by Principal, status ContactStatus, p Page) (List[Contact], error) {
	if err := by.RequireUser(); err != nil {
		return List[Contact]{}, err
	}
	switch status {
	case ContactMutual, ContactIncoming, ContactOutgoing:
		return s.store.Contacts(ctx, by.App.Num, by.User.Num, status, p)
	}
	return List[Contact]{}, Invalid("status", "must be %s, %s or %s", ContactMutual, ContactIncoming, ContactOutgoing)
}

func (s *Contacts) allow(by Principal, id UserID) error {
	if err := by.RequireUser(); err != nil {
		return err
	}
	if id == idMe || id == by.User.ID {
		return Invalid("user_id", "names the caller; nobody can be one's own contact")
	}
	return join(ValidateID("user_id", string(id)))
}

// change changes what is between two users; it is charged where a user does so.
func (s *Contacts) change(ctx context.Context, by Principal, id UserID, isCharged bool, change func(*ContactPair) error) (*Contact, error) {
	if isCharged {
		if err := ofUser(by, s.limit, "This user changes contacts faster than allowed.").take(); err != nil {
			return nil, err
		}
	}
	return s.store.ChangeContact(ctx, by.App.Num, by.User, id, MaxContacts, change)
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

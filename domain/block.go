package domain

import (
	"context"
	"time"
)

// Block is an entry of a user's block list: the user takes no messages and no
// signals from the one that it names.
type Block struct {
	User      UserID // who is blocked
	CreatedAt time.Time
}

// BlockStore keeps the block lists of users.
type BlockStore interface {
	// PutBlock adds b to the list of user, and returns the entry as it is with
	// whether it is new: one that was there stays as it was. ErrUnauthorized when
	// user is gone, ErrUserNotFound for b.User; bad_request where the list would
	// have more than limit entries.
	PutBlock(ctx context.Context, app AppNum, user UserRef, b Block, limit int) (Block, bool, error)
	// Block returns the entry of a user's list that names id, or ErrBlockNotFound.
	Block(ctx context.Context, app AppNum, user UserNum, id UserID) (Block, error)
	// Blocks lists whom user has blocked, by id. Users who are gone are left out.
	Blocks(ctx context.Context, app AppNum, user UserNum, p Page) (List[Block], error)
	// DeleteBlock takes id off a user's list. ErrBlockNotFound.
	DeleteBlock(ctx context.Context, app AppNum, user UserNum, id UserID) error
}

// TooManyBlocks is the answer to what would make a block list longer than limit.
func TooManyBlocks(limit int) *Error {
	return Invalid("user_id", "would be one more than the %d users that a user may block", limit)
}

// Blocks is the use case around whom a user has blocked.
type Blocks struct {
	store BlockStore
	clock Clock
}

// NewBlocks returns the use case; all arguments are needed.
func NewBlocks(store BlockStore, clock Clock) *Blocks { return &Blocks{store: store, clock: clock} }

// Put blocks a user for the caller's user, and reports whether that is new.
// bad_request, forbidden, unauthorized, user_not_found.
func (s *Blocks) Put(ctx context.Context, by Principal, id UserID) (Block, bool, error) {
	if err := by.RequireUser(); err != nil {
		return Block{}, false, err
	}
	if id == idMe || id == by.User.ID {
		return Block{}, false, Invalid("user_id", "names the caller; nobody can block oneself")
	}
	if err := ValidateID("user_id", string(id)); err != nil {
		return Block{}, false, err
	}
	return s.store.PutBlock(ctx, by.App.Num, by.User, Block{User: id, CreatedAt: Millis(s.clock.Now())}, MaxBlocks)
}

// Get returns the entry for a user whom the caller's user has blocked.
// bad_request, forbidden, block_not_found.
func (s *Blocks) Get(ctx context.Context, by Principal, id UserID) (Block, error) {
	if err := s.allow(by, id); err != nil {
		return Block{}, err
	}
	return s.store.Block(ctx, by.App.Num, by.User.Num, id)
}

// List returns a page of whom the caller's user has blocked, by id. forbidden.
func (s *Blocks) List(ctx context.Context, by Principal, p Page) (List[Block], error) {
	if err := by.RequireUser(); err != nil {
		return List[Block]{}, err
	}
	return s.store.Blocks(ctx, by.App.Num, by.User.Num, p)
}

// Delete takes a user off the list of the caller's user. bad_request,
// forbidden, block_not_found.
func (s *Blocks) Delete(ctx context.Context, by Principal, id UserID) error {
	if err := s.allow(by, id); err != nil {
		return err
	}
	return s.store.DeleteBlock(ctx, by.App.Num, by.User.Num, id)
}

func (s *Blocks) allow(by Principal, id UserID) error {
	if err := by.RequireUser(); err != nil {
		return err
	}
	if err := ValidateID("user_id", string(id)); err != nil {
		return err
	}
	return nil
}

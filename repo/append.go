package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.MessageStore = (*Store)(nil)

// Append implements [domain.MessageStore] by group commit: sends that arrive
// while a transaction commits share the next one, those of one conversation in
// the order of their arrival. Nothing waits on purpose, so a lone send commits at
// once. When ctx ends first the send may still be stored; sending again with its
// client_msg_id tells.
func (s *Store) Append(ctx context.Context, out domain.Outgoing) (domain.Receipt, error) {
	p := &send{out: out, done: make(chan outcome, 1)}
	if !s.appends.push(p) {
		return domain.Receipt{}, domain.ErrUnavailable
	}
	select {
	case o := <-p.done:
		return o.receipt, o.err
	case <-ctx.Done():
		return domain.Receipt{}, ctx.Err()
	}
}

// AppendAll appends messages that are there already, such as those of an import, in
// as few transactions as there may be: it passes by the queue, which divides time
// between callers that wait. It returns when all are committed, or the error of the
// first that is refused; how many of the others are stored then is not known, and
// sending them again with their client_msg_ids tells.
func (s *Store) AppendAll(ctx context.Context, all []domain.Outgoing) error {
	sends := make([]*send, len(all))
	for i, out := range all {
		sends[i] = &send{out: out}
	}
	for len(sends) > 0 {
		b, err := s.commitBatch(ctx, sends)
		if err != nil {
			return err
		}
		sends = sends[:0]
		for _, it := range b.items {
			switch {
			case it.err != nil:
				err = cmp.Or(err, it.err)
			case it.deferred:
				sends = append(sends, it.send)
			}
		}
		if deliveries := b.deliveries(); len(deliveries) > 0 {
			s.publisher.Publish(deliveries)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run commits what Append queues until ctx ends, then commits what is waiting,
// refuses the rest and returns nil. It is the only goroutine that writes messages
// of clients.
func (s *Store) Run(ctx context.Context) error {
	work := context.WithoutCancel(ctx) // a batch that has begun is finished
	for {
		select {
		case <-s.appends.wake:
			s.commitNext(work)
		case <-ctx.Done():
			for {
				if n := s.commitNext(work); n == 0 {
					break
				}
			}
			for _, p := range s.appends.close() {
				p.done <- outcome{err: domain.ErrUnavailable}
			}
			return nil
		}
	}
}

// batchTimeout bounds one run of a batch against a database that hangs.
const batchTimeout = 30 * time.Second

// commitNext commits the next batch and returns how many sends it took.
func (s *Store) commitNext(ctx context.Context) int {
	sends := s.appends.take()
	if len(sends) == 0 {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	start := time.Now()
	b, err := s.commitBatch(ctx, sends)
	if s.metrics.Batch != nil {
		s.metrics.Batch(len(sends), time.Since(start))
	}
	switch {
	case err == nil:
		s.settle(b)
	case len(sends) > 1 && !errors.Is(err, domain.ErrUnavailable) && ctx.Err() == nil:
		s.commitEach(ctx, sends)
	default:
		s.fail(ctx, sends, err)
	}
	return len(sends)
}

// commitBatch runs one transaction for all sends.
func (s *Store) commitBatch(ctx context.Context, sends []*send) (b *batch, err error) {
	defer func() { // a defect in one batch must not end the process
		if r := recover(); r != nil {
			err = domain.Trace(fmt.Errorf("append: panic: %v", r))
		}
	}()
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		b = newBatch(s, sends)
		return b.run(ctx, tx)
	})
	return b, err
}

// commitEach is the way out when a batch failed for a reason of its own, such
// as a value that the database refuses: the send at fault fails alone.
func (s *Store) commitEach(ctx context.Context, sends []*send) {
	for _, p := range sends {
		one := []*send{p}
		if b, err := s.commitBatch(ctx, one); err != nil {
			s.fail(ctx, one, err)
		} else {
			s.settle(b)
		}
	}
}

// settle answers the sends of a committed batch and publishes its messages.
func (s *Store) settle(b *batch) {
	var put []*send
	for _, it := range b.items {
		if it.conv != nil && it.toUser == 0 && it.err == nil && it.twin == nil && !it.receipt.Repeated {
			s.appends.learn(flowOf(it.out), len(it.receivers))
		}
		if it.deferred {
			put = append(put, it.send)
			continue
		}
		it.send.done <- outcome{receipt: it.receipt, err: it.err}
	}
	s.appends.putBack(put)
	if deliveries := b.deliveries(); len(deliveries) > 0 {
		s.publisher.Publish(deliveries)
	}
}

// fail answers sends whose transaction failed. What happened is logged here,
// once for the batch: each caller is told only that the store is unavailable or,
// for errors that are not known, the error itself.
func (s *Store) fail(ctx context.Context, sends []*send, err error) {
	if s.metrics.Failed != nil {
		s.metrics.Failed()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "store unavailable", slog.Any("err", err))
		err = domain.ErrUnavailable
	}
	for _, p := range sends {
		p.done <- outcome{err: err}
	}
}

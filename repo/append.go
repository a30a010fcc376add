package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
		_, batches, err := s.commitLoad(ctx, &load{taken: sends})
		if err != nil {
			return err
		}
		b := batches[0]
		sends = sends[:0]
		for _, it := range b.items {
			switch {
			case it.err != nil:
				err = cmp.Or(err, it.err)
			case it.deferred:
				sends = append(sends, it.send)
			}
		}
		s.index.noteBatch(b.items)
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
// refuses the rest and returns nil. Its goroutines are the only ones that write
// messages of clients.
func (s *Store) Run(ctx context.Context) error {
	var committers sync.WaitGroup
	for range s.appends.committers {
		committers.Go(func() { s.commitAll(ctx) }) // end with ctx
	}
	if s.index.on {
		committers.Go(func() { s.indexAll(ctx) }) // ends with ctx
	}
	committers.Wait()
	for _, p := range s.appends.close() {
		p.done <- outcome{err: domain.ErrUnavailable}
	}
	return nil
}

// commitAll commits batches until ctx has ended and nothing is left to take.
func (s *Store) commitAll(ctx context.Context) {
	work := context.WithoutCancel(ctx) // a batch that has begun is finished
	end := ctx.Done()
	for {
		b, wait := s.appends.take(time.Now())
		if b != nil {
			s.commit(work, b)
			continue
		}
		var later <-chan time.Time
		switch {
		case end == nil && (wait == 0 || s.appends.fanouts.isFailing()):
			return // the next Open writes what could not be written
		case wait > 0:
			later = time.After(wait)
		}
		select {
		case <-s.appends.wake:
		case <-later:
		case <-end:
			end = nil
		}
	}
}

// batchTimeout bounds one run of a batch against a database that hangs.
const batchTimeout = 30 * time.Second

// commit commits a batch that was taken, and answers its sends.
func (s *Store) commit(ctx context.Context, l *load) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	start := time.Now()
	loads, batches, err := s.commitLoad(ctx, l)
	if err != nil && l.fanout != nil {
		loads, batches, err = s.commitWithoutFanout(ctx, loads, err)
	}
	took := time.Since(start)
	var sends []*send
	for _, l := range loads {
		sends = append(sends, l.taken...)
	}
	if s.metrics.Batch != nil && len(sends) > 0 {
		s.metrics.Batch(len(sends), took)
	}
	var putBack []*send
	switch {
	case err == nil:
		for _, b := range batches {
			putBack = append(putBack, s.settle(b)...)
		}
	case len(sends) > 1 && !errors.Is(err, domain.ErrUnavailable) && ctx.Err() == nil:
		putBack = s.commitEach(ctx, sends)
	default:
		s.fail(ctx, sends, err)
	}
	s.appends.done(loads, putBack, time.Now(), took)
}

// commitWithoutFanout runs the transaction of loads again, which failed with cause,
// without the entries that were put off. The fault was theirs unless it is there again;
// then they are written with what comes next.
func (s *Store) commitWithoutFanout(ctx context.Context, loads []*load, cause error) (_ []*load, batches []*batch, err error) {
	loads[0].fanout = nil
	loads, batches, err = s.commitLoad(ctx, loads...)
	if err == nil || errors.Is(err, domain.ErrUnavailable) {
		s.appends.fanouts.failed(time.Now())
		s.log.ErrorContext(ctx, "log entries that were put off cannot be written", slog.Any("err", cause))
	}
	return loads, batches, err
}

// commitLoad runs one transaction for loads and, where a batch of those who wait keeps
// others from committing, for those who come meanwhile, whose load it adds: it makes
// way for them, and they need not wait for a commit of their own behind it.
func (s *Store) commitLoad(ctx context.Context, loads ...*load) (_ []*load, batches []*batch, err error) {
	l := loads[0]
	onlyWriter := l.slow && s.appends.committers == 1
	var left []*fanout // whose entries are to be written later, once that is known
	written := 0       // entries of l.fanout
	err = s.inTxOf(ctx, s.commits, func(tx *sqlx.Tx) (err error) {
		defer func() { // a defect in one batch must not end the process
			if r := recover(); r != nil {
				err = domain.Trace(fmt.Errorf("append: panic: %v", r))
			}
		}()
		s.appends.fanouts.remove(left) // of a run that was rolled back
		batches, left = nil, nil
		var putOff []*fanout
		if l.fanout != nil {
			if written, err = s.writeFanout(ctx, tx, l.fanout); err != nil {
				return err
			}
		}
		for i := 0; i < len(loads); i++ {
			b := newBatch(s, loads[i].taken)
			if i == 0 && onlyWriter {
				b.isAwaited = s.appends.isAwaited
			}
			batches = append(batches, b)
			if err := b.run(ctx, tx); err != nil {
				return err
			}
			putOff = append(putOff, b.left...)
			if i == 0 && len(loads) == 1 && onlyWriter {
				if late := s.appends.board(); len(late.taken) > 0 {
					loads = append(loads, late)
				}
			}
		}
		left = putOff
		s.appends.fanouts.add(left) // before anybody sees the heads
		return nil
	})
	switch {
	case err != nil:
		s.appends.fanouts.remove(left)
	case written > 0:
		s.appends.fanouts.wrote(l.fanout, written)
	}
	return loads, batches, err
}

// commitEach is the way out when a batch failed for a reason of its own, such
// as a value that the database refuses: the send at fault fails alone. It returns
// those to put back.
func (s *Store) commitEach(ctx context.Context, sends []*send) (putBack []*send) {
	for _, p := range sends {
		one := &load{taken: []*send{p}}
		if _, b, err := s.commitLoad(ctx, one); err != nil {
			s.fail(ctx, one.taken, err)
		} else {
			putBack = append(putBack, s.settle(b[0])...)
		}
	}
	return putBack
}

// settle answers the sends of a committed batch and publishes its messages. It
// returns those to put back.
func (s *Store) settle(b *batch) (putBack []*send) {
	for _, it := range b.items {
		if it.conv != nil && it.toUser == 0 && it.err == nil && it.twin == nil && !it.receipt.Repeated {
			s.appends.learn(flowOf(it.out), len(it.receivers))
		}
		if it.deferred {
			putBack = append(putBack, it.send)
			continue
		}
		it.send.done <- outcome{receipt: it.receipt, err: it.err}
	}
	s.index.noteBatch(b.items)
	if deliveries := b.deliveries(); len(deliveries) > 0 {
		s.publisher.Publish(deliveries)
	}
	return putBack
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

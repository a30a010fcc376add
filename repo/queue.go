package repo

import (
	"sync"

	"github.com/gim-im/gim/domain"
)

// maxQueuedBytes bounds the sends that wait for a commit. Beyond it a send is
// refused as unavailable: the database is far behind, and more would not help.
const maxQueuedBytes = 64 << 20

// A batch takes what waits, but not more than this.
const (
	maxBatchSends    = 512
	maxBatchBytes    = 4 << 20
	maxBatchPointers = 20_000 // log entries; what is beyond waits for the next batch
)

// send is one Append under way.
type send struct {
	out  domain.Outgoing
	done chan outcome // capacity 1
}

type outcome struct {
	receipt domain.Receipt
	err     error
}

// size estimates the memory that s holds, in bytes.
func (s *send) size() int {
	return 512 + len(s.out.Message.Content) + len(s.out.Message.Mentions)*(16+domain.MaxIDLength)
}

// appendQueue holds sends in the order of their arrival.
type appendQueue struct {
	wake chan struct{} // capacity 1

	mu     sync.Mutex // guards what follows
	sends  []*send
	bytes  int
	closed bool // Run has ended
}

func (q *appendQueue) init() { q.wake = make(chan struct{}, 1) }

// push adds s, or reports false when the queue is full or closed.
func (q *appendQueue) push(s *send) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.bytes+s.size() > maxQueuedBytes {
		return false
	}
	q.sends = append(q.sends, s)
	q.bytes += s.size()
	q.signal()
	return true
}

// take removes the next batch.
func (q *appendQueue) take() []*send {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.sends) && n < maxBatchSends && (n == 0 || bytes+q.sends[n].size() <= maxBatchBytes) {
		bytes += q.sends[n].size()
		n++
	}
	batch := q.sends[:n:n]
	q.sends = q.sends[n:]
	q.bytes -= bytes
	if len(q.sends) > 0 {
		q.signal()
	} else {
		q.sends = nil
	}
	return batch
}

// putBack returns sends to the front.
func (q *appendQueue) putBack(sends []*send) {
	if len(sends) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sends = append(append([]*send(nil), sends...), q.sends...)
	for _, s := range sends {
		q.bytes += s.size()
	}
	q.signal()
}

// close refuses what comes from now on and returns what was waiting.
func (q *appendQueue) close() []*send {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	waiting := q.sends
	q.sends, q.bytes = nil, 0
	return waiting
}

func (q *appendQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the committer has a wake-up pending already
	}
}

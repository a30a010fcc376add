// Package gateway serves long connections, whatever transport they come by. A
// transport gives it a [Conn], which carries frames; everything else is here:
// signing in, replay and live delivery, sends and their answers, heartbeats,
// and the reasons to close.
//
// # What a connection may rely on
//
// The user's log is the truth and the bus a hint. Each session holds a cursor,
// the next entry that its client is to see. An event that has that number is
// pushed as it came; anything else (a gap, a repeat, an event out of order, a
// bus that lost something, a regular look at the log's head) makes the session
// read the store from the cursor. So on one connection the entries of the log
// come without gaps, in order, and each once. The answer to a send stands in the
// place of the message that was sent.
//
// # Goroutines and locks
//
// Each connection has a goroutine that reads and handles one frame after another,
// and while there is something to write that of the session's pump, which alone
// moves the cursor and alone writes; a ping is answered by the reader in its place,
// while it rests. They and the bus meet in the session's
// mailbox, which is bounded in bytes and never blocks the bus. One more goroutine,
// the board's, looks up whose presence has changed. Locks are taken in the order
// shard.mu, life.mu, mailbox.mu, and board.mu, life.mu, mailbox.mu; board.dirtyMu
// comes after shard.mu and board.mu, alarms.mu after life.mu, and Gateway.mu is held
// alone. Nothing waits
// while it holds one.
//
// All exported methods may be called concurrently.
package gateway

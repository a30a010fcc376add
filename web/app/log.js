// The reader of a log, a user's or a large group's: whatever comes in, messages go
// out once each and in the order of their numbers.

/** How many messages are held back behind a gap. What is beyond is read again. */
const MAX_HELD = 1000;

export class Log {
  /** The number of the last message handed out; everything up to it is here. */
  cursor;
  /** The large group whose log it is, by conversation_seq; else it is the user's, by seq. */
  group;

  #highest;
  #held = new Map();
  #deliver;

  /**
   * @param {(message: object) => void} deliver  Gets each message, in order.
   * @param {object} [of]  A large group.
   * @param {string} of.group
   * @param {number} of.cursor  Where to begin.
   */
  constructor(deliver, { group, cursor = 0 } = {}) {
    this.#deliver = deliver;
    this.group = group;
    this.cursor = this.#highest = cursor;
  }

  /** Whether something is known to be missing: a sync has to fetch it. */
  get hasGap() {
    return this.#highest > this.cursor;
  }

  /**
   * Takes a message from a push, an answer or a sync page.
   * @param {boolean} [mayBeEarly]  What is before it may be on its way: that is no gap yet.
   */
  take(message, mayBeEarly = false) {
    const seq = this.group === undefined ? message.seq : message.conversation_seq;
    if (!seq) return this.#deliver(message); // not stored, so in nobody's log
    if (seq <= this.cursor) return; // a repeat
    if (!mayBeEarly) this.expect(seq);
    if (seq === this.cursor + 1 || this.#held.size < MAX_HELD) this.#held.set(seq, message);
    this.#release();
  }

  /** The log is known to go up to seq. */
  expect(seq) {
    this.#highest = Math.max(this.#highest, seq);
  }

  /** What is before an early message has had its time. */
  expectHeld() {
    for (const seq of this.#held.keys()) this.expect(seq);
  }

  /** Skips what the server no longer keeps. */
  startAt(firstSeq) {
    if (firstSeq <= this.cursor + 1) return;
    this.cursor = firstSeq - 1;
    this.expect(this.cursor);
    for (const seq of this.#held.keys()) if (seq <= this.cursor) this.#held.delete(seq);
    this.#release();
  }

  /** Forgets what is held behind a gap: a new connection replays from the cursor. */
  dropHeld() {
    this.#held.clear();
    this.#highest = this.cursor;
  }

  /** Starts again from nothing. */
  reset() {
    this.cursor = 0;
    this.dropHeld();
  }

  #release() {
    for (let next; (next = this.#held.get(this.cursor + 1)); ) {
      this.#held.delete(++this.cursor);
      this.#deliver(next);
    }
  }
}

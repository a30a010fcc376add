// The reader of a user's log: whatever comes in, messages go out once each and
// in the order of their seq.

/** How many messages are held back behind a gap. What is beyond is read again. */
const MAX_HELD = 1000;

export class Log {
  /** The seq of the last message handed out; everything up to it is here. */
  cursor = 0;

  #highest = 0;
  #held = new Map();
  #deliver;

  /** @param {(message: object) => void} deliver  Gets each message, in order. */
  constructor(deliver) {
    this.#deliver = deliver;
  }

  /** Whether something is known to be missing: a sync has to fetch it. */
  get hasGap() {
    return this.#highest > this.cursor;
  }

  /** Takes a message from a push, an answer or a sync page. */
  take(message) {
    const { seq } = message;
    if (!seq) return this.#deliver(message); // not stored, so in nobody's log
    if (seq <= this.cursor) return; // a repeat
    this.#highest = Math.max(this.#highest, seq);
    if (seq === this.cursor + 1 || this.#held.size < MAX_HELD) this.#held.set(seq, message);
    this.#release();
  }

  /** Skips what the server no longer keeps. */
  startAt(firstSeq) {
    if (firstSeq <= this.cursor + 1) return;
    this.cursor = firstSeq - 1;
    this.#highest = Math.max(this.#highest, this.cursor);
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
      this.#held.delete(next.seq);
      this.cursor = next.seq;
      this.#deliver(next);
    }
  }
}

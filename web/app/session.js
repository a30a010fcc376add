// One connection, from sign-in to its end: it feeds the log, empties the
// outbox, fills gaps and watches that the other side is alive.

import { FrameSocket, GAVE_UP, Interrupted, Refused } from './frames.js';

/** @typedef {import('./log.js').Log} Log */
/** @typedef {import('./outbox.js').Outbox} Outbox */

/** Close codes that a session gives to its own end. */
export const RESYNC_REQUIRED = 4005; // the log that the cursor belongs to is gone
export const UNAUTHENTICATED = 4501;

const ANSWER_WITHIN_MS = 10_000;
/** A doubtful connection that does not answer within this time is dropped. */
const PROBE_WITHIN_MS = 5000;
/** After refusing a sign-in the server closes; it need not be trusted to. */
const CLOSE_WITHIN_MS = 2000;
const RETRY_SEND_MS = 1000;
const SYNC_LIMIT = 200;

export class Session {
  #socket;
  #log;
  #outbox;
  #onProgress;
  /** What the server said at sign-in; undefined before. */
  #welcome;
  #isFilling = false;
  #isEmptying = false;

  /**
   * @param {WebSocket} socket  Freshly made; it belongs to the session from now on.
   * @param {object} options
   * @param {Log} options.log  It and the outbox outlive the session.
   * @param {Outbox} options.outbox
   * @param {() => void} options.onProgress  Signed in, or took messages in.
   */
  constructor(socket, { log, outbox, onProgress }) {
    this.#log = log;
    this.#outbox = outbox;
    this.#onProgress = onProgress;
    const onPush = (messages) => this.#take(messages);
    this.#socket = new FrameSocket(socket, { onPush, answerWithinMs: ANSWER_WITHIN_MS });
  }

  /** Settles when the connection is over. */
  get closed() {
    return this.#socket.closed;
  }

  /** Whether the log holds all that was there at sign-in. */
  get isCaughtUp() {
    return this.#welcome !== undefined && this.#log.cursor >= this.#welcome.head_seq;
  }

  /**
   * Signs in where the log stands; then messages flow both ways. When refused,
   * the connection ends.
   * @param {string} token
   * @param {string} epoch  Of the log; '' when it is not known yet.
   * @returns {Promise<string | undefined>} the epoch, or undefined when that failed
   */
  async signIn(token, epoch) {
    try {
      const after = this.#log.cursor;
      this.#welcome = await this.#socket.ask({
        sign_in: { token, after, client: 'gim-web', ...(epoch && { epoch }) },
      });
    } catch (error) {
      this.#signInFailed(error);
      return undefined;
    }
    this.#log.startAt(this.#welcome.first_seq);
    this.#beatHeart(this.#welcome.heartbeat_ms);
    this.#lookForGap();
    this.emptyOutbox();
    return this.#welcome.epoch;
  }

  /** Pings. With the cursor in it, the server pushes what got lost on the way. */
  async probe(withinMs = PROBE_WITHIN_MS) {
    if (!this.#welcome) return;
    await this.#need(this.#socket.ask({ ping: { seq: this.#log.cursor } }, withinMs));
  }

  /**
   * Sends what waits in the outbox, one after the other: a message that is
   * refused for the moment and tried again is not overtaken by the next.
   */
  async emptyOutbox() {
    if (!this.#welcome || this.#isEmptying) return;
    this.#isEmptying = true;
    for (let item; (item = this.#outbox.next()); ) {
      const { client_msg_id, to, type, content } = item;
      try {
        const sent = await this.#socket.ask({ send: { client_msg_id, to, type, content } });
        this.#outbox.acked(item);
        this.#take([this.#asMessage(item, sent)]);
      } catch (error) {
        if (error instanceof Interrupted) return; // the next session sends it again
        if (!(error instanceof Refused)) throw error;
        if (error.retryable) await sleep(error.retryAfterMs || RETRY_SEND_MS);
        else this.#outbox.failed(item, error.message);
      }
    }
    this.#isEmptying = false;
  }

  /** Ends the connection at once. */
  end() {
    this.#socket.giveUp();
  }

  #signInFailed(error) {
    if (error instanceof Interrupted) return;
    if (!(error instanceof Refused)) throw error;
    let code = error.retryable ? GAVE_UP : UNAUTHENTICATED;
    if (error.code === 'resync_required') code = RESYNC_REQUIRED;
    const timer = setTimeout(() => this.#socket.giveUp(code), CLOSE_WITHIN_MS);
    this.closed.then(() => clearTimeout(timer));
  }

  #beatHeart(everyMs) {
    const timer = setInterval(() => this.probe(Math.max(everyMs, PROBE_WITHIN_MS)), everyMs);
    this.closed.then(() => clearInterval(timer));
  }

  /** Takes messages in, and fetches those that are missing before them. */
  #take(messages) {
    for (const message of messages) this.#log.take(message);
    this.#lookForGap();
  }

  #lookForGap() {
    if (!this.#welcome) return;
    if (this.#log.hasGap) this.#fillGap();
    this.#onProgress();
  }

  /** The answer to a send stands in the stream where others get the push. */
  #asMessage({ client_msg_id, to, type, content }, sent) {
    const { user_id, device_id } = this.#welcome;
    return { ...sent, sender: { type: 'user', user_id, device_id }, to, type, content, client_msg_id };
  }

  async #fillGap() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#log.hasGap) {
      const after = this.#log.cursor;
      const page = await this.#need(this.#socket.ask({ sync: { after, limit: SYNC_LIMIT } }));
      if (!page) return;
      if (page.epoch !== this.#welcome.epoch) return this.#socket.giveUp(RESYNC_REQUIRED);
      this.#log.startAt(page.first_seq);
      for (const message of page.items ?? []) this.#log.take(message);
      // To ask the same again would go on for ever; a new connection starts clean.
      if (this.#log.cursor === after) return this.#socket.giveUp();
    }
    this.#isFilling = false;
    this.#onProgress();
  }

  /** Waits for an answer that the session cannot go on without. */
  async #need(answer) {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof Refused) this.#socket.giveUp(error.code === 'resync_required' ? RESYNC_REQUIRED : GAVE_UP);
      else if (!(error instanceof Interrupted)) throw error;
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

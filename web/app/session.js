// One connection, from sign-in to its end: it feeds the logs, empties the
// outbox, fills gaps and watches that the other side is alive.

import { FrameSocket, GAVE_UP, Interrupted, Refused } from './frames.js';
import { isOfGroupLog } from './groups.js';

/** @typedef {import('./groups.js').Groups} Groups */
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
/** A busy log is not acked message by message. */
const ACK_EVERY_MS = 1000;
const SYNC_LIMIT = 200;
/** What a group that the user is no member of any more answers. */
const LEAVES = ['not_in_group', 'group_not_found'];
const LEFT = {};

export class Session {
  #socket;
  #log;
  #groups;
  #outbox;
  #onProgress;
  /** What the server said at sign-in; undefined before. */
  #welcome;
  #isFilling = false;
  #isEmptying = false;
  #isAcking = false;
  /** Up to where this connection has acked the log. */
  #acked = 0;

  /**
   * @param {WebSocket} socket  Freshly made; it belongs to the session from now on.
   * @param {object} options
   * @param {Log} options.log  It, the groups and the outbox outlive the session.
   * @param {Groups} options.groups
   * @param {Outbox} options.outbox
   * @param {() => void} options.onProgress  Signed in, or took messages in.
   * @param {(signal: object) => void} [options.onSignal]
   */
  constructor(socket, { log, groups, outbox, onProgress, onSignal }) {
    this.#log = log;
    this.#groups = groups;
    this.#outbox = outbox;
    this.#onProgress = onProgress;
    const onPush = (messages) => this.#take(messages);
    this.#socket = new FrameSocket(socket, { onPush, onSignal, answerWithinMs: ANSWER_WITHIN_MS });
  }

  /** Settles when the connection is over. */
  get closed() {
    return this.#socket.closed;
  }

  /** Whether the log holds all that was there at sign-in, and no group has to be asked for more. */
  get isCaughtUp() {
    return this.#welcome !== undefined && this.#log.cursor >= this.#welcome.head_seq && !this.#groups.withGap();
  }

  /**
   * Signs in where the logs stand; then messages flow both ways. When refused,
   * the connection ends.
   * @param {string} token
   * @param {string} epoch  Of the log; '' when it is not known yet.
   * @returns {Promise<string | undefined>} the epoch, or undefined when that failed
   */
  async signIn(token, epoch) {
    try {
      const after = this.#log.cursor;
      this.#welcome = await this.#socket.ask({
        sign_in: { token, after, groups: this.#groups.positions, client: 'gim-web', ...(epoch && { epoch }) },
      });
    } catch (error) {
      this.#signInFailed(error);
      return undefined;
    }
    this.#groups.signedIn(this.#welcome);
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
    this.#groups.expectHeld();
    this.#lookForGap();
  }

  /**
   * Sends what waits in the outbox, one after the other: a message that is
   * refused for the moment and tried again is not overtaken by the next.
   */
  async emptyOutbox() {
    if (!this.#welcome || this.#isEmptying) return;
    this.#isEmptying = true;
    for (let item; (item = this.#outbox.next()); ) {
      const { client_msg_id, to, type, content, reply_to } = item;
      try {
        const sent = await this.#socket.ask({ send: { client_msg_id, to, type, content, reply_to: reply_to?.message_id } });
        this.#outbox.acked(item);
        this.#takeSent(this.#asMessage(item, sent));
      } catch (error) {
        if (error instanceof Interrupted) return; // the next session sends it again
        if (!(error instanceof Refused)) throw error;
        if (error.retryable) await sleep(error.retryAfterMs || RETRY_SEND_MS);
        else this.#outbox.failed(item, error.message);
      }
    }
    this.#isEmptying = false;
  }

  /** Tells the others of a conversation something that may be lost. */
  async signal(to, kind) {
    if (!this.#welcome) return;
    try {
      await this.#socket.ask({ signal: { to, kind } });
    } catch (error) {
      if (!(error instanceof Interrupted || error instanceof Refused)) throw error;
    }
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
    for (const message of messages) {
      if (isOfGroupLog(message)) this.#groups.take(message);
      else this.#log.take(message);
    }
    this.#lookForGap();
  }

  /** In a large group, the answer to a send may overtake what was sent before. */
  #takeSent(message) {
    if (!isOfGroupLog(message)) return this.#take([message]);
    this.#groups.take(message, true);
    this.#lookForGap();
  }

  #lookForGap() {
    if (!this.#welcome) return;
    this.#fillGaps();
    this.#ack();
    this.#onProgress();
  }

  /** The answer to a send stands in the stream where others get the push. */
  #asMessage({ client_msg_id, to, type, content, reply_to }, sent) {
    const { user_id, device_id } = this.#welcome;
    return { ...sent, sender: { type: 'user', user_id, device_id }, to, type, content, client_msg_id, ...(reply_to && { reply_to }) };
  }

  async #fillGaps() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (let log; (log = this.#log.hasGap ? this.#log : this.#groups.withGap()); ) {
      const { cursor: after, group } = log;
      const page = await this.#need(this.#readPage(after, group));
      if (!page) return;
      if (page === LEFT) {
        this.#groups.drop(group);
        continue;
      }
      if (!group && page.epoch !== this.#welcome.epoch) return this.#socket.giveUp(RESYNC_REQUIRED);
      log.startAt(page.first_seq);
      for (const message of page.items ?? []) log.take(message);
      // To ask the same again would go on for ever; a new connection starts clean.
      if (log.cursor === after) return this.#socket.giveUp();
    }
    this.#isFilling = false;
    this.#ack();
    this.#onProgress();
  }

  /** @returns {Promise<object>} a page of the user's log or of a group's, or LEFT */
  async #readPage(after, group) {
    try {
      return await this.#socket.ask({ sync: { after, limit: SYNC_LIMIT, ...(group && { group_id: group }) } });
    } catch (error) {
      if (group && LEAVES.includes(error.code)) return LEFT;
      throw error;
    }
  }

  /** Tells the server what this device holds; what it does not take is told with the next message. */
  async #ack() {
    if (this.#isAcking) return;
    this.#isAcking = true;
    for (let behind; (behind = [this.#log.cursor > this.#acked && this.#log, this.#groups.toAck()].filter(Boolean)).length > 0; ) {
      for (const log of behind) if (!(await this.#ackOne(log))) return;
      await sleep(ACK_EVERY_MS);
    }
    this.#isAcking = false;
  }

  /** @returns {Promise<boolean>} whether the connection is there still */
  async #ackOne({ cursor, group }) {
    try {
      await this.#socket.ask({ ack: group ? { group_id: group, conversation_seq: cursor } : { seq: cursor } });
    } catch (error) {
      if (error instanceof Interrupted) return false;
      if (!(error instanceof Refused)) throw error;
    }
    if (group) this.#groups.acked(group, cursor);
    else this.#acked = cursor;
    return true;
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

// The stream that stays: one session after another on the same logs and outbox,
// so that what a lost connection swallowed is neither missing nor doubled.

import { GAVE_UP } from './frames.js';
import { afterClose, backOff } from './retry.js';
import { RESYNC_REQUIRED, Session } from './session.js';

/** A connection that lasted this long is no sign of a server in trouble. */
const STEADY_MS = 10_000;

/** Thrown by a signIn function when trying again cannot help. */
export class SignInImpossible extends Error {}

/**
 * @typedef {object} State
 * @property {'connecting' | 'catching_up' | 'online' | 'reconnecting' | 'stopped'} status
 *   catching_up: connected, and reading what was missed.
 * @property {number} [code]  Of 'stopped': the close code.
 * @property {string} [problem]  Of 'stopped': a sentence, where there is no code.
 */

export class Connection {
  /** @type {State} */
  state = { status: 'stopped' };

  #options;
  #isRunning = false;
  /** @type {Session | undefined} */
  #session;
  #token;
  #epoch = '';
  #attempt = 0;
  #signInRefusals = 0;
  #wake = () => {};

  /**
   * @param {object} options
   * @param {() => WebSocket} options.open  Makes a socket to /v1/ws.
   * @param {() => Promise<string>} options.signIn  Gets a user token.
   * @param {import('./log.js').Log} options.log
   * @param {import('./groups.js').Groups} options.groups
   * @param {import('./outbox.js').Outbox} options.outbox
   * @param {(state: State) => void} options.onState
   * @param {() => void} options.onReset  The log starts again from 0.
   * @param {(signal: object) => void} [options.onSignal]
   * @param {() => number} [options.random]
   */
  constructor(options) {
    this.#options = { random: Math.random, ...options };
  }

  /** The user token of the connection. @returns {string | undefined} */
  get token() {
    return this.#token;
  }

  /** Connects and stays connected. Returns when the state is 'stopped'; may be called again then. */
  async run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#attempt = this.#signInRefusals = 0;
    this.#setState({ status: 'connecting' });
    while (this.#isRunning) {
      try {
        const end = await this.#oneSession();
        if (this.#isRunning) await this.#afterEnd(end);
      } catch (error) {
        if (!(error instanceof SignInImpossible)) throw error;
        this.#stopWith({ problem: error.message });
      }
    }
  }

  /** Ends it for good. */
  stop() {
    this.#isRunning = false;
    this.#session?.end();
    this.#wake();
  }

  /** Sends what is new in the outbox, now or as soon as there is a connection. */
  flush() {
    this.#session?.emptyOutbox();
  }

  /** Tells the others of a conversation something, if there is a connection. */
  signal(to, kind) {
    this.#session?.signal(to, kind);
  }

  /** The network may have changed: try at once, or see whether the connection still lives. */
  nudge() {
    this.#wake();
    this.#session?.probe();
  }

  /** @returns {Promise<import('./frames.js').End>} how it ended */
  async #oneSession() {
    const { open, log, groups, outbox, onSignal } = this.#options;
    if (!(await this.#haveToken()) || !this.#isRunning) return { code: GAVE_UP, reconnectAfterMs: 0 };

    const startedAt = Date.now();
    const session = new Session(open(), { log, groups, outbox, onSignal, onProgress: () => this.#showProgress(session) });
    this.#session = session;
    const epoch = await session.signIn(this.#token, this.#epoch);
    if (epoch !== undefined) {
      this.#epoch = epoch;
      this.#signInRefusals = 0;
    }
    const end = await session.closed;
    this.#session = undefined;
    log.dropHeld();
    groups.dropHeld();
    if (Date.now() - startedAt >= STEADY_MS && epoch !== undefined) this.#attempt = 0;
    return end;
  }

  async #haveToken() {
    try {
      this.#token ??= await this.#options.signIn();
      return true;
    } catch (error) {
      if (error instanceof SignInImpossible) throw error;
      return false; // the network: try again later
    }
  }

  #showProgress(session) {
    this.#setState({ status: session.isCaughtUp ? 'online' : 'catching_up' });
  }

  async #afterEnd({ code, reconnectAfterMs }) {
    const step = afterClose(code);
    if (step === 'stop') return this.#stopWith({ code });
    if (step === 'sign_in') {
      this.#token = undefined;
      if (++this.#signInRefusals > 1) return this.#stopWith({ code });
    }
    if (code === RESYNC_REQUIRED) this.#startAgain();
    this.#setState({ status: 'reconnecting' });
    const wait = backOff(this.#attempt++, this.#options.random);
    await this.#sleep(Math.max(reconnectAfterMs, wait));
  }

  #startAgain() {
    const { log, groups, outbox, onReset } = this.#options;
    this.#epoch = '';
    log.reset();
    groups.reset();
    outbox.sendAgain();
    onReset();
  }

  /** Sleeps until the time is over or somebody calls #wake. */
  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #stopWith(reason) {
    this.#isRunning = false;
    this.#setState({ status: 'stopped', ...reason });
  }

  #setState(state) {
    if (state.status === this.state.status) return;
    this.state = state;
    this.#options.onState(state);
  }
}

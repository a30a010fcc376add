// One WebSocket of the protocol gim.v1.json: what asks gets its answer, what
// the server sends unasked is handed on, and the end is a value.

/** How a socket ended that this page gave up itself. Never on the wire. */
export const GAVE_UP = 0;

/** The server's answer to a request it did not carry out. */
export class Refused extends Error {
  /** @param {{code: string, message: string, retryable?: boolean, retry_after_ms?: number}} error */
  constructor({ code, message, retryable = false, retry_after_ms = 0 }) {
    super(message);
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retry_after_ms;
  }
}

/** The connection ended before the answer came; it may or may not have been carried out. */
export class Interrupted extends Error {}

/**
 * @typedef {object} End
 * @property {number} code  A close code of the protocol or of RFC 6455, or GAVE_UP.
 * @property {number} reconnectAfterMs  How long the server asks to stay away; 0 says nothing.
 */

export class FrameSocket {
  /** Settles once, when the connection is over. @type {Promise<End>} */
  closed;

  #socket;
  #onPush;
  #onSignal;
  #answerWithinMs;
  #resolveClosed;
  #ended = false;
  #reconnectAfterMs = 0;
  #lastID = 0;
  /** @type {Map<number, {body: object, resolve: Function, reject: Function, timer: any}>} */
  #asked = new Map();
  #isOpen = false;

  /**
   * @param {WebSocket} socket  Freshly made; it belongs to this object from now on.
   * @param {object} options
   * @param {(messages: object[]) => void} options.onPush
   * @param {(signal: object) => void} [options.onSignal]
   * @param {number} options.answerWithinMs  A request that waits longer ends the connection.
   */
  constructor(socket, { onPush, onSignal = () => {}, answerWithinMs }) {
    this.#socket = socket;
    this.#onPush = onPush;
    this.#onSignal = onSignal;
    this.#answerWithinMs = answerWithinMs;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    socket.onopen = () => this.#flush();
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#end(event.code);
  }

  /**
   * Sends a request, as soon as the socket is open, and returns the answer.
   * Throws Refused or Interrupted.
   * @param {object} body  One member: {ping: {…}}.
   * @returns {Promise<any>} What the one member of the answer holds.
   */
  ask(body, withinMs = this.#answerWithinMs) {
    if (this.#ended) return Promise.reject(new Interrupted());
    const id = ++this.#lastID;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.giveUp(), withinMs);
      this.#asked.set(id, { body, resolve, reject, timer });
      if (this.#isOpen) this.#write(id, body);
    });
  }

  /**
   * Ends the connection at once. A dead network would keep the closing
   * handshake waiting for minutes, so nothing here waits for it.
   */
  giveUp(code = GAVE_UP) {
    this.#end(code);
    this.#socket.close();
  }

  #flush() {
    this.#isOpen = true;
    for (const [id, { body }] of this.#asked) this.#write(id, body);
  }

  #write(id, body) {
    this.#socket.send(JSON.stringify({ id, ...body }));
  }

  #receive(data) {
    if (this.#ended) return;
    const { id, error, push, signal, closing, ...answer } = JSON.parse(data);
    if (push) this.#onPush(push.messages);
    else if (signal) this.#onSignal(signal);
    else if (closing) this.#announce(closing);
    else this.#settle(id, error, Object.values(answer)[0]);
  }

  #settle(id, error, answer) {
    const request = this.#asked.get(id);
    if (!request) return;
    this.#asked.delete(id);
    clearTimeout(request.timer);
    if (error) request.reject(new Refused(error));
    else request.resolve(answer);
  }

  /** The server says that it will close, and why. */
  #announce({ code, reconnect_after_ms = 0 }) {
    this.#reconnectAfterMs = reconnect_after_ms;
    // Told a minute ahead: better to change over now than to be cut off then.
    if (code === 4502) this.giveUp(code);
  }

  #end(code) {
    if (this.#ended) return;
    this.#ended = true;
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Interrupted());
    }
    this.#asked.clear();
    this.#resolveClosed({ code, reconnectAfterMs: this.#reconnectAfterMs });
  }
}

// The REST API, as the user of this page.

import { Interrupted, Refused } from './frames.js';

export class Api {
  #token;

  /** @param {() => string | undefined} token  The one that the connection stands on. */
  constructor(token) {
    this.#token = token;
  }

  /**
   * Calls an operation. Throws Refused or Interrupted.
   * @param {string} method
   * @param {string} path  Below /v1/.
   * @param {object} [body]
   * @returns {Promise<any>} the answer
   */
  async call(method, path, body) {
    const headers = { Authorization: `Bearer ${this.#token()}`, ...(body && { 'Content-Type': 'application/json' }) };
    const response = await fetch(`/v1/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) }).catch(() => {
      throw new Interrupted();
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code = 'unknown', detail = `The server answered with ${response.status}.`, retryable } = answer;
    throw new Refused({ code, message: detail, retryable });
  }
}

/** A query string of those values that are given. */
export function query(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** What to tell a person of a call that failed. */
export function problemOf(error) {
  if (!(error instanceof Refused)) return 'The server cannot be reached. Try again.';
  return error.code === 'too_late' ? `It is too late for that: ${error.message}` : error.message;
}

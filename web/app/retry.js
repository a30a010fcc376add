// Whether and when to connect again.

const BASE_MS = 250;
const CAP_MS = 20_000;

/**
 * What to do when a connection ended with a close code: 'reconnect',
 * 'sign_in' (with new credentials) or 'stop' (until the user does something).
 */
export function afterClose(code) {
  if (code === 4501 || code === 4502) return 'sign_in';
  return code >= 4500 && code <= 4999 ? 'stop' : 'reconnect';
}

/**
 * Milliseconds to wait before attempt number 0, 1, 2…: any time up to a limit
 * that doubles, so that a thousand clients do not come back as one.
 */
export function backOff(attempt, random = Math.random) {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}

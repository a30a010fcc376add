// Sign-in as a demo user. A real app gets its user's token from its own back end.

import { SignInImpossible } from './connection.js';
import { recall, remember } from './tabmemory.js';

/** The users that `gim serve --demo` makes. */
export const DEMO_USERS = { alice: 'Alice', bob: 'Bob' };

/** Gets a token. A reloaded tab is the same device again, another tab is another. */
export async function signInAs(user) {
  const key = `gim.device.${user}`;
  const device_id = recall(key);
  let answer = await post({ user, device_id });
  if (device_id && isRefused(answer)) {
    remember(key, undefined); // the server has lost or removed it
    answer = await post({ user });
  }
  if (answer.status === 404) throw new SignInImpossible('There are no demo users here: start gim with --demo.');
  if (isRefused(answer)) {
    throw new SignInImpossible(`The server refused the sign-in: ${await problemOf(answer)}`);
  }
  if (!answer.ok) throw new Error(`sign-in answered ${answer.status}`);
  const { token, device_id: device } = await answer.json();
  remember(key, device);
  return token;
}

/** Whether asking the same again cannot help. */
function isRefused({ status }) {
  return status >= 400 && status < 500 && status !== 429;
}

async function problemOf(answer) {
  const { detail, code } = await answer.json().catch(() => ({}));
  return detail ?? code ?? answer.status;
}

function post(body) {
  return fetch('/demo/sign-in', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

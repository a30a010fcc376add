import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterClose, backOff } from '../app/retry.js';

test('a close code says whether to come back', () => {
  for (const code of [0, 1000, 1001, 1006, 1011, 4000, 4001, 4002, 4003, 4004, 4005, 4499]) {
    assert.equal(afterClose(code), 'reconnect', `code ${code}`);
  }
  for (const code of [4500, 4503, 4504, 4505, 4506, 4507, 4999]) assert.equal(afterClose(code), 'stop', `code ${code}`);
  for (const code of [4501, 4502]) assert.equal(afterClose(code), 'sign_in', `code ${code}`);
});

test('the wait is anything from nothing to a limit that doubles up to a cap', () => {
  const longest = [0, 1, 2, 3, 10, 60].map((attempt) => backOff(attempt, () => 1));
  assert.deepEqual(longest, [250, 500, 1000, 2000, 20_000, 20_000]);
  assert.equal(backOff(5, () => 0), 0);
  assert.equal(backOff(2, () => 0.25), 250);
});

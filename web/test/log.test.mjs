import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Log } from '../app/log.js';
import { upTo } from './client.mjs';

function reader() {
  const seqs = [];
  const log = new Log(({ seq }) => seqs.push(seq));
  return { log, seqs, take: (...all) => all.forEach((seq) => log.take({ seq })) };
}

test('messages that come in order go out at once', () => {
  const { log, seqs, take } = reader();
  take(1, 2, 3);
  assert.deepEqual(seqs, [1, 2, 3]);
  assert.equal(log.cursor, 3);
  assert.equal(log.hasGap, false);
});

test('a repeat is dropped, behind the cursor and while held', () => {
  const { seqs, take } = reader();
  take(1, 1, 2, 1, 4, 4, 3, 4, 3);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
});

test('repeats take no room from what waits behind a gap', () => {
  const { seqs, take } = reader();
  take(...upTo(2000), ...upTo(2000), 2002, 2003, 2001);
  assert.deepEqual(seqs, upTo(2003));
});

test('what comes after a gap waits until the gap is filled', () => {
  const { log, seqs, take } = reader();
  take(1, 4, 3);
  assert.deepEqual(seqs, [1]);
  assert.equal(log.hasGap, true);
  take(2);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
  assert.equal(log.hasGap, false);
});

test('a message that is not stored goes out and moves no cursor', () => {
  const { log, seqs, take } = reader();
  take(1, 0, 2);
  assert.deepEqual(seqs, [1, 0, 2]);
  assert.equal(log.cursor, 2);
});

test('what the server no longer keeps is skipped, and nothing else', () => {
  const { log, seqs, take } = reader();
  take(1, 6, 4);
  log.startAt(5);
  take(5);
  log.startAt(2);
  assert.deepEqual(seqs, [1, 5, 6]);
  assert.equal(log.hasGap, false);
});

test('behind a gap only so much is held, and the rest is still known to be missing', () => {
  const { log, seqs, take } = reader();
  take(...upTo(5000, 2));
  take(1);
  assert.deepEqual(seqs, upTo(1001));
  assert.equal(log.hasGap, true);
  take(...upTo(5000));
  assert.deepEqual(seqs, upTo(5000));
});

test('after a reset the log is read from its first entry', () => {
  const { log, seqs, take } = reader();
  take(1, 2, 5);
  log.reset();
  assert.equal(log.hasGap, false);
  take(1, 2);
  assert.deepEqual(seqs, [1, 2, 1, 2]);
});

// Two clients under faults drawn from a seed: lost and doubled frames, cuts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pass, restartTheClock, settle, startClient, stopTheClock, upTo } from './client.mjs';
import { FakeServer } from './fake-server.mjs';

/** A small generator of numbers in [0, 1), the same for the same seed. */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function chatUnderFaults(seed) {
  const random = randomFrom(seed);
  const server = new FakeServer();
  server.pageSize = 7;
  const clients = ['alice', 'bob'].map((user) => startClient(server, user, { random }));
  await settle();
  server.deliverFrame = (frame, socket) => {
    if (frame.push && random() < 0.1) setImmediate(() => socket.deliver(frame));
    return random() > 0.15;
  };
  const written = { alice: [], bob: [] };
  for (let step = 0; step < 40; step++) {
    const [from, to] = random() < 0.5 ? ['alice', 'bob'] : ['bob', 'alice'];
    const text = `${from} ${written[from].length}`;
    written[from].push(text);
    clients[from === 'alice' ? 0 : 1].send(to, text);
    if (random() < 0.15) server.closeAll(random() < 0.5 ? 1006 : 4000);
    if (random() < 0.1) server.isUp = !server.isUp;
    await pass(random() * 2000);
  }
  server.isUp = true;
  server.deliverFrame = () => true;
  for (let i = 0; i < 10; i++) await pass(20_000);
  for (const { connection } of clients) connection.stop();
  await settle();
  return { clients, written, server };
}

for (const seed of upTo(20)) {
  test(`under faults (seed ${seed}) both read the same log, each message once and in order`, async () => {
    stopTheClock();
    try {
      const { clients, written, server } = await chatUnderFaults(seed);
      const [alice, bob] = clients;
      assert.equal(alice.texts.length, 40);
      assert.deepEqual(alice.seqs, upTo(40));
      assert.deepEqual(alice.texts, bob.texts);
      assert.deepEqual(alice.texts, server.log('alice').map((message) => message.content.text));
      for (const user of ['alice', 'bob']) {
        assert.deepEqual(alice.texts.filter((text) => text.startsWith(user)), written[user]);
        assert.deepEqual([alice.outbox.items, bob.outbox.items], [[], []]);
      }
    } finally {
      restartTheClock();
    }
  });
}

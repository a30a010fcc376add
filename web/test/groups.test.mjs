// Large groups, whose messages are in logs of their own.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Store } from '../app/store.js';
import { pass, restartTheClock, settle, startClient, stopTheClock, upTo } from './client.mjs';
import { FakeServer } from './fake-server.mjs';

let server;
let clients;

beforeEach(() => {
  stopTheClock();
  server = new FakeServer();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.connection.stop();
  await settle();
  restartTheClock();
});

async function connect(user = 'alice', options) {
  const client = startClient(server, user, options);
  clients.push(client);
  await settle();
  return client;
}

/** A tab's memory, for one page after another. */
function memory() {
  let saved;
  return { load: () => saved && JSON.parse(saved), save: (value) => (saved = JSON.stringify(value)) };
}

const say = (text, from = 'bob') => server.storeInGroup('team', { from, text });
const received = (kind) => server.received.filter((request) => request.kind === kind);
const shownOf = ({ store }) => store.messagesOf('group:team');
const numbersOf = (client) => shownOf(client).map(({ conversation_seq }) => conversation_seq);
const textsOf = (client) => shownOf(client).map(({ content }) => content.text);

async function reconnect() {
  server.closeAll();
  await settle();
  await pass(250);
}

test('what was not acked is read at sign-in, then messages come live', async () => {
  server.pageSize = 2;
  server.openGroup('team', 'alice', 'bob');
  for (const text of ['a', 'b', 'c']) say(text);
  const alice = await connect();
  say('d');
  await settle();
  assert.deepEqual(textsOf(alice), ['a', 'b', 'c', 'd']);
  assert.deepEqual(alice.states, ['connecting', 'catching_up', 'online']);
  assert.deepEqual(received('sync').map(({ group_id, after }) => [group_id, after]), [['team', 0], ['team', 2]]);
});

test('a device that comes back without a position begins behind what it has acked', async () => {
  server.openGroup('team', 'alice', 'bob');
  say('a');
  const before = await connect();
  before.connection.stop();
  say('missed');
  assert.deepEqual(textsOf(await connect()), ['missed']);
});

test('a reloaded page shows what it showed before, and what was missed', async () => {
  const groupsMemory = memory();
  server.openGroup('team', 'alice', 'bob');
  const before = await connect('alice', { groupsMemory });
  say('a');
  await settle();
  await pass(1000);
  before.connection.stop();
  say('missed');
  const after = await connect('alice', { groupsMemory });
  assert.deepEqual(received('ack').map(({ conversation_seq }) => conversation_seq), [1, 2]);
  assert.deepEqual(textsOf(after), ['a', 'missed']);
});

test('a sign-in after a loss of the connection gives the position back, and nothing is doubled', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  for (const text of ['a', 'b']) say(text);
  await settle();
  server.isUp = false;
  server.closeAll();
  for (const text of ['c', 'd']) say(text);
  await settle();
  server.isUp = true;
  await pass(250);
  say('e');
  await settle();
  assert.deepEqual(received('sign_in').map(({ groups }) => groups), [{}, { team: 2 }]);
  assert.deepEqual(alice.texts, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(received('sync').length, 0);
});

test('a push that was lost is fetched from the group when the next one shows the gap', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  say('a');
  await settle();
  server.pageSize = 2;
  server.deliverFrame = (frame) => !frame.push;
  for (const text of ['b', 'c', 'd', 'e']) say(text);
  server.deliverFrame = () => true;
  say('f');
  await settle();
  assert.deepEqual(alice.texts, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(received('sync').map(({ group_id, after }) => [group_id, after]), [['team', 1], ['team', 3]]);
});

test('a doubled push shows once', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  server.deliverFrame = (frame, socket) => {
    if (!frame.push) return true;
    server.deliverFrame = () => true;
    for (let i = 0; i < 2; i++) socket.deliver(frame);
    return false;
  };
  say('a');
  await settle();
  assert.deepEqual(alice.texts, ['a']);
});

test('an own message whose answer comes early waits for those before it, and asks for nothing', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  const late = [];
  server.deliverFrame = (frame, socket) => !frame.push || !late.push(() => socket.deliver(frame));
  say('a');
  alice.sendToGroup('team', 'mine');
  await settle();
  assert.deepEqual(alice.texts, []);
  assert.deepEqual(alice.outbox.items.map(({ state }) => state), ['acked']);
  server.deliverFrame = () => true;
  for (const deliver of late) deliver();
  say('b');
  await settle();
  assert.deepEqual(alice.texts, ['a', 'mine', 'b']);
  assert.deepEqual(alice.outbox.items, []);
  assert.equal(received('sync').length, 0);
});

test('what does not come before an own message is asked for after a heartbeat', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.push;
  say('lost');
  alice.sendToGroup('team', 'mine');
  await settle();
  await pass(30_000);
  assert.deepEqual(alice.texts, ['lost', 'mine']);
});

test('a message sent twice because its answer was lost shows once', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.sent;
  alice.sendToGroup('team', 'mine');
  await settle();
  server.deliverFrame = () => true;
  await reconnect();
  assert.deepEqual(textsOf(alice), ['mine']);
  assert.deepEqual(alice.outbox.items, []);
});

test('two tabs of a user show the same, whichever sent it', async () => {
  server.openGroup('team', 'alice', 'bob');
  const [first, second] = [await connect(), await connect()];
  first.sendToGroup('team', 'from the first');
  await settle();
  second.sendToGroup('team', 'from the second');
  await settle();
  for (const tab of [first, second]) assert.deepEqual(textsOf(tab), ['from the first', 'from the second']);
});

test('a member that joins reads what follows, and shows the event once', async () => {
  const groupsMemory = memory();
  server.openGroup('team', 'bob');
  say('before');
  const alice = await connect('alice', { groupsMemory });
  server.join('team', 'alice');
  say('a');
  await settle();
  await reconnect();
  say('b');
  await settle();
  assert.deepEqual(numbersOf(alice), [2, 3, 4]);
  assert.deepEqual(received('sign_in').map(({ groups }) => groups), [{}, { team: 3 }]);
  assert.equal(received('sync').length, 0);
  alice.connection.stop();
  assert.deepEqual(numbersOf(await connect('alice', { groupsMemory })), [2, 3, 4]);
});

test('a message of a group that comes before the news of joining it waits for that', async () => {
  server.openGroup('team', 'bob');
  const alice = await connect();
  const late = [];
  server.deliverFrame = (frame, socket) => !frame.push || !late.push(() => socket.deliver(frame));
  server.join('team', 'alice');
  alice.sendToGroup('team', 'mine');
  await settle();
  server.deliverFrame = () => true;
  for (const deliver of late) deliver();
  await settle();
  assert.deepEqual(numbersOf(alice), [1, 2]);
});

test('a group that the user was removed from keeps nobody waiting, and may be joined again', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.push;
  say('lost');
  server.deliverFrame = () => true;
  say('a'); // shows the gap, which nobody fills any more
  server.remove('team', 'alice');
  say('not hers');
  await settle();
  assert.equal(alice.connection.state.status, 'online');
  assert.deepEqual(numbersOf(alice), [3]);
  server.join('team', 'alice');
  say('b');
  await settle();
  await reconnect();
  say('c');
  await settle();
  assert.deepEqual(numbersOf(alice), [3, 5, 6, 7]);
  assert.deepEqual(received('sync').map(({ after }) => after), [0]);
  assert.equal(alice.connection.state.status, 'online');
});

test('a group that the user was removed from while away is forgotten', async () => {
  const groupsMemory = memory();
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect('alice', { groupsMemory });
  say('a');
  await settle();
  server.isUp = false;
  server.closeAll();
  server.remove('team', 'alice');
  await settle();
  server.isUp = true;
  await pass(250);
  server.closeAll();
  await settle();
  await pass(500);
  assert.deepEqual(received('sign_in').map(({ groups }) => groups), [{}, { team: 1 }, {}]);
  assert.deepEqual(groupsMemory.load(), []);
  assert.deepEqual(numbersOf(alice), [1, 2]);
});

test('news of a membership that the sign-in told already do not begin it again', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  const late = [];
  server.deliverFrame = (frame, socket) => !frame.push?.messages[0].seq || !late.push(() => socket.deliver(frame));
  server.join('team', 'alice');
  say('a');
  await settle();
  server.deliverFrame = () => true;
  for (const deliver of late) deliver();
  say('b');
  await settle();
  assert.deepEqual(numbersOf(alice), [1, 2, 3]);
  assert.deepEqual(alice.texts.filter(Boolean), ['a', 'b']);
  assert.equal(received('sync').length, 0);
});

test('what waits behind a hole when the connection ends is replayed, and not asked for', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.push && !frame.sync_page;
  say('lost');
  server.deliverFrame = (frame) => !frame.sync_page;
  say('b');
  await settle();
  await reconnect();
  assert.deepEqual(alice.texts, ['lost', 'b']);
  assert.equal(received('sync').length, 1);
});

test('entries of old memberships begin nothing', async () => {
  server.openGroup('team', 'bob');
  server.join('team', 'alice');
  server.remove('team', 'alice');
  await connect();
  await reconnect();
  assert.deepEqual(received('sign_in').map(({ groups }) => groups), [{}, {}]);
});

test('a busy group is acked once a second, in the end all of it', async () => {
  server.openGroup('team', 'alice', 'bob');
  await connect();
  for (let i = 0; i < 20; i++) {
    say(`${i}`);
    await settle();
    await pass(100);
  }
  await pass(1000);
  const acks = received('ack').map(({ group_id, conversation_seq }) => [group_id, conversation_seq]);
  assert.deepEqual(acks, [['team', 1], ['team', 10], ['team', 20]]);
});

test('an ack that is refused is not repeated until there is more to ack', async () => {
  server.openGroup('team', 'alice', 'bob');
  server.refuse = (kind) => (kind === 'ack' ? { code: 'device_not_found', message: 'No device.' } : undefined);
  const alice = await connect();
  say('a');
  await settle();
  await pass(10_000);
  assert.equal(received('ack').length, 1);
  assert.equal(alice.connection.state.status, 'online');
  server.refuse = () => undefined;
  await reconnect();
  assert.deepEqual(received('ack').map(({ conversation_seq }) => conversation_seq), [1, 1]);
});

test('after the loss of the store groups are read from where they now begin', async () => {
  const groupsMemory = memory();
  server.openGroup('team', 'alice', 'bob');
  for (let i = 0; i < 5; i++) say(`${i}`);
  const alice = await connect('alice', { groupsMemory });
  server.startAnew();
  server.openGroup('team', 'alice', 'bob');
  say('new');
  await settle();
  await pass(250); // refused with resync_required
  await pass(500);
  assert.equal(alice.resets, 1);
  assert.deepEqual(textsOf(alice), ['new']);
});

test('a page that has to start again shows its groups from where it began', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  say('a');
  await settle();
  server.epoch = 'e2';
  await reconnect(); // refused with resync_required
  await pass(500);
  assert.equal(alice.resets, 1);
  assert.deepEqual(textsOf(alice), ['a']);
});

test('a message that is not stored is shown and moves no cursor', async () => {
  server.openGroup('team', 'alice', 'bob');
  const alice = await connect();
  say('a');
  const passing = { seq: 0, conversation_seq: 0, conversation_id: 'group:team', to: { group_id: 'team' }, sender: {}, content: { text: 'passing' } };
  server.broadcast({ push: { messages: [passing] } });
  say('b');
  await settle();
  assert.deepEqual(alice.texts, ['a', 'passing', 'b']);
  assert.equal(received('sync').length, 0);
});

test('a group that became a large one shows the messages of both logs in its order', () => {
  const store = new Store();
  const add = (conversation_seq, second, seq = 0) =>
    store.addMessage({
      message_id: `${conversation_seq}`, conversation_id: 'group:team', conversation_seq, seq, sender: { type: 'user' },
      type: 'text', content: { text: `${conversation_seq || 'passing'}` }, sent_at: new Date(1_700_000_000_000 + second * 1000).toISOString(),
    });
  add(2, 20);
  add(3, 15); // of a clock that is slow
  add(1, 12, 2); // of the time when the group was a normal one
  add(4, 40);
  add(5, 45);
  add(5, 45, 5); // an event of both logs
  add(0, 50); // stored nowhere
  add(6, 55);
  assert.deepEqual(textsOf({ store }), ['1', '2', '3', '4', '5', 'passing', '6']);
});

for (const seed of upTo(10)) {
  test(`under faults (seed ${seed}) two members read the same, each message once and in order`, async () => {
    let state = seed;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    server.pageSize = 3;
    server.openGroup('team', 'alice', 'bob');
    const both = [await connect('alice', { random }), await connect('bob', { random })];
    server.deliverFrame = (frame, socket) => {
      if (frame.push && random() < 0.1) setImmediate(() => socket.deliver(frame));
      return random() > 0.15;
    };
    for (let step = 0; step < 40; step++) {
      const who = both[random() < 0.5 ? 0 : 1];
      if (random() < 0.3) who.send(who === both[0] ? 'bob' : 'alice', `direct ${step}`);
      who.sendToGroup('team', `${step}`);
      if (random() < 0.15) server.closeAll(random() < 0.5 ? 1006 : 4000);
      if (random() < 0.1) server.isUp = !server.isUp;
      await pass(random() * 2000);
    }
    server.isUp = true;
    server.deliverFrame = () => true;
    server.closeAll();
    for (let i = 0; i < 10; i++) await pass(20_000);
    for (const client of both) {
      assert.deepEqual(numbersOf(client), upTo(40));
      assert.deepEqual(client.outbox.items, []);
      const { store } = client;
      const shown = store.conversations.flatMap((id) => store.messagesOf(id)).map(({ content }) => content.text);
      assert.deepEqual(client.texts.toSorted(), shown.toSorted());
    }
  });
}

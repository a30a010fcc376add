import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { SignInImpossible } from '../app/connection.js';
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

const say = (text, from = 'bob', to = 'alice') => server.store({ from, to, text });

test('history is replayed, then messages come live', async () => {
  server.pageSize = 2;
  for (const text of ['a', 'b', 'c']) say(text);
  const alice = await connect();
  say('d');
  await settle();
  assert.deepEqual(alice.texts, ['a', 'b', 'c', 'd']);
  assert.deepEqual(alice.states, ['connecting', 'catching_up', 'online']);
});

test('events of groups, known or not, move the cursor like messages', async () => {
  server.storeEvent('alice', 100, { by: 'bob', name: 'Team' });
  const alice = await connect();
  say('a');
  server.storeEvent('alice', 199, { what: 'nobody knows' });
  await settle();
  assert.deepEqual(alice.seqs, [1, 2, 3]);
  assert.equal(alice.log.cursor, 3);
  assert.equal(alice.connection.state.status, 'online');
  server.closeAll();
  await settle();
  await pass(250);
  assert.deepEqual(server.received.filter(({ kind }) => kind === 'sign_in').map(({ after }) => after), [0, 3]);
});

test('a message leaves the outbox when the server has acked it, not before', async () => {
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.sent;
  alice.send('bob', 'hi');
  await settle();
  assert.deepEqual(alice.outbox.items.map((item) => item.state), ['sending']);
  assert.deepEqual(alice.texts, []);
  server.deliverFrame = () => true;
  server.closeAll();
  await settle();
  await pass(250);
  assert.deepEqual(alice.outbox.items, []);
  assert.deepEqual(alice.texts, ['hi']);
});

test('an answer that never comes ends the connection, and the message is sent again once', async () => {
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.sent;
  alice.send('bob', 'hi');
  await settle();
  server.deliverFrame = () => true;
  await pass(10_000);
  assert.equal(alice.connection.state.status, 'reconnecting');
  await pass(250);
  assert.deepEqual(server.log('bob').map((message) => message.content.text), ['hi']);
  assert.deepEqual(alice.texts, ['hi']);
});

test('answers to own sends and pushes make one order', async () => {
  const alice = await connect();
  for (let i = 0; i < 10; i++) {
    alice.send('bob', `mine ${i}`);
    say(`theirs ${i}`);
    await settle();
  }
  assert.deepEqual(alice.seqs, upTo(20));
  assert.equal(server.received.filter(({ kind }) => kind === 'sync').length, 0);
});

test('a push that was lost is fetched when the next one shows the gap', async () => {
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
});

test('a lost last push is noticed by the next heartbeat', async () => {
  const alice = await connect();
  server.deliverFrame = (frame) => !frame.push;
  say('a');
  await settle();
  server.deliverFrame = () => true;
  assert.deepEqual(alice.texts, []);
  await pass(30_000);
  assert.deepEqual(alice.texts, ['a']);
});

test('a sync that does not fill the gap ends the connection instead of asking for ever', async () => {
  const alice = await connect();
  server.broadcast({ push: { messages: [{ seq: 9, content: { text: '?' }, sender: {} }] } });
  await settle();
  assert.equal(alice.connection.state.status, 'reconnecting');
  await pass(250);
  assert.equal(alice.connection.state.status, 'online');
});

test('a doubled push shows once', async () => {
  const alice = await connect();
  say('a');
  server.broadcast({ push: { messages: server.log('alice') } });
  await settle();
  assert.deepEqual(alice.texts, ['a']);
});

test('after a loss of the connection nothing is missing and nothing doubled', async () => {
  const alice = await connect();
  say('a');
  await settle();
  server.isUp = false;
  server.closeAll();
  await settle();
  assert.equal(alice.connection.state.status, 'reconnecting');
  say('b');
  for (const text of ['one', 'two', 'three']) alice.send('bob', text);
  await pass(250);
  await pass(500);
  server.isUp = true;
  await pass(1000);
  assert.equal(alice.connection.state.status, 'online');
  assert.deepEqual(alice.texts, ['a', 'b', 'one', 'two', 'three']);
  assert.deepEqual(server.log('bob').map((message) => message.content.text), ['a', 'b', 'one', 'two', 'three']);
});

test('a silent connection is dropped by the heartbeat', async () => {
  server.heartbeatMs = 6000;
  const alice = await connect();
  server.deliverFrame = () => false;
  await pass(6000);
  assert.equal(alice.connection.state.status, 'online');
  await pass(6000);
  assert.equal(alice.connection.state.status, 'reconnecting');
});

test('a nudge ends the wait, and probes a connection that seems to live', async () => {
  const alice = await connect();
  server.closeAll(4001);
  await settle();
  alice.connection.nudge();
  await settle();
  assert.equal(alice.connection.state.status, 'online');
  server.deliverFrame = () => false;
  alice.connection.nudge();
  await settle();
  await pass(5000);
  assert.equal(alice.connection.state.status, 'reconnecting');
});

test('the time that the server asks for is waited', async () => {
  const alice = await connect();
  server.broadcast({ closing: { code: 4000, reason: 'shutdown', reconnect_after_ms: 3000 } });
  server.closeAll(4000);
  await settle();
  await pass(2999);
  assert.equal(alice.connection.state.status, 'reconnecting');
  await pass(1);
  assert.equal(alice.connection.state.status, 'online');
});

test('waits grow over short connections and start again after a long one', async () => {
  const alice = await connect();
  for (const wait of [250, 500]) {
    server.closeAll(4004);
    await settle();
    await pass(wait - 1);
    assert.equal(alice.connection.state.status, 'reconnecting');
    await pass(1);
    assert.equal(alice.connection.state.status, 'online');
  }
  await pass(10_000);
  server.closeAll(4004);
  await settle();
  await pass(250);
  assert.equal(alice.connection.state.status, 'online');
});

test('replaced by another connection, it stays away until the user wants it', async () => {
  const alice = await connect();
  server.closeAll(4504);
  await settle();
  await pass(60_000);
  assert.deepEqual(alice.connection.state, { status: 'stopped', code: 4504 });
  alice.connection.run();
  await settle();
  assert.equal(alice.connection.state.status, 'online');
});

test('a token that runs out is changed for a new one', async () => {
  const alice = await connect();
  server.closeAll(4502);
  await settle();
  await pass(250);
  server.broadcast({ closing: { code: 4502, reason: 'token_expired' } });
  await settle();
  await pass(500);
  assert.equal(alice.connection.state.status, 'online');
  assert.equal(alice.signIns, 3);
});

test('a new token that is refused as well stops it', async () => {
  server.refuse = (kind) => (kind === 'sign_in' ? { code: 'unauthorized', message: 'No.' } : undefined);
  const alice = await connect();
  await pass(2000); // the server does not close, as it should
  await pass(250);
  await pass(2000);
  assert.deepEqual(alice.connection.state, { status: 'stopped', code: 4501 });
  assert.equal(alice.signIns, 2);
});

test('sign-in is tried again while the network is gone, and not where it makes no sense', async () => {
  let works = false;
  const signIn = () => {
    if (!works) throw new TypeError('Failed to fetch');
    return 'alice';
  };
  const alice = await connect('alice', { signIn });
  works = true;
  await pass(250);
  assert.equal(alice.connection.state.status, 'online');

  const bob = await connect('bob', {
    signIn() {
      throw new SignInImpossible('No demo here.');
    },
  });
  assert.deepEqual(bob.connection.state, { status: 'stopped', problem: 'No demo here.' });
});

test('a log that started anew is read from 0, and unsent messages are kept', async () => {
  const alice = await connect();
  say('old');
  await settle();
  server.isUp = false;
  server.startAnew();
  await settle();
  alice.send('bob', 'unsent');
  say('new');
  server.isUp = true;
  await pass(250); // refused with resync_required
  await pass(500);
  assert.equal(alice.resets, 1);
  assert.deepEqual(alice.texts, ['new', 'unsent']);
});

test('a log that started anew under an open connection is noticed by its epoch', async () => {
  const alice = await connect();
  server.epoch = 'e2';
  server.deliverFrame = (frame) => !frame.push;
  say('a');
  server.deliverFrame = () => true;
  say('b');
  await settle();
  await pass(250);
  assert.equal(alice.resets, 1);
  assert.deepEqual(alice.texts, ['a', 'b']);
});

test('a log whose beginning is no longer kept is read from where it begins', async () => {
  for (const text of ['a', 'b', 'c', 'd']) say(text);
  server.firstSeq = 3;
  const alice = await connect();
  assert.deepEqual(alice.texts, ['c', 'd']);
  assert.equal(alice.connection.state.status, 'online');
  assert.deepEqual(server.received.map(({ kind }) => kind), ['sign_in', 'ack']);
});

test('the log is acked once a second, from where it stands, and anew on the next connection', async () => {
  const alice = await connect();
  for (let i = 0; i < 12; i++) {
    say(`${i}`);
    await settle();
    await pass(100);
  }
  await pass(1000);
  server.closeAll();
  await settle();
  await pass(250);
  const acks = server.received.filter(({ kind }) => kind === 'ack').map(({ seq }) => seq);
  assert.deepEqual(acks, [1, 10, 12, 12]);
  assert.equal(alice.log.cursor, 12);
});

test('an acked message that a new log no longer holds is sent again', async () => {
  const alice = await connect();
  server.deliverFrame = ({ push, sync_page }) => !push && !sync_page;
  say('lost on the way');
  alice.send('bob', 'mine');
  await settle();
  assert.deepEqual(alice.outbox.items.map((item) => item.state), ['acked']);
  assert.deepEqual(alice.texts, []);
  server.deliverFrame = () => true;
  server.startAnew();
  await settle();
  await pass(250);
  await pass(500);
  assert.deepEqual(alice.texts, ['mine']);
  assert.deepEqual(alice.outbox.items, []);
});

test('a message refused for the moment is not overtaken', async () => {
  const alice = await connect();
  let refusals = 2;
  server.refuse = (kind) =>
    kind === 'send' && refusals-- > 0 ? { code: 'rate_limited', message: 'Slow down.', retryable: true, retry_after_ms: 700 } : undefined;
  for (const text of ['one', 'two', 'three']) alice.send('bob', text);
  await settle();
  assert.deepEqual(alice.texts, []);
  await pass(700);
  await pass(700);
  assert.deepEqual(alice.texts, ['one', 'two', 'three']);
});

test('a message refused for good says why and holds up no other', async () => {
  const alice = await connect();
  server.refuse = (kind, { content }) => (content?.text === 'bad' ? { code: 'blocked', message: 'Bob blocks you.' } : undefined);
  alice.send('bob', 'bad');
  alice.send('bob', 'good');
  await settle();
  assert.deepEqual(alice.texts, ['good']);
  const [item] = alice.outbox.items;
  assert.deepEqual([item.state, item.problem], ['failed', 'Bob blocks you.']);
  server.refuse = () => undefined;
  alice.outbox.retry(item);
  alice.connection.flush();
  await settle();
  assert.deepEqual(alice.texts, ['good', 'bad']);
});

test('what was unsent when the page was left is sent by the next one', async () => {
  let saved = '[]';
  const memory = { load: () => JSON.parse(saved), save: (items) => (saved = JSON.stringify(items)) };
  server.isUp = false;
  const before = await connect('alice', { memory });
  before.send('bob', 'unsent');
  before.connection.stop();
  await settle();
  server.isUp = true;
  const after = await connect('alice', { memory });
  assert.deepEqual(after.texts, ['unsent']);
  assert.equal(saved, '[]');
});

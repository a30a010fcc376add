// The list of conversations, on an API that answers as told.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Conversations } from '../app/conversations.js';
import { Interrupted, Refused } from '../app/frames.js';
import { Store } from '../app/store.js';
import { pass, restartTheClock, settle, stopTheClock } from './client.mjs';

let asked;
let answers;
let store;
let conversations;

beforeEach(() => {
  stopTheClock();
  asked = [];
  answers = {};
  store = new Store();
  const api = {
    async call(method, path, body) {
      asked.push([method, path, ...(body ? [body] : [])]);
      const answer = answers[`${method} ${path}`];
      if (answer instanceof Error) throw answer;
      if (!answer) throw new Refused({ code: 'conversation_not_found', message: 'There is none.' });
      return answer;
    },
  };
  conversations = new Conversations({ me: 'alice', api, store });
});

afterEach(() => restartTheClock());

const entry = (id, rest = {}) => ({ conversation_id: id, type: 'single', unread: 0, last_message: null, last_seq: rest.unread ?? 0, read_seq: 0, ...rest });
const page = (items, rest) => ({ items, removed: [], next_cursor: null, changes: 'c1', ...rest });
const unread = () => Object.fromEntries(conversations.list.map(({ id, unread }) => [id, unread]));
const read = (user, conversation_seq) => ({ conversation_id: 'user:bob', sender: { type: 'user', user_id: user }, kind: 'read', data: { conversation_seq } });

function arrives(conversation_seq, rest) {
  const message = {
    message_id: `m${conversation_seq}`, conversation_id: 'user:bob', conversation_seq, sender: { type: 'user', user_id: 'bob' },
    type: 'text', content: { text: 'hi' }, sent_at: new Date().toISOString(), ...rest,
  };
  store.addMessage(message);
  conversations.arrived(message);
  return message;
}

test('the whole list is read once, then what has changed', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 2 })], { next_cursor: 'p2', changes: 'first' });
  answers['GET conversations?limit=100&cursor=p2'] = page([entry('user:carol', { unread: 1 })], { changes: 'later' });
  await conversations.refresh();
  assert.deepEqual(unread(), { 'user:bob': 2, 'user:carol': 1 });

  const since = (changes) => `GET conversations?limit=100&changed_since=${changes}`;
  answers[since('first')] = page([entry('user:bob', { unread: 5 })], { next_cursor: 'more', changes: 'c2', removed: ['user:carol'] });
  answers[since('c2')] = page([entry('user:dave', { unread: 3 })], { changes: 'c3' });
  await conversations.refresh();
  assert.deepEqual(unread(), { 'user:bob': 5, 'user:dave': 3 });
  answers[since('c3')] = new Interrupted();
  await conversations.refresh();
  assert.deepEqual(unread(), { 'user:bob': 5, 'user:dave': 3 });
  assert.equal(asked.length, 5);
});

test('what comes in behind the answer of the server counts too, once, but for own messages and events', async () => {
  for (const seq of [1, 2, 3]) arrives(seq);
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 1, last_seq: 2, read_seq: 1 })]);
  await conversations.refresh();
  assert.deepEqual(unread(), { 'user:bob': 2 });
  arrives(4, { sender: { type: 'user', user_id: 'alice' } });
  arrives(5, { type: 'command', content: { code: 300, data: {} } });
  arrives(6, { sender: { type: 'business' } });
  assert.deepEqual(unread(), { 'user:bob': 3 });
  assert.equal(asked.filter(([, path]) => path.includes('changed_since')).length, 0);
});

test('a message in a conversation that is not listed asks for what has changed', async () => {
  answers['GET conversations?limit=100'] = page([]);
  await conversations.refresh();
  answers['GET conversations?limit=100&changed_since=c1'] = page([entry('user:bob', { unread: 1, last_seq: 1 })]);
  arrives(1);
  await settle();
  assert.deepEqual(unread(), { 'user:bob': 1 });
});

test('reading counts at once, is told the server in order and not message by message', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 1, last_seq: 1 })]);
  const path = 'conversations/user%3Abob/read';
  await conversations.refresh();
  arrives(1);
  answers[`PUT ${path}`] = entry('user:bob', { last_seq: 1, read_seq: 1 });
  conversations.seen('user:bob');
  assert.deepEqual(unread(), { 'user:bob': 0 });
  await settle();
  for (const seq of [2, 3, 4]) {
    arrives(seq);
    conversations.seen('user:bob');
  }
  answers[`PUT ${path}`] = entry('user:bob', { last_seq: 4, read_seq: 4 });
  await settle();
  await pass(1000);
  conversations.seen('user:bob');
  assert.deepEqual(asked.slice(1), [['PUT', path, { conversation_seq: 1 }], ['PUT', path, { conversation_seq: 4 }]]);
  assert.deepEqual(unread(), { 'user:bob': 0 });
});

test('what the server was not told to be read is unread again, and told the next time', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 1, last_seq: 1 })]);
  await conversations.refresh();
  arrives(1);
  answers['PUT conversations/user%3Abob/read'] = new Interrupted();
  conversations.seen('user:bob');
  await settle();
  await pass(1000);
  assert.deepEqual(unread(), { 'user:bob': 1 });
  conversations.seen('user:bob');
  await settle();
  assert.equal(asked.filter(([method]) => method === 'PUT').length, 2);
});

test('positions of others go only forward, whether told by a signal or an answer', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { last_seq: 3, read_seq: 3 })]);
  await conversations.refresh();
  const message = arrives(3, { sender: { type: 'user', user_id: 'alice' } });
  conversations.signalled(read('bob', 2));
  assert.equal(conversations.readersOf('user:bob', message), 0);
  conversations.signalled(read('bob', 3));
  conversations.signalled(read('bob', 1));
  assert.equal(conversations.readersOf('user:bob', message), 1);
  const members = [{ user_id: 'alice', read_seq: 3 }, { user_id: 'bob', read_seq: 2 }];
  answers['GET conversations/user%3Abob'] = { ...entry('user:bob', { last_seq: 3, read_seq: 3 }), members };
  await conversations.look('user:bob');
  assert.equal(conversations.readersOf('user:bob', message), 1);
});

test('what is on a device of somebody else is told by a signal, or by the members', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { last_seq: 3, read_seq: 3 })]);
  await conversations.refresh();
  const message = arrives(3, { sender: { type: 'user', user_id: 'alice' } });
  conversations.signalled({ ...read('bob', 3), kind: 'delivered' });
  assert.equal(conversations.holdersOf('user:bob', message), 1);
  assert.equal(conversations.readersOf('user:bob', message), 0);
  conversations.reset();
  await conversations.refresh();
  answers['GET conversations/user%3Abob'] = { ...entry('user:bob'), members: [{ user_id: 'bob', read_seq: 0, delivered_seq: 3 }] };
  await conversations.look('user:bob');
  assert.equal(conversations.holdersOf('user:bob', message), 1);
});

test('what another device of the user has read is asked for', async () => {
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 2, last_seq: 2 })]);
  await conversations.refresh();
  answers['GET conversations?limit=100&changed_since=c1'] = page([entry('user:bob', { last_seq: 2, read_seq: 2 })]);
  conversations.signalled(read('alice', 2));
  await settle();
  assert.deepEqual(unread(), { 'user:bob': 0 });
});

test('typing ends by itself, and with the message', async () => {
  const typing = { conversation_id: 'user:bob', sender: { type: 'user', user_id: 'bob' }, kind: 'typing', data: {} };
  conversations.signalled(typing);
  assert.deepEqual(conversations.typing('user:bob'), ['bob']);
  await pass(6000);
  assert.deepEqual(conversations.typing('user:bob'), []);
  conversations.signalled(typing);
  arrives(1);
  assert.deepEqual(conversations.typing('user:bob'), []);
});

test('a recall and an edit change the message, and what is older does not', () => {
  const says = () => store.messagesOf('user:bob').map(({ status, content }) => [status, content.text]);
  const news = (conversation_seq, code, data) => arrives(conversation_seq, { type: 'command', content: { code, data: { message_id: 'm1', ...data } } });
  const at = (second) => `2026-01-01T12:00:0${second}Z`;
  arrives(1, { status: 'normal' });
  news(2, 301, { content: { text: 'b' }, edited_at: at(2) });
  news(3, 301, { edited_at: at(3) }); // what it said is gone
  assert.deepEqual(says(), [['edited', 'b']]);
  news(4, 301, { content: { text: 'a' }, edited_at: at(1) });
  assert.deepEqual(says(), [['edited', 'b']]);
  news(5, 300);
  news(6, 301, { content: { text: 'c' }, edited_at: at(4) });
  assert.deepEqual(says(), [['recalled', undefined]]);
});

test('a deletion is asked about, and the business that tells it is not listed for that', async () => {
  const told = { conversation_id: 'business', conversation_seq: 1, sender: { type: 'system' }, type: 'command', content: { code: 304, data: { message_id: 'm2', conversation_id: 'user:bob' } } };
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 2 }), entry('business', { last_message: told })]);
  answers['GET conversations?limit=100&changed_since=c1'] = page([entry('user:bob', { unread: 1, last_seq: 2 })]);
  await conversations.refresh();
  assert.deepEqual(unread(), { 'user:bob': 2 });
  arrives(1, { ...told, message_id: 'm9', sent_at: new Date().toISOString() });
  await settle();
  assert.deepEqual(unread(), { 'user:bob': 1 });
});

test('a mention counts while it is unread, also before the server has told of it', async () => {
  const mentioned = () => conversations.list.map((one) => one.mentioned);
  answers['GET conversations?limit=100'] = page([entry('user:bob', { unread: 2, mentioned: true }), entry('user:carol', { unread: 1, mentioned: false })]);
  await conversations.refresh();
  assert.deepEqual(mentioned(), [true, false]);
  answers['GET conversations?limit=100&changed_since=c1'] = page([entry('user:bob', { last_seq: 2, read_seq: 2, mentioned: false })]);
  await conversations.refresh();
  assert.deepEqual(mentioned(), [false, false]);
  arrives(3, { mentions: ['carol'] });
  arrives(4, { mentions: ['alice'], sender: { type: 'user', user_id: 'alice' } });
  assert.deepEqual(mentioned(), [false, false]);
  arrives(5, { mentions: ['@all'] });
  assert.deepEqual(mentioned(), [true, false]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeEvent, isEvent } from '../app/events.js';
import { Store } from '../app/store.js';

const sent_at = '2026-01-01T12:00:00Z';
const event = (code, data) => ({ sender: { type: 'system' }, type: 'command', content: { code, data }, sent_at });

test('an event says what happened, and who did it unless it was the business', () => {
  const later = '2026-01-01T13:00:00Z';
  const cases = [
    [100, { by: 'alice', name: 'Team' }, 'alice created the group Team'],
    [100, { name: 'Team' }, 'The group Team was created'],
    [100, { by: 'alice', name: '' }, 'alice created the group'],
    [101, { by: 'alice', name: 'Crew', extra: {} }, 'alice named the group Crew'],
    [101, { name: 'Crew' }, 'The group was named Crew'],
    [101, { by: 'alice', settings: { join: 'open' } }, 'alice changed the group'],
    [101, { introduction: '' }, 'The group was changed'],
    [101, { by: 'alice', settings: { history: 'all' } }, 'alice let members read what was sent before they joined'],
    [101, { settings: { history: 'joined', mute_all: true } }, 'Members may no longer read what was sent before they joined'],
    [101, { by: 'alice', settings: { live_audience: true } }, 'alice opened the group to a live audience'],
    [101, { settings: { live_audience: false } }, 'The group was closed to a live audience'],
    [101, { by: 'alice', settings: { history: 'joined', live_audience: false } },
      'alice no longer lets members read what was sent before they joined and closed the group to a live audience'],
    [102, { by: 'alice', user_ids: ['carol'] }, 'alice added carol'],
    [102, { by: 'carol', user_ids: ['carol'] }, 'carol joined'],
    [102, { user_ids: ['carol'] }, 'carol was added'],
    [102, { user_ids: ['carol', 'dave'] }, 'carol, dave were added'],
    [103, { user_id: 'carol' }, 'carol left'],
    [104, { by: 'alice', user_id: 'carol' }, 'alice removed carol'],
    [104, { user_id: 'carol' }, 'carol was removed'],
    [105, { by: 'alice', members: [{ user_id: 'bob', role: 'owner' }, { user_id: 'alice', role: 'admin' }] }, 'alice made bob the owner, alice an admin'],
    [105, { members: [{ user_id: 'bob', role: 'member' }] }, 'bob was made a member'],
    [106, { by: 'alice', user_id: 'bob', mute_until: later }, 'alice muted bob'],
    [106, { user_id: 'bob', mute_until: sent_at }, 'bob was unmuted'],
    [107, { by: 'alice' }, 'alice dismissed the group'],
    [107, {}, 'The group was dismissed'],
    [108, { by: 'alice', type: 'large' }, 'alice made the group a large one'],
    [108, { type: 'large' }, 'The group became a large one'],
    [109, { by: 'alice', user_id: 'bob', label: 'Boss' }, 'alice changed bob’s label'],
    [109, { by: 'bob', user_id: 'bob', label: '' }, 'bob changed their label'],
    [109, { user_id: 'bob', label: 'Boss' }, 'bob’s label was changed'],
    [109, { by: 'alice', user_id: 'bob', extra: {} }, undefined],
  ];
  for (const [code, data, want] of cases) assert.equal(describeEvent(event(code, data)), want);
});

test('names stand in for user ids', () => {
  const nameOf = (id) => id.toUpperCase();
  assert.equal(describeEvent(event(102, { by: 'a', user_ids: ['b', 'c'] }), nameOf), 'A added B, C');
  assert.equal(describeEvent(event(105, { members: [{ user_id: 'b', role: 'admin' }] }), nameOf), 'B was made an admin');
});

test('news of contacts are said from the side of the user', () => {
  const cases = [
    [200, { by: 'bob', message: 'It is me' }, 'Bob asks to be your contact: It is me'],
    [200, { by: 'alice' }, 'You asked Bob to be your contact'],
    [201, { by: 'alice' }, 'You and Bob are contacts'],
    [202, { by: 'bob' }, 'Bob turned your request down'],
    [202, { by: 'alice' }, 'You turned the request of Bob down'],
    [203, { by: 'bob' }, 'Bob took the request back'],
    [203, { by: 'alice' }, 'You took your request to Bob back'],
    [204, {}, 'You and Bob are contacts no more'],
    [205, { by: 'alice', remark: 'Bobby' }, 'You changed your remark on Bob'],
  ];
  for (const [code, data, want] of cases) assert.equal(describeEvent(event(code, { user_id: 'bob', ...data }), () => 'Bob'), want);
});

test('an event without what belongs in it breaks nothing', () => {
  for (let code = 0; code < 1000; code++) {
    describeEvent(event(code));
    describeEvent(event(code, {}));
  }
});

test('only commands of the system below 1000 are events', () => {
  assert.ok(isEvent(event(0)) && isEvent(event(999)));
  for (const other of [
    event(1000),
    { ...event(100), type: 'custom' },
    { ...event(100), sender: { type: 'business' } },
    { ...event(100), sender: { type: 'user', user_id: 'bob' } },
    { ...event(100), content: {} },
  ]) {
    assert.ok(!isEvent(other), JSON.stringify(other));
  }
});

test('an event of an unknown code is not shown; commands of the business are', () => {
  const store = new Store();
  for (const code of [100, 99, 199, 1000]) store.addMessage(event(code, { by: 'alice', user_id: 'bob' }));
  assert.deepEqual(store.messagesOf().map(({ content }) => content.code), [100, 1000]);
});

const written = (message_id, more) => ({
  message_id, conversation_id: 'user:bob', conversation_seq: Number(message_id.slice(1)), sender: { type: 'user', user_id: 'bob' }, type: 'text',
  content: { text: message_id }, sent_at: '2026-01-31T12:00:00.000Z', ...more,
});
const told = (code, data) => ({ ...event(code, { message_id: 'm1', ...data }), conversation_id: 'user:bob', sender: { type: 'user', user_id: 'bob' } });

test('reactions are as the server counts them, whatever was read before', () => {
  const store = new Store('alice');
  store.addMessage(written('m1', { reactions: [{ reaction: '👍', count: 2, me: true }] }));
  const steps = [
    [302, { by: 'alice', reaction: '👍', count: 2 }, [['👍', 2, true]]],
    [302, { by: 'bob', reaction: '🎉', count: 1 }, [['👍', 2, true], ['🎉', 1, false]]],
    [303, { by: 'alice', reaction: '👍', count: 1 }, [['👍', 1, false], ['🎉', 1, false]]],
    [303, { by: 'bob', reaction: '👍', count: 0 }, [['🎉', 1, false]]],
    [303, { by: 'bob', reaction: '👍', count: 0 }, [['🎉', 1, false]]],
    [302, {}, [['🎉', 1, false]]],
  ];
  for (const [code, data, want] of steps) {
    store.addMessage(told(code, data));
    const { reactions } = store.find('user:bob', 'm1');
    assert.deepEqual(reactions.map(({ reaction, count, me }) => [reaction, count, me]), want);
  }
  store.addMessage(told(300));
  store.addMessage(told(302, { by: 'bob', reaction: '🎉', count: 1 }));
  assert.equal(store.find('user:bob', 'm1').reactions, undefined);
});

test('what the user has deleted is gone, and stays out where it comes later', () => {
  const store = new Store('alice');
  const deleted = (message_id) => ({ ...event(304, { message_id, conversation_id: 'user:bob' }), conversation_id: 'business' });
  for (const message of [written('m1'), written('m2'), deleted('m1'), deleted('m3'), written('m3'), written('m1')]) store.addMessage(message);
  assert.deepEqual(store.messagesOf('user:bob').map(({ message_id }) => message_id), ['m2']);
  assert.equal(store.find('user:bob', 'm1'), undefined);
  assert.deepEqual(store.messagesOf('business'), []);
});

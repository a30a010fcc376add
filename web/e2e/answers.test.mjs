// How users answer a message on screen, in two browsers: reactions and replies; what the user has deleted elsewhere; and that one
// is mentioned.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { build, Server } from './server.mjs';
import { launch, Tab } from './tabs.mjs';

let built;
let browser;
let server;
let contexts;

before(async () => {
  [built, browser] = await Promise.all([build(), launch()]);
});

after(async () => {
  await browser?.close();
  await built?.remove();
});

beforeEach(async () => {
  server = new Server(built.program);
  await server.start();
  contexts = await Promise.all([browser.newContext(), browser.newContext()]);
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  await server?.remove();
});

/** Alice and Bob, each in a browser of their own, with the conversation of the two open. */
async function openBoth() {
  const tabs = await Promise.all([Tab.open(contexts[0], `${server.url}/#alice`), Tab.open(contexts[1], `${server.url}/#bob`)]);
  await Promise.all([tabs[0].status('Connected as Alice'), tabs[1].status('Connected as Bob')]);
  return tabs;
}

function assertFlawless(...tabs) {
  for (const tab of tabs) tab.assertFlawless();
}

test('reactions are counted below a message, and put and taken back by a click', async () => {
  const [alice, bob] = await openBoth();
  await alice.write('lunch?');
  await bob.message('lunch?').waitFor();
  await bob.react('lunch?', '👍');
  await bob.reaction('lunch?', '👍', 1, true);
  await alice.reaction('lunch?', '👍', 1, false);
  const thumb = alice.page.locator('[data-reaction="👍"] button');
  await thumb.press('Enter');
  await alice.reaction('lunch?', '👍', 2, true);
  await bob.reaction('lunch?', '👍', 2, true);
  assert.ok(await thumb.evaluate((button) => button === document.activeElement), 'a reaction that is counted anew keeps the focus');

  await bob.page.reload();
  await (await bob.reaction('lunch?', '👍', 2, true)).click();
  await alice.reaction('lunch?', '👍', 1, true);
  await alice.react('lunch?', '🎉');
  await bob.reaction('lunch?', '🎉', 1, false);
  await (await alice.reaction('lunch?', '👍', 1, true)).press('Enter');
  await alice.page.getByRole('button', { name: '👍' }).waitFor({ state: 'detached' });
  const more = alice.message('lunch?').getByRole('button', { name: 'Actions on this message' });
  assert.ok(await more.evaluate((button) => button === document.activeElement), 'the focus stays at the message');
  assert.deepEqual(await bob.texts(), ['lunch?']);
  await bob.title('Bob – gim');

  await alice.choose('lunch?', 'Recall');
  for (const tab of [alice, bob]) {
    await tab.message('This message was recalled').waitFor();
    assert.equal(await tab.page.locator('.reactions button').count(), 0);
  }
  assertFlawless(alice, bob);
});

test('what the app does not allow to react with is said in words', async () => {
  await server.configure({ reactions: ['+1'] });
  const { message_id } = await server.post('bob', 'alice', 'hello');
  await server.react('bob', message_id, '+1');
  const [alice] = await openBoth();
  await alice.reaction('hello', '+1', 1, false);
  await alice.react('hello', '👍');
  await alice.page.locator('.complaint:not([hidden])').waitFor();
  assert.equal(await alice.page.locator('.reactions button').count(), 1);
});

test('an answer quotes the message as it is now, and leads to it', async () => {
  const [alice, bob] = await openBoth();
  await alice.write('lunch?');
  await bob.message('lunch?').waitFor();
  for (let i = 1; i <= 30; i++) await server.post('alice', 'bob', `filler ${i}`);
  await bob.textsOf(31);
  await bob.scrollUp();
  await bob.choose('lunch?', 'Reply');
  await bob.page.locator('.replying').filter({ hasText: 'Alice lunch?' }).waitFor();
  await bob.write('gladly');
  await bob.page.locator('.replying').waitFor({ state: 'hidden' });
  await alice.quote('gladly', 'You lunch?');
  const quote = await bob.quote('gladly', 'Alice lunch?');
  await quote.press('Enter');
  const first = bob.page.locator('.message').first();
  assert.ok(await first.evaluate((message) => message === document.activeElement));
  assert.ok(await first.evaluate((message) => message.getBoundingClientRect().top > 0), 'it is in sight');

  await alice.page.reload();
  await alice.quote('gladly', 'You lunch?');
  await alice.scrollUp();
  await alice.page.locator('.message').first().hover();
  await alice.page.locator('.message').first().getByRole('button', { name: 'Actions on this message' }).click();
  await alice.page.getByRole('menuitem', { name: 'Edit' }).click();
  await alice.write('dinner?');
  for (const tab of [alice, bob]) await tab.quote('gladly', 'dinner?');
  await bob.page.locator('.message').last().hover();
  await bob.page.locator('.message').last().getByRole('button', { name: 'Actions on this message' }).click();
  await bob.page.getByRole('menuitem', { name: 'Recall' }).click();
  for (const tab of [alice, bob]) {
    await tab.message('This message was recalled').waitFor();
    assert.equal(await tab.page.locator('.quote:visible').count(), 0);
  }
  assertFlawless(alice, bob);
});

test('an answer is given up with Escape, or when its message is taken back', async () => {
  const [alice, bob] = await openBoth();
  await alice.write('one');
  const bar = bob.page.locator('.replying');
  await bob.choose('one', 'Reply');
  await bar.waitFor();
  await bob.page.getByRole('textbox').press('Escape');
  await bar.waitFor({ state: 'hidden' });
  await bob.choose('one', 'Reply');
  await bar.waitFor();
  await alice.choose('one', 'Recall');
  await bar.waitFor({ state: 'hidden' });
  await bob.write('two');
  await alice.message('two').waitFor();
  assert.equal(await alice.page.locator('.quote:visible').count(), 0);
  assertFlawless(alice, bob);
});

test('an answer that is not sent yet is one after a reload too', async () => {
  const [alice, bob] = await openBoth();
  await alice.write('one');
  await bob.message('one').waitFor();
  await server.kill();
  await bob.status('Reconnecting…');
  await bob.choose('one', 'Reply');
  await bob.write('two');
  await bob.quote('two', 'Alice one');
  await server.start();
  for (const [tab, quoted] of [[bob, 'Alice one'], [alice, 'You one']]) await tab.quote('two', quoted);
  assertFlawless(alice, bob);
});

test('what a user has deleted on another device is gone from its tabs, and from no others', async () => {
  const [alice, bob] = await openBoth();
  const second = await Tab.open(contexts[1], `${server.url}/#bob/`);
  await second.page.getByText('Choose a conversation.').waitFor();
  await bob.conversation('Alice').waitFor();
  await server.post('alice', 'bob', 'keep');
  const { message_id } = await server.post('alice', 'bob', 'a slip');
  await server.post('bob', 'alice', 'what?', { reply_to: message_id });
  await bob.quote('what?', 'Alice a slip');
  await server.deleteFor('bob', message_id);
  await bob.quote('what?', 'A message that is not here');
  assert.deepEqual(await bob.texts(), ['keep', 'what?']);
  await bob.page.reload();
  await bob.quote('what?', 'A message that is not here');
  assert.deepEqual(await bob.texts(), ['keep', 'what?']);
  assert.deepEqual(await alice.texts(), ['keep', 'a slip', 'what?']);
  for (const tab of [bob, second]) assert.equal(await tab.conversation('Business').count(), 0);
  assertFlawless(alice, bob, second);
});

test('a mention is marked in the list until it is read, and in the message', async () => {
  const tab = await Tab.open(contexts[0], `${server.url}/#alice/`);
  await tab.status('Connected as Alice');
  const mark = tab.conversation('Bob').getByRole('img', { name: 'mentions you' });
  await server.post('bob', 'alice', 'not you');
  await tab.unread('Bob', 1);
  assert.equal(await mark.count(), 0);
  await server.post('bob', 'alice', 'alice, lunch?', { mentions: ['alice'] });
  await mark.waitFor();
  await tab.page.reload();
  await mark.waitFor();
  await tab.conversation('Bob').click();
  await tab.mark('alice, lunch?', '@ mentions you');
  await mark.waitFor({ state: 'hidden' });
  assert.equal(await tab.message('not you').locator('.mention:visible').count(), 0);
  tab.assertFlawless();
});

test('what is written is text and never HTML, in a quote too', async () => {
  const [alice, bob] = await openBoth();
  const hostile = '<img src=x onerror="document.title=\'owned\'"><b>bold</b>';
  await alice.write(hostile);
  await bob.message('onerror').waitFor();
  await bob.choose('onerror', 'Reply');
  assert.equal(await bob.page.locator('.replying .words').textContent(), hostile);
  await bob.write('and?');
  for (const tab of [alice, bob]) {
    const quote = await tab.quote('and?', 'onerror');
    assert.equal(await quote.locator('.words').textContent(), hostile);
    assert.equal(await tab.page.locator('.conversation :is(img, .text b)').count(), 0);
  }
  assertFlawless(alice, bob);
});

test('on a phone the menu of a long message is in sight, and every control has a name', async () => {
  const phone = await browser.newContext({ viewport: { width: 360, height: 640 }, hasTouch: true });
  contexts.push(phone);
  const long = 'a long message '.repeat(8).trim();
  for (const [from, to] of [['bob', 'alice'], ['alice', 'bob']]) {
    const { message_id } = await server.post(from, to, `${long} of ${from}`);
    await server.react('bob', message_id, '👍');
    await server.post(from, to, `yes, ${from}`, { reply_to: message_id });
  }
  const tab = await Tab.open(phone, `${server.url}/#alice`);
  await tab.textsOf(4);
  for (const text of await tab.texts()) {
    const message = tab.page.locator('.message').filter({ has: tab.page.locator('.text').getByText(text, { exact: true }) });
    await message.getByRole('button', { name: 'Actions on this message' }).click();
    const box = await tab.page.getByRole('menu').boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 360, `from ${box.x}, ${box.width} wide`);
    await tab.namesOfControls();
    await tab.page.keyboard.press('Escape');
  }
  tab.assertFlawless();
});

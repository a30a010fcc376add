// The life of a message on screen, in two browsers: unread, read, typing, edit, recall.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Link } from './link.mjs';
import { build, Server } from './server.mjs';
import { launch, Tab } from './tabs.mjs';

let built;
let browser;
let server;
let contexts;
let link;

before(async () => {
  [built, browser] = await Promise.all([build(), launch()]);
});

after(async () => {
  await browser?.close();
  await built?.remove();
});

beforeEach(async () => {
  server = new Server(built.program, ['--heartbeat', '1s']);
  await server.start();
  contexts = await Promise.all([browser.newContext(), browser.newContext()]);
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  await link?.remove();
  link = undefined;
  await server?.remove();
});

/** Alice with Bob's conversation open, and Bob with that of the team, each in a browser of their own. */
async function openApart(bobsURL = server.url) {
  await server.openGroup('alice', 'team', ['bob']);
  const tabs = await Promise.all([
    Tab.open(contexts[0], `${server.url}/#alice`),
    Tab.open(contexts[1], `${bobsURL}/#bob/group:team`),
  ]);
  const [alice, bob] = tabs;
  await Promise.all([alice.status('Connected as Alice'), bob.status('Connected as Bob')]);
  return tabs;
}

function assertFlawless(...tabs) {
  for (const tab of tabs) tab.assertFlawless();
}

test('what is unread is counted until it is seen, and the sender sees that it was read', async () => {
  const [alice, bob] = await openApart();
  await alice.write('one');
  await alice.write('two');
  await bob.unread('Alice', 2);
  await bob.title('(2) Bob – gim');
  await alice.mark('two', 'delivered');
  await bob.page.reload();
  await bob.unread('Alice', 2);

  await bob.conversation('Alice').click();
  await bob.unread('Alice', 0);
  await bob.title('Bob – gim');
  for (const text of ['one', 'two']) await alice.mark(text, 'read');
  await alice.write('three'); // seen at once
  await alice.mark('three', 'read');
  await alice.page.reload();
  for (const text of ['one', 'two', 'three']) await alice.mark(text, 'read');
  await bob.page.reload();
  await bob.textsOf(3);
  await bob.title('Bob – gim');
  assertFlawless(alice, bob);
});

test('what another tab of the user has read is unread nowhere', async () => {
  const [alice, bob] = await openApart();
  const second = await Tab.open(contexts[1], `${server.url}/#bob/`);
  await second.page.getByText('Choose a conversation.').waitFor();
  await alice.write('hello');
  for (const tab of [bob, second]) await tab.unread('Alice', 1);
  await second.conversation('Alice').click();
  for (const tab of [bob, second]) await tab.unread('Alice', 0);
  await alice.mark('hello', 'read');
  assertFlawless(alice, bob, second);
});

test('what arrives while the tab is hidden, or above the end, is unread until it is seen', async () => {
  const [alice, bob] = await openApart();
  await bob.conversation('Alice').click();
  await bob.hide();
  await alice.write('behind the curtain');
  await bob.unread('Alice', 1);
  await alice.mark('behind the curtain', 'delivered');
  await bob.show();
  await bob.unread('Alice', 0);
  await alice.mark('behind the curtain', 'read');

  for (let i = 1; i <= 40; i++) await server.post('alice', 'bob', `old ${i}`);
  await bob.textsOf(41);
  await bob.unread('Alice', 0);
  await bob.scrollUp();
  await alice.write('below');
  await bob.unread('Alice', 1);
  await bob.page.getByRole('button', { name: 'New messages' }).click();
  await bob.unread('Alice', 0);
  assertFlawless(alice, bob);
});

test('a message is delivered once a device of the other has it, not before', async () => {
  link = await Link.to(server.address);
  const [alice, bob] = await openApart(link.url);
  link.cut();
  await bob.status('Reconnecting…');
  await alice.write('hello');
  await alice.mark('hello', 'sent');
  link.restore();
  await alice.mark('hello', 'delivered');
  await alice.page.reload();
  await alice.mark('hello', 'delivered');
  await alice.conversation('team').click();
  await alice.write('hi all');
  await alice.mark('hi all', 'read by 1');
  bob.assertFlawless();
});

test('a group tells how many have read', async () => {
  const [alice, bob] = await openApart();
  await alice.conversation('team').click();
  await alice.write('hi all');
  await alice.mark('hi all', 'read by 1');
  await bob.message('hi all').waitFor();
  assertFlawless(alice, bob);
});

test('who is typing is told, until the message comes', async () => {
  const [alice, bob] = await openApart();
  await bob.conversation('Alice').click();
  await bob.page.getByRole('textbox').pressSequentially('hel');
  await alice.status('Bob is typing…');
  await bob.write('hello');
  await alice.message('hello').waitFor();
  await alice.page.getByText('is typing').waitFor({ state: 'hidden' });
  assertFlawless(alice, bob);
});

test('an edit shows on the other side, and after a reload', async () => {
  const [alice, bob] = await openApart();
  await bob.conversation('Alice').click();
  await alice.write('helo');
  await bob.message('helo').waitFor();
  await alice.choose('helo', 'Edit');
  await alice.write('hello');
  for (const tab of [alice, bob]) await tab.mark('hello', 'edited');
  for (const tab of [alice, bob]) assert.deepEqual(await tab.texts(), ['hello']);
  await bob.page.reload();
  await bob.mark('hello', 'edited');
  assert.deepEqual(await bob.texts(), ['hello']);

  // With the keyboard alone, and given up.
  const input = alice.page.getByRole('textbox');
  await input.press('ArrowUp');
  assert.equal(await input.inputValue(), 'hello');
  await input.press('Escape');
  assert.equal(await input.inputValue(), '');
  await alice.write('next');
  assert.deepEqual(await bob.textsOf(2), ['hello', 'next']);
  assertFlawless(alice, bob);
});

test('a recalled message is gone on the other side, and after a reload', async () => {
  const [alice, bob] = await openApart();
  await bob.conversation('Alice').click();
  await alice.write('secret');
  await bob.message('secret').waitFor();
  await alice.choose('secret', 'Recall');
  for (const tab of [alice, bob]) {
    await tab.message('This message was recalled').waitFor();
    assert.equal(await tab.page.getByText('secret').count(), 0);
    await tab.page.reload();
    assert.deepEqual(await tab.textsOf(1), ['This message was recalled']);
    assert.equal(await tab.page.getByRole('button', { name: 'Actions on this message' }).count(), 0);
  }
  assertFlawless(alice, bob);
});

test('the menu of a message is used with the keyboard', async () => {
  const [alice] = await openApart();
  await alice.write('hello');
  await alice.message('hello').waitFor();
  const button = alice.page.getByRole('button', { name: 'Actions on this message' });
  await button.press('Enter');
  const [edit, recall] = ['Edit', 'Recall'].map((name) => alice.page.getByRole('menuitem', { name }));
  const hasFocus = (item) => item.evaluate((element) => element === document.activeElement);
  assert.ok(await hasFocus(alice.page.getByRole('menuitemcheckbox', { name: '👍' })));
  await alice.page.keyboard.press('End');
  assert.ok(await hasFocus(recall));
  await recall.press('ArrowUp');
  assert.ok(await hasFocus(edit));
  await edit.press('ArrowDown');
  assert.ok(await hasFocus(recall));
  await recall.press('Escape');
  assert.equal(await recall.count(), 0);
  assert.ok(await hasFocus(button));
  assertFlawless(alice);
});

test('what comes too late is said in words, and nothing changes', async () => {
  await server.configure({ recall_window_seconds: 0, edit_window_seconds: 0 });
  const [alice] = await openApart();
  await alice.write('forever');
  await alice.message('forever').waitFor();
  await alice.choose('forever', 'Recall');
  await alice.page.getByRole('alert').filter({ hasText: 'It is too late for that' }).waitFor();
  await alice.choose('forever', 'Edit');
  await alice.write('other');
  await alice.page.getByRole('alert').filter({ hasText: 'It is too late for that' }).waitFor();
  await alice.page.getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(await alice.texts(), ['forever']);
});

test('what happened while the tab was offline is right when it is back', async () => {
  link = await Link.to(server.address);
  const [alice, bob] = await openApart(link.url);
  await alice.write('first');
  await alice.write('second');
  await bob.unread('Alice', 2);
  link.cut();
  await bob.status('Reconnecting…');
  await alice.choose('first', 'Recall');
  await alice.choose('second', 'Edit');
  await alice.write('changed');
  await alice.mark('changed', 'edited');
  await alice.write('third');
  await alice.mark('third', 'sent');
  link.restore();
  await bob.unread('Alice', 3);
  await bob.conversation('Alice').click();
  assert.deepEqual(await bob.textsOf(3), ['This message was recalled', 'changed', 'third']);
  await alice.mark('third', 'read');
  bob.assertFlawless();
});

test('on a phone the list and a conversation take turns, and every control has a name', async () => {
  const phone = await browser.newContext({ viewport: { width: 360, height: 640 }, hasTouch: true });
  contexts.push(phone);
  const tab = await Tab.open(phone, `${server.url}/#alice`);
  await tab.status('Connected as Alice');
  await server.post('bob', 'alice', 'hello');
  await tab.message('hello').waitFor();
  await tab.write('hi');
  await tab.message('hi').waitFor();
  await tab.namesOfControls();
  await tab.page.getByRole('link', { name: 'All conversations' }).click();
  await tab.conversation('Bob').waitFor();
  assert.equal(await tab.page.getByRole('textbox').count(), 0);
  await server.post('bob', 'alice', 'are you there?');
  await tab.unread('Bob', 1);
  await tab.namesOfControls();
  await tab.conversation('Bob').click();
  await tab.message('are you there?').waitFor();
  await tab.title('Alice – gim');
  tab.assertFlawless();
});

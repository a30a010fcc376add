// The search over all conversations, in a real browser.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { build, Server } from './server.mjs';
import { launch, Tab } from './tabs.mjs';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><b>needle</b>';

let built;
let browser;
let server;
let context;

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
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await server?.remove();
});

const hits = (tab) => tab.page.getByRole('region', { name: 'Messages found' }).getByRole('listitem').getByRole('button');
const box = (tab) => tab.page.getByRole('searchbox', { name: 'Search messages' });

/** Searches until as many are found as isEnough: messages are indexed a moment after they were sent. */
async function find(tab, query, isEnough) {
  for (const deadline = Date.now() + 30_000; ; ) {
    await box(tab).fill(query);
    await box(tab).press('Enter');
    await tab.page.locator('.sum').filter({ hasText: 'found' }).waitFor();
    const count = await hits(tab).count();
    if (isEnough(count)) return;
    assert.ok(Date.now() < deadline, `${count} are found`);
  }
}

test('what is found in all conversations is listed, and leads to the message', async () => {
  await server.openGroup('alice', 'team', ['bob']);
  await server.postToGroup('bob', 'team', HOSTILE);
  await server.post('bob', 'alice', 'a needle');
  for (let i = 1; i <= 40; i++) await server.post('bob', 'alice', `hay ${i}`);
  const tab = await Tab.open(context, `${server.url}/#alice`);
  await tab.textsOf(41);
  await find(tab, 'NEEDLE', (count) => count === 2);
  await tab.status('2 messages found');
  assert.equal(await tab.page.getByRole('navigation', { name: 'Conversations' }).count(), 0, 'the list makes room');
  assert.deepEqual(await hits(tab).locator('.name').allTextContents(), ['Bob', 'team']);
  assert.deepEqual(await hits(tab).locator('.last').allTextContents(), ['Bob: a needle', `Bob: ${HOSTILE}`]);
  assert.equal(await tab.page.locator('.found :is(img, b)').count(), 0);

  const hasFocus = (text) =>
    tab.page.waitForFunction((one) => document.activeElement.matches('.message') && document.activeElement.textContent.includes(one), text);
  await hits(tab).nth(0).press('Enter'); // of the open conversation
  await hasFocus('a needle');
  await tab.page.locator('.message:focus').evaluate((message) => {
    const { top, bottom } = message.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) throw new Error(`it is at ${top}`);
  });
  await hits(tab).nth(1).click(); // of another
  await hasFocus('needle</b>');
  assert.equal(await tab.page.getByRole('heading', { name: 'team' }).count(), 1);
  await tab.namesOfControls();

  await box(tab).press('Escape');
  await tab.conversation('Bob').waitFor();
  assert.equal(await box(tab).inputValue(), '');
  assert.equal(await hits(tab).count(), 0);
  tab.assertFlawless();
});

test('more is found page by page', async () => {
  for (let i = 1; i <= 25; i++) await server.post('bob', 'alice', `needle ${i}`);
  const tab = await Tab.open(context, `${server.url}/#alice`);
  await tab.textsOf(25);
  const further = tab.page.getByRole('button', { name: 'Search further' });
  await find(tab, 'needle', (count) => count === 20);
  await tab.status('20 or more messages found');
  await further.click();
  await tab.status('25 messages found');
  assert.equal(new Set(await hits(tab).locator('.last').allTextContents()).size, 25);
  assert.ok(await hits(tab).nth(20).evaluate((hit) => hit === document.activeElement), 'the focus goes on where the new ones begin');
  tab.assertFlawless();
});

test('nothing found, and a search that cannot be made, are said in words', async () => {
  const tab = await Tab.open(context, `${server.url}/#alice`);
  await tab.status('Connected as Alice');
  await find(tab, 'nothing', (count) => count === 0);
  await tab.status('Nothing found');
  await server.kill();
  await tab.status('Reconnecting…');
  await box(tab).press('Enter');
  await tab.status('The server cannot be reached.');
  await box(tab).press('Escape');
  await tab.conversation('Bob').waitFor();
});

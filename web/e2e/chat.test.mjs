// The page in a real browser, against a real server.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Link } from './link.mjs';
import { build, Server } from './server.mjs';
import { launch, Tab } from './tabs.mjs';

let built;
let browser;
let server;
let context;
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
  context = await browser.newContext();
});

afterEach(async () => {
  await context?.close();
  await link?.remove();
  link = undefined;
  await server?.remove();
});

async function openBoth(bobsURL = server.url) {
  const tabs = await Promise.all([Tab.open(context, `${server.url}/#alice`), Tab.open(context, `${bobsURL}/#bob`)]);
  const [alice, bob] = tabs;
  await Promise.all([alice.status('Connected as Alice'), bob.status('Connected as Bob')]);
  return tabs;
}

const numbered = (name, count) => Array.from({ length: count }, (_, i) => `${name} ${i + 1}`);
const from = (name, texts) => texts.filter((text) => text.startsWith(name));

test('two tabs write to each other live', async () => {
  const alice = await Tab.open(context, `${server.url}/`);
  await alice.page.getByRole('link', { name: 'I am Alice' }).click();
  await alice.status('Connected as Alice');
  const [opened] = await Promise.all([
    context.waitForEvent('page'),
    alice.page.getByRole('link', { name: 'Open Bob’s tab' }).click(),
  ]);
  const bob = new Tab(opened, server.address);
  await bob.status('Connected as Bob');

  await alice.write('hello');
  await bob.message('hello').waitFor();
  await alice.mark('hello', 'read');
  await bob.write('hi yourself');
  await alice.message('hi yourself').waitFor();
  await alice.write('two\nlines');
  await bob.textsOf(3);
  assert.deepEqual(await alice.texts(), ['hello', 'hi yourself', 'two\nlines']);
  assert.deepEqual(await bob.texts(), ['hello', 'hi yourself', 'two\nlines']);
  alice.assertFlawless();
  bob.assertFlawless();
});

test('what is sent by REST appears in the open page', async () => {
  const [alice, bob] = await openBoth();
  await server.post('alice', 'bob', 'from curl');
  assert.deepEqual(await bob.textsOf(1), ['from curl']);
  assert.deepEqual(await alice.textsOf(1), ['from curl']);
  alice.assertFlawless();
  bob.assertFlawless();
});

test('a reloaded tab shows the history and is the same device', async () => {
  const [alice] = await openBoth();
  const device = () => alice.page.evaluate(() => sessionStorage.getItem('gim.device.alice'));
  const texts = numbered('old', 60);
  for (const text of texts) await server.post('bob', 'alice', text);
  const before = await device();
  await alice.page.reload();
  await alice.status('Connected as Alice');
  assert.deepEqual(await alice.textsOf(60), texts);
  assert.ok(before);
  assert.equal(await device(), before);
  alice.assertFlawless();
});

test('two tabs of one user are two devices that both see everything', async () => {
  const [alice, bob] = await openBoth();
  const second = await Tab.open(context, `${server.url}/#alice`);
  await second.status('Connected as Alice');
  await alice.write('from the first');
  await second.message('from the first').waitFor();
  await second.write('from the second');
  for (const tab of [alice, second, bob]) assert.deepEqual(await tab.textsOf(2), ['from the first', 'from the second']);
  await alice.status('Connected as Alice');
});

test('a server that dies and comes back loses and doubles nothing', async () => {
  const [alice, bob] = await openBoth();
  const many = 150;
  await alice.writeAll(numbered('alice', many));
  await bob.textsOf(3);
  await server.kill();
  await Promise.all([alice.status('Reconnecting…'), bob.status('Reconnecting…')]);
  const unsent = await alice.page.getByText('sending…').count();
  assert.ok(unsent > 0, 'the server died too late: every message had been sent');

  for (const text of numbered('bob', 5)) await bob.write(text);
  await alice.mark(`alice ${many}`, 'sending…');
  await bob.mark('bob 5', 'sending…');
  await server.start();

  const texts = await alice.textsOf(many + 5);
  assert.deepEqual(from('alice', texts), numbered('alice', many));
  assert.deepEqual(from('bob', texts), numbered('bob', 5));
  assert.equal(texts.length, many + 5);
  assert.deepEqual(await bob.textsOf(many + 5), texts);
  await alice.mark(`alice ${many}`, 'read');
  await alice.status('Connected as Alice');
  await bob.write('alive');
  assert.deepEqual(await alice.textsOf(many + 6), [...texts, 'alive']);
  alice.assertFlawless();
  bob.assertFlawless();
});

test('a tab that was offline misses and doubles nothing', async () => {
  link = await Link.to(server.address);
  const [alice, bob] = await openBoth(link.url);
  link.cut();
  await bob.status('Reconnecting…');
  for (const text of numbered('alice', 50)) await alice.write(text);
  await alice.textsOf(50);
  await bob.write('bob 1');
  await bob.mark('bob 1', 'sending…');
  assert.deepEqual(await bob.texts(), ['bob 1']);
  link.restore();
  assert.deepEqual(await bob.textsOf(51), [...numbered('alice', 50), 'bob 1']);
  assert.deepEqual(await alice.textsOf(51), [...numbered('alice', 50), 'bob 1']);
  bob.assertFlawless();
});

test('a connection that has gone silent is noticed and replaced', async () => {
  link = await Link.to(server.address);
  const [alice, bob] = await openBoth(link.url);
  link.freeze();
  await alice.write('into the silence');
  await bob.status('Reconnecting…');
  link.restore();
  assert.deepEqual(await bob.textsOf(1), ['into the silence']);
  bob.assertFlawless();
});

test('the same device in another tab replaces this one, until the user wants it back', async () => {
  const [alice] = await openBoth();
  const device = await alice.page.evaluate(() => sessionStorage.getItem('gim.device.alice'));
  const twin = await Tab.open(context, `${server.url}/`);
  await twin.page.evaluate((value) => sessionStorage.setItem('gim.device.alice', value), device);
  await twin.page.goto(`${server.url}/#alice`);
  await twin.status('Connected as Alice');
  await alice.status('Not connected');
  await alice.page.getByRole('button', { name: 'Connect again' }).click();
  await alice.status('Connected as Alice');
  await twin.status('Not connected');
});

test('text stays text', async () => {
  const [alice, bob] = await openBoth();
  const texts = ['<img src=x onerror="document.title=1">', '<script>document.title = 1</script>', '&amp; "quoted" \u202e 👍'];
  for (const text of texts) await alice.write(text);
  assert.deepEqual(await bob.textsOf(3), texts);
  assert.equal(await bob.page.locator('.messages').locator('img, script').count(), 0);
  assert.equal(await bob.page.title(), 'Bob – gim');
  alice.assertFlawless();
  bob.assertFlawless();
});

test('an event of a group is a line of text, and no new message', async () => {
  const page = await context.newPage();
  let push;
  await page.routeWebSocket('**/v1/ws', (socket) => {
    socket.connectToServer();
    // With no seq, it does not stand in the way of what the server pushes.
    push = (rest) => socket.send(JSON.stringify({ push: { messages: [{ sent_at: new Date().toISOString(), ...rest }] } }));
  });
  const conversation_id = 'user:bob';
  const event = (code, data) => push({ conversation_id, sender: { type: 'system' }, type: 'command', content: { code, data } });
  const alice = new Tab(page, server.address);
  await page.goto(`${server.url}/#alice`);
  await alice.status('Connected as Alice');
  for (const text of numbered('bob', 60)) await server.post('bob', 'alice', text);
  await alice.textsOf(60);
  await alice.scrollUp();

  const toEnd = page.getByRole('button', { name: 'New messages' });
  event(102, { by: 'alice', user_ids: ['<img src=x>', 'constructor'] });
  event(199, { by: 'alice' });
  event(103, { user_id: 'bob' });
  await page.locator('.event').getByText('Bob left').waitFor();
  assert.deepEqual(await page.locator('.event').allTextContents(), ['Alice added <img src=x>, constructor', 'Bob left']);
  assert.equal(await page.locator('.messages img').count(), 0);
  assert.equal(await toEnd.isVisible(), false);
  assert.equal((await alice.texts()).length, 60);
  assert.equal(await page.title(), 'Alice – gim');

  push({ conversation_id, sender: { type: 'user', user_id: 'bob' }, type: 'text', content: { text: 'news' } });
  await toEnd.waitFor();
  alice.assertFlawless();
});

test('a large group is shown, over a reload and the death of the server', async () => {
  const [alice, bob] = await openBoth();
  await server.openLargeGroup('bob', 'team', ['alice']);
  const say = (text) => server.postToGroup('bob', 'team', text);
  await say('team 1');
  for (const tab of [alice, bob]) await tab.conversation('team').click();
  await server.post('bob', 'alice', 'chat 1');
  await say('team 2');
  const texts = ['team 1', 'team 2'];
  assert.deepEqual(await alice.textsOf(2), texts);
  await alice.page.reload();
  assert.deepEqual(await alice.textsOf(2), texts);

  await server.kill();
  await alice.status('Reconnecting…');
  await server.start();
  await alice.status('Connected as Alice');
  for (const text of numbered('later', 20)) await say(text);
  for (const tab of [alice, bob]) assert.deepEqual(await tab.textsOf(22), [...texts, ...numbered('later', 20)]);
  await alice.page.reload();
  assert.deepEqual(await alice.textsOf(22), [...texts, ...numbered('later', 20)]);
  assert.equal(await alice.page.locator('.event').count(), 1);
  await alice.conversation('Bob').click();
  await alice.message('chat 1').waitFor();
  assert.deepEqual(await alice.texts(), ['chat 1']);
  alice.assertFlawless();
  bob.assertFlawless();
});

test('every control has a name, and the page fits a phone', async () => {
  const phone = await browser.newContext({ viewport: { width: 360, height: 640 }, colorScheme: 'dark' });
  const tab = await Tab.open(phone, `${server.url}/#alice`);
  await tab.status('Connected as Alice');
  await server.post('bob', 'alice', 'x'.repeat(500));
  await tab.textsOf(1);
  await tab.namesOfControls();
  await phone.close();
  tab.assertFlawless();
});

test('the documentation shows the operations and asks no other host', async () => {
  const docs = await Tab.open(context, `${server.url}/docs`);
  await docs.page.getByText('Send a message', { exact: true }).first().waitFor();
  await docs.page.getByText('/v1/sync', { exact: true }).first().waitFor();
  docs.assertFlawless();
});

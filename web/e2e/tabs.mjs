// Tabs of a real browser, each with the chat of one user.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const WAIT_MS = 60_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
}

/** What Chromium itself logs when a connection is refused or lost. */
const LOST_CONNECTION = /^WebSocket connection to .* failed|^WebSocket is already in CLOSING|^Failed to load resource: net::ERR_/;

export class Tab {
  /** What went wrong on the page, but for lost connections. */
  errors = [];
  /** Hosts that the page asked, other than its own. */
  foreignHosts = new Set();
  page;

  /** @param {import('playwright-core').BrowserContext} context */
  static async open(context, url) {
    const tab = new Tab(await context.newPage(), new URL(url).host);
    await tab.page.goto(url);
    return tab;
  }

  /** Watches a page from now on; host is the one that it may ask. */
  constructor(page, host) {
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !LOST_CONNECTION.test(message.text())) this.errors.push(message.text());
    });
    page.on('request', (request) => {
      const asked = new URL(request.url());
      if (asked.protocol !== 'data:' && asked.host !== host) this.foreignHosts.add(asked.host);
    });
  }

  async write(text) {
    await this.page.getByRole('textbox').fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Writes them all at once, faster than they can be sent. */
  writeAll(texts) {
    return this.page.evaluate((all) => {
      const input = document.querySelector('textarea');
      for (const text of all) {
        input.value = text;
        input.form.requestSubmit();
      }
    }, texts);
  }

  /** The texts on screen, from top to bottom. */
  texts() {
    return this.page.locator('.message .text').allTextContents();
  }

  /** Waits until so many messages are in the log and shown, and returns their texts. */
  async textsOf(count) {
    await this.page.waitForFunction((n) => document.querySelectorAll('.message[data-seq]').length >= n, count);
    return this.texts();
  }

  /** Waits until the connection's state reads so. */
  async status(text) {
    await this.page.getByRole('status').filter({ hasText: text }).waitFor();
  }

  /** A message, with its mark: sending…, sent, read or none. */
  message(text) {
    return this.page.getByRole('log').getByRole('listitem').filter({ hasText: text });
  }

  /** The link to a conversation in the list. */
  conversation(name) {
    return this.page.getByRole('navigation', { name: 'Conversations' }).getByRole('link').filter({
      has: this.page.locator('.name').getByText(name, { exact: true }),
    });
  }

  /** Waits until the list says of a conversation that so many are unread. */
  async unread(name, count) {
    const link = this.conversation(name);
    if (count === 0) await link.locator('.unread').waitFor({ state: 'hidden' });
    else await link.getByText(`${count} unread`).waitFor();
  }

  /** Waits until the title of the page is so. */
  async title(text) {
    await this.page.waitForFunction((title) => document.title === title, text);
  }

  /** Chooses from the menu of a message. */
  async choose(text, action) {
    await this.message(text).hover();
    await this.message(text).getByRole('button', { name: 'Actions on this message' }).click();
    await this.page.getByRole('menuitem', { name: action }).click();
  }

  /** Opens the menu of a message and reacts with an emoji, or takes that back. */
  async react(text, emoji) {
    await this.message(text).hover();
    await this.message(text).getByRole('button', { name: 'Actions on this message' }).click();
    await this.page.getByRole('menuitemcheckbox', { name: emoji }).click();
  }

  /** Waits until a message has so many of a reaction, that of the user among them or not. */
  async reaction(text, emoji, count, me) {
    const name = `${emoji}, ${count === 1 ? '1 person' : `${count} people`}`;
    const button = this.message(text).getByRole('button', { name, exact: true, pressed: me });
    await button.waitFor();
    return button;
  }

  /** Waits until a message quotes another one, and returns the quote. */
  async quote(text, quoted) {
    const quote = this.page.locator('.message').filter({ has: this.page.locator('.text').getByText(text, { exact: true }) }).locator('.quote');
    await quote.filter({ hasText: quoted }).waitFor();
    return quote;
  }

  /** Waits until the message bears the mark. */
  async mark(text, mark) {
    await this.message(text).getByText(mark, { exact: true }).waitFor();
  }

  scrollUp() {
    return this.page.locator('.scroller').evaluate((scroller) => {
      const scrolled = new Promise((resolve) => scroller.addEventListener('scroll', resolve, { once: true }));
      scroller.scrollTop = 0;
      return scrolled;
    });
  }

  /** Makes the page believe that another tab is in front of it; the browser of a test has none. */
  hide() {
    return this.#setVisible('hidden');
  }

  show() {
    return this.#setVisible('visible');
  }

  #setVisible(state) {
    return this.page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  }

  /** Asserts that every control on screen has a name, and that the page is not too wide. */
  async namesOfControls() {
    for (const role of ['link', 'button', 'textbox']) {
      for (const control of await this.page.getByRole(role).all()) {
        assert.match(await control.ariaSnapshot(), /"[^"]+"/, `a ${role} without a name`);
      }
    }
    const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
  }

  assertFlawless() {
    assert.deepEqual(this.errors, []);
    assert.deepEqual([...this.foreignHosts], []);
  }
}

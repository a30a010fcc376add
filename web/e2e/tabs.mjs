// Tabs of a real browser, each with the chat of one user.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const WAIT_MS = 30_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
}

/** What Chromium itself logs when a connection is refused or lost. */
const LOST_CONNECTION = /^WebSocket connection to .* failed|^Failed to load resource: net::ERR_/;

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

  /** A message, with its mark: sending…, sent or none. */
  message(text) {
    return this.page.getByRole('listitem').filter({ hasText: text });
  }

  /** Waits until the message bears the mark. */
  async mark(text, mark) {
    await this.message(text).getByText(mark, { exact: true }).waitFor();
  }

  assertFlawless() {
    assert.deepEqual(this.errors, []);
    assert.deepEqual([...this.foreignHosts], []);
  }
}

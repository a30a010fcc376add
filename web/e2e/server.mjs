// A real gim with the demo, in a data directory of its own, that can be killed
// and started again on the same port.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const ROOT = new URL('../..', import.meta.url);
const START_WITHIN_MS = 30_000;
const ADMIN_KEY = 'admin-key-of-the-browser-tests';

/** Builds the program once. @returns {Promise<{program: string, remove: () => Promise<void>}>} */
export async function build() {
  const dir = await mkdtemp(join(tmpdir(), 'gim-e2e-'));
  const program = join(dir, 'gim');
  await promisify(execFile)('go', ['build', '-o', program, './cmd/gim'], { cwd: ROOT });
  return { program, remove: () => rm(dir, { recursive: true }) };
}

export class Server {
  /** Host and port of REST and WebSocket, the same after each start. */
  address = '127.0.0.1:0';
  /** The demo app's key, another one after each start. */
  appKey = '';

  #program;
  #flags;
  #dataDir;
  #process;

  constructor(program, flags = []) {
    this.#program = program;
    this.#flags = flags;
  }

  get url() {
    return `http://${this.address}`;
  }

  /** Returns when gim says that it is ready. */
  async start() {
    this.#dataDir ??= await mkdtemp(join(tmpdir(), 'gim-e2e-data-'));
    const { address } = this;
    const own = ['--data-dir', this.#dataDir, '--rest-addr', address, '--tcp-addr', '127.0.0.1:0', '--admin-addr', '127.0.0.1:0', '--admin-key', ADMIN_KEY];
    this.#process = spawn(this.#program, ['serve', '--demo', ...own, ...this.#flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    this.#process.stderr.on('data', (chunk) => (stderr += chunk));

    const deadline = AbortSignal.timeout(START_WITHIN_MS);
    const ready = once(createInterface(this.#process.stdout), 'line', { signal: deadline });
    const died = once(this.#process, 'exit', { signal: deadline }).then(([code]) => {
      throw new Error(`gim ended with ${code} instead of being ready:\n${stderr}`);
    });
    died.catch(() => {});
    const [line] = await Promise.race([ready, died]);
    const { event, addrs } = JSON.parse(line);
    if (event !== 'ready') throw new Error(`gim said ${line} instead of being ready`);
    this.address = addrs.rest;

    while (!(this.appKey = stderr.match(/Bearer (gim_\S+?)'/)?.[1])) {
      await once(this.#process.stderr, 'data', { signal: deadline });
    }
  }

  /** Ends it as a power cut would. */
  async kill() {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }

  async remove() {
    await this.kill();
    if (this.#dataDir) await rm(this.#dataDir, { recursive: true });
  }

  /** Sends by REST, as the business acting for a user. */
  post(from, to, text, more = {}) {
    return this.#create('messages', from, { to: { user_id: to }, type: 'text', content: { text }, ...more });
  }

  /** Deletes a message for one user, as another device of it does. */
  deleteFor(user, messageID) {
    return this.#call('DELETE', `messages/${messageID}`, undefined, { 'Gim-User': user });
  }

  react(user, messageID, reaction) {
    return this.#call('PUT', `messages/${messageID}/reactions/${encodeURIComponent(reaction)}`, undefined, { 'Gim-User': user });
  }

  postToGroup(from, group, text) {
    return this.#create('messages', from, { to: { group_id: group }, type: 'text', content: { text } });
  }

  openGroup(owner, group, members) {
    return this.#create('groups', owner, { group_id: group, members });
  }

  openLargeGroup(owner, group, members) {
    return this.#create('groups', owner, { group_id: group, type: 'large', members });
  }

  /** Changes settings of the demo app. */
  configure(settings) {
    return this.#call('PATCH', 'apps/demo', { settings }, { Authorization: `Bearer ${ADMIN_KEY}` });
  }

  #create(what, user, body) {
    return this.#call('POST', what, body, { 'Gim-User': user });
  }

  async #call(method, what, body, headers = {}) {
    const response = await fetch(`${this.url}/v1/${what}`, {
      method,
      headers: { Authorization: `Bearer ${this.appKey}`, 'Content-Type': 'application/json', ...headers },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${what} answered ${response.status}: ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  }
}

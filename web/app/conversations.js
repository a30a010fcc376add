// The list of conversations: what the server says of them, moved on by what comes
// in, and up to where each member has read.

import { query } from './api.js';
import { changeOf, describeEvent, isEvent } from './events.js';
import { Interrupted, Refused } from './frames.js';

const PAGE = 100;

/** How the page names what a message is sent to. */
export function conversationOf({ user_id, group_id }) {
  return group_id ? `group:${group_id}` : `user:${user_id}`;
}

/** What a user writes to in a conversation; undefined where it cannot. */
export function targetOf(id) {
  const [kind, name] = [id.slice(0, id.indexOf(':')), id.slice(id.indexOf(':') + 1)];
  return { user: { user_id: name }, group: { group_id: name } }[kind];
}

/** Whether a message mentions a user. */
export function mentions({ mentions: users = [] }, user) {
  return users.includes(user) || users.includes('@all');
}

export class Conversations {
  #me;
  #api;
  #store;
  /** As the server told them. @type {Map<string, object>} */
  #entries = new Map();
  /** What else is known of each, in the list or not. @type {Map<string, {name?: string, positions: Map<string, object>}>} */
  #about = new Map();
  #changes;
  /** @type {Promise<void> | undefined} */
  #loading;
  #isStale = false;
  #isReading = false;
  /** Up to where the server is to be told that the user has read. @type {Map<string, number>} */
  #read = new Map();

  /**
   * @param {object} options
   * @param {string} options.me
   * @param {import('./api.js').Api} options.api
   * @param {import('./store.js').Store} options.store  Has the messages, and is told of changes.
   */
  constructor({ me, api, store }) {
    this.#me = me;
    this.#api = api;
    this.#store = store;
  }

  /** Those in the list: what is pinned first, then by their last messages. */
  get list() {
    const all = [...this.#entries.values()].map((entry) => this.#shown(entry));
    return all.filter(says).sort((a, b) => b.pinned - a.pinned || b.at - a.at || (a.id < b.id ? -1 : 1));
  }

  /** What a group is called, where that is known. */
  nameOf(id) {
    return this.#about.get(id)?.name;
  }

  /** How many members, but for the user, have read a message. */
  readersOf(id, { conversation_seq }) {
    return this.#count(id, ({ read_seq = 0 }) => read_seq >= conversation_seq);
  }

  /** How many members, but for the user, have a message on a device. */
  holdersOf(id, { conversation_seq }) {
    return this.#count(id, ({ delivered_seq = 0 }) => delivered_seq >= conversation_seq);
  }

  /** Asks the server what has changed; the first time for all. */
  async refresh() {
    this.#isStale = true;
    this.#loading ??= this.#load();
    await this.#loading;
  }

  /** Asks how far the members of a conversation have read: a signal may have been lost. */
  async look(id) {
    if (!this.#entries.has(id)) return; // nothing has been written there
    await this.#try(async () => this.#take(await this.#api.call('GET', path(id))));
  }

  /** Takes note of a message that came in. */
  arrived(message) {
    const { conversation_id: id, sender, content } = message;
    if (isEvent(message) && content.data?.name) this.#aboutOf(id).name = content.data.name;
    const isUnlisted = !this.#entries.has(id) && message.conversation_seq;
    if (isUnlisted || changeOf(message)?.isDeleted) this.refresh();
    if (sender.user_id) this.#move(id, sender.user_id, { typing: 0 });
  }

  /** Takes note of a signal; those that are not known are left alone. */
  signalled({ conversation_id: id, sender, kind, data }, now = Date.now()) {
    const { user_id } = sender;
    if (kind === 'typing' && user_id !== this.#me) this.#type(id, user_id, now);
    if (kind === 'delivered') this.#move(id, user_id, { delivered_seq: data.conversation_seq });
    if (kind !== 'read') return;
    this.#move(id, user_id, { read_seq: data.conversation_seq });
    if (user_id === this.#me && data.conversation_seq > (this.#entries.get(id)?.read_seq ?? 0)) this.refresh();
  }

  /** Who is typing in a conversation. @returns {string[]} */
  typing(id, now = Date.now()) {
    const positions = this.#about.get(id)?.positions ?? [];
    return [...positions].filter(([, { typing = 0 }]) => typing > now).map(([user]) => user);
  }

  /** The user has seen all that is shown of a conversation. */
  async seen(id) {
    const last = this.#store.messagesOf(id).findLast((message) => message.conversation_seq);
    const entry = this.#entries.get(id);
    if (!last || !entry || last.conversation_seq <= Math.max(entry.read_seq, this.#read.get(id) ?? 0)) return;
    this.#read.set(id, last.conversation_seq);
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#read.size > 0) {
      const [[next, conversation_seq]] = this.#read;
      const isDone = await this.#try(async () => {
        this.#take(await this.#api.call('PUT', `${path(next)}/read`, { conversation_seq }));
      });
      if (!isDone) this.#read.clear(); // the next message, or connection, tries again
      else if (this.#read.get(next) === conversation_seq) this.#read.delete(next);
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
    }
    this.#isReading = false;
  }

  /** Forgets all: the log begins anew. */
  reset() {
    this.#entries.clear();
    this.#about.clear();
    this.#changes = undefined;
  }

  async #load() {
    while (this.#isStale) {
      this.#isStale = false;
      await this.#try(() => (this.#changes === undefined ? this.#loadAll() : this.#loadChanges()));
    }
    this.#loading = undefined;
  }

  async #loadAll() {
    let [changes, cursor] = [undefined, undefined];
    this.#entries.clear();
    do {
      const page = await this.#api.call('GET', `conversations?${query({ limit: PAGE, cursor })}`);
      changes ??= page.changes;
      cursor = page.next_cursor;
      for (const entry of page.items) this.#take(entry);
    } while (cursor);
    this.#changes = changes;
  }

  async #loadChanges() {
    let more;
    do {
      const page = await this.#api.call('GET', `conversations?${query({ limit: PAGE, changed_since: this.#changes })}`);
      for (const id of page.removed) this.#entries.delete(id);
      for (const entry of page.items) this.#take(entry);
      this.#changes = page.changes;
      more = page.next_cursor;
    } while (more);
    this.#store.changed();
  }

  #take(entry) {
    const { conversation_id: id, type, hidden, members } = entry;
    if (hidden) this.#entries.delete(id);
    else this.#entries.set(id, entry);
    if (members) this.#takeMembers(id, members);
    if (type === 'group' && this.nameOf(id) === undefined) this.#findName(id);
    this.#store.changed();
  }

  #takeMembers(id, members) {
    const { positions } = this.#aboutOf(id);
    const users = new Set(members.map(({ user_id }) => user_id));
    for (const user of positions.keys()) if (!users.has(user)) positions.delete(user);
    for (const { user_id, ...position } of members) this.#move(id, user_id, position);
  }

  async #findName(id) {
    const about = this.#aboutOf(id);
    about.name = '';
    await this.#try(async () => (about.name = (await this.#api.call('GET', `groups/${targetOf(id).group_id}`)).name));
    this.#store.changed();
  }

  /** What is listed of a conversation: what came after the server's answer counts too. */
  #shown(entry) {
    const { conversation_id: id, pinned, muted, marked_unread } = entry;
    const messages = this.#store.messagesOf(id);
    const reading = this.#read.get(id) ?? 0; // the server is being told
    const from = Math.max(entry.last_seq, entry.read_seq, reading);
    const isBehind = reading < entry.last_seq;
    let [unread, mentioned] = [isBehind ? entry.unread : 0, isBehind && entry.mentioned === true];
    for (let at = messages.length - 1; at >= 0 && messages[at].conversation_seq > from; at--) {
      if (messages[at].sender.user_id === this.#me || isEvent(messages[at])) continue;
      unread++;
      mentioned ||= mentions(messages[at], this.#me);
    }
    const last = messages.at(-1) ?? entry.last_message ?? undefined;
    return { id, pinned, muted, marked_unread, unread, mentioned, last, at: last ? Date.parse(last.sent_at) : 0 };
  }

  #type(id, user, now) {
    this.#move(id, user, { typing: now + TYPING_MS });
    setTimeout(() => this.#store.changed(), TYPING_MS);
  }

  /** Positions go only forward; typing begins and ends. */
  #move(id, user, changes) {
    const { positions } = this.#aboutOf(id);
    const position = positions.get(user) ?? {};
    for (const [name, value] of Object.entries(changes)) {
      position[name] = name === 'typing' ? value : Math.max(value, position[name] ?? 0);
    }
    positions.set(user, position);
    this.#store.changed();
  }

  #count(id, matches) {
    const positions = this.#about.get(id)?.positions ?? [];
    return [...positions].filter(([user, position]) => user !== this.#me && matches(position)).length;
  }

  #aboutOf(id) {
    if (!this.#about.has(id)) this.#about.set(id, { positions: new Map() });
    return this.#about.get(id);
  }

  /** Does what the page can do without for a while. @returns {Promise<boolean>} whether it went well */
  async #try(work) {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof Refused || error instanceof Interrupted) return false;
      throw error;
    }
  }
}

/** The business begins a conversation by telling what has no words, such as that the user has deleted a message. */
function says({ id, unread, last }) {
  return id !== 'business' || unread > 0 || (last && !(isEvent(last) && !describeEvent(last)));
}

/** In a busy conversation the server is not told message by message. */
const READ_EVERY_MS = 500;

/** How long somebody counts as typing after saying so. */
const TYPING_MS = 6000;

const path = (id) => `conversations/${encodeURIComponent(id)}`;

// One user's chat: the parts, put together.

import { Api, query } from './api.js';
import { Connection } from './connection.js';
import { conversationOf, Conversations, targetOf } from './conversations.js';
import { signInAs } from './demo.js';
import { Refused } from './frames.js';
import { Groups } from './groups.js';
import { Log } from './log.js';
import { Outbox } from './outbox.js';
import { Store } from './store.js';
import { recall, remember } from './tabmemory.js';

/** Clients say again every few seconds that somebody types. */
const TYPING_EVERY_MS = 3000;

/** How many messages a search looks for, and through how many pages at a time. */
const SEARCH_LIMIT = 20;
const SEARCH_PAGES = 5;

/** The chat of a user; the views show it, and do with it what the user wants. */
export class Chat {
  me;
  /** @type {Store} */
  store;
  /** @type {Conversations} */
  conversations;

  #api;
  #outbox;
  #connection;
  #stopWatching;
  #typedAt = 0;
  /** The conversation that is on screen. */
  #open;

  constructor(me) {
    this.me = me;
    this.store = new Store(me);
    this.#api = new Api(() => this.#connection.token);
    this.conversations = new Conversations({ me, api: this.#api, store: this.store });
    this.#outbox = makeOutbox(me, this.store);
    this.#connection = this.#connect();
    this.#stopWatching = watchNetwork(() => this.#connection.nudge());
    this.#connection.run();
  }

  /** Asks how far the others have read in a conversation, from now on after each reconnect too. */
  look(id) {
    this.#open = id;
    if (this.store.connection.status === 'online') this.conversations.look(id);
  }

  /** What is on its way out in a conversation. */
  outgoingOf(id) {
    return this.store.outgoing.filter(({ to }) => conversationOf(to) === id);
  }

  /** @param {object} [answered]  The message that it answers. */
  send(id, text, answered) {
    this.#typedAt = 0;
    const { message_id, conversation_seq } = answered ?? {};
    this.#outbox.add(targetOf(id), text, answered && { message_id, conversation_seq });
    this.#connection.flush();
  }

  retry(item) {
    this.#outbox.retry(item);
    this.#connection.flush();
  }

  /** The user is writing to a conversation. */
  types(id) {
    if (Date.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = Date.now();
    this.#connection.signal(targetOf(id), 'typing');
  }

  /** Takes a message back. Throws Refused or Interrupted. */
  async recall({ message_id, conversation_id }) {
    try {
      await this.#api.call('POST', `messages/${message_id}/recall`);
    } catch (error) {
      if (!(error instanceof Refused && error.code === 'message_recalled')) throw error;
    }
    this.store.changeMessage(conversation_id, { message_id, status: 'recalled', content: {} });
  }

  /** Makes a message say something else. Throws Refused or Interrupted. */
  async edit({ message_id, conversation_id, content }, text) {
    const edited = await this.#api.call('PATCH', `messages/${message_id}`, { content: { ...content, text } });
    this.store.changeMessage(conversation_id, edited);
  }

  /** Reacts to a message, or takes that back; the log tells when it is done. Throws Refused or Interrupted. */
  async react({ message_id }, reaction, on) {
    try {
      await this.#api.call(on ? 'PUT' : 'DELETE', `messages/${message_id}/reactions/${encodeURIComponent(reaction)}`);
    } catch (error) {
      if (!(error instanceof Refused && error.code === 'reaction_not_found')) throw error;
    }
  }

  /**
   * Finds messages that have all words, newest first. A page may be empty while there is more. Throws Refused or Interrupted.
   * @returns {Promise<{items: object[], cursor?: string}>}
   */
  async search(q, cursor) {
    const items = [];
    for (let pages = 0; pages < SEARCH_PAGES && items.length < SEARCH_LIMIT; pages++) {
      const page = await this.#api.call('GET', `messages/search?${query({ q, limit: SEARCH_LIMIT, cursor })}`);
      items.push(...page.items);
      cursor = page.next_cursor ?? undefined;
      if (!cursor) break;
    }
    return { items, cursor };
  }

  connect() {
    this.#connection.run();
  }

  leave() {
    this.#stopWatching();
    this.#connection.stop();
  }

  #connect() {
    const show = (message) => {
      this.store.addMessage(message);
      this.conversations.arrived(message);
      if (message.sender.user_id === this.me) this.#outbox.arrived(message.client_msg_id);
    };
    const groups = new Groups(show, memoryOf(`gim.groups.${this.me}`));
    const log = new Log((message) => {
      show(message);
      groups.heed(message);
    });
    return new Connection({
      open: () => new WebSocket(streamURL(), 'gim.v1.json'),
      signIn: () => signInAs(this.me),
      log,
      groups,
      outbox: this.#outbox,
      onState: (state) => {
        this.store.setConnection(state);
        if (state.status === 'online') this.conversations.refresh().then(() => this.look(this.#open));
      },
      onReset: () => {
        this.store.clearMessages();
        this.conversations.reset();
      },
      onSignal: (signal) => this.conversations.signalled(signal),
    });
  }
}

/** Unsent messages outlive a reload of the tab. */
function makeOutbox(me, store) {
  const outbox = new Outbox(memoryOf(`gim.outbox.${me}`));
  outbox.onChange = () => store.setOutgoing([...outbox.items]);
  outbox.onChange();
  return outbox;
}

function memoryOf(key) {
  return { load: () => recall(key), save: (value) => remember(key, value) };
}

function streamURL() {
  const url = new URL('/v1/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

/** Calls changed when a lost connection may be noticed, or got back, sooner than by its timers. */
function watchNetwork(changed) {
  const events = [[window, 'online'], [window, 'offline'], [document, 'visibilitychange']];
  for (const [target, event] of events) target.addEventListener(event, changed);
  return () => {
    for (const [target, event] of events) target.removeEventListener(event, changed);
  };
}

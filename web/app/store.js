// What a chat shows: of each conversation the messages in their order, those on
// their way out, and the state of the connection. One change or many, its watcher
// is told once.

import { changeOf, describeEvent, isEvent } from './events.js';

export class Store {
  /** @type {import('./outbox.js').Item[]} */
  outgoing = [];
  /** @type {import('./connection.js').State} */
  connection = { status: 'connecting' };

  /** By conversation. What is in two logs is there once. @type {Map<string, {messages: object[], ids: Set<string>}>} */
  #threads = new Map();
  #watcher = () => {};
  #isTold = true;

  /** @param {() => void} watcher  Called after the current task. */
  watch(watcher) {
    this.#watcher = watcher;
    this.changed();
  }

  /** The conversations that there are messages of. */
  get conversations() {
    return [...this.#threads.keys()];
  }

  /** @returns {object[]} what is shown of a conversation */
  messagesOf(id) {
    return this.#threads.get(id)?.messages ?? [];
  }

  /** Takes a message in at its place, or does to another one what it tells of. */
  addMessage(message) {
    const change = changeOf(message);
    if (change) this.changeMessage(message.conversation_id, change);
    if (isEvent(message) && !describeEvent(message)) return;
    const { message_id: id, conversation_id } = message;
    if (!this.#threads.has(conversation_id)) this.#threads.set(conversation_id, { messages: [], ids: new Set() });
    const { messages, ids } = this.#threads.get(conversation_id);
    if (id && ids.has(id)) return;
    ids.add(id);
    let at = messages.length;
    while (at > 0 && belongsBehind(messages[at - 1], message)) at--;
    messages.splice(at, 0, message);
    this.changed();
  }

  /**
   * What a message says now; it stays where it is. What is older than what it says
   * already changes nothing.
   */
  changeMessage(conversation, { message_id, status, content, edited_at }) {
    const message = this.messagesOf(conversation).find((one) => one.message_id === message_id);
    if (!message || message.status === 'recalled') return;
    if (status === 'edited' && Date.parse(edited_at) < Date.parse(message.edited_at ?? 0)) return;
    Object.assign(message, { status, content, ...(edited_at && { edited_at }) });
    this.changed();
  }

  clearMessages() {
    this.#threads.clear();
    this.changed();
  }

  setOutgoing(items) {
    this.outgoing = items;
    this.changed();
  }

  setConnection(state) {
    this.connection = state;
    this.changed();
  }

  /** Something that is shown is not as it was. */
  changed() {
    if (!this.#isTold) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      this.#watcher();
    });
  }
}

/** Whether a message that is there comes later than one that is added. */
function belongsBehind(there, added) {
  if (there.conversation_seq && added.conversation_seq) return there.conversation_seq > added.conversation_seq;
  return Date.parse(there.sent_at) > Date.parse(added.sent_at); // one is not stored
}

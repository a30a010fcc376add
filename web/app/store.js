// What a chat shows: of each conversation the messages in their order, those on
// their way out, and the state of the connection. One change or many, its watcher
// is told once.

import { changeOf, describeEvent, isEvent } from './events.js';
import { withReaction } from './reactions.js';

export class Store {
  /** @type {import('./outbox.js').Item[]} */
  outgoing = [];
  /** @type {import('./connection.js').State} */
  connection = { status: 'connecting' };

  #me;
  /** By conversation, with the messages by their ids. What is in two logs is there once. @type {Map<string, {messages: object[], ids: Map<string, object>}>} */
  #threads = new Map();
  /** Ids of what the user has deleted: the log of a large group may bring it later. */
  #deleted = new Set();
  #watcher = () => {};
  #isTold = true;

  /** @param {string} [me]  Whose chat it is. */
  constructor(me) {
    this.#me = me;
  }

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

  /** @returns {object | undefined} a message by its id */
  find(conversation, id) {
    return this.#threads.get(conversation)?.ids.get(id);
  }

  /** Takes a message in at its place, or does to another one what it tells of. */
  addMessage(message) {
    const change = changeOf(message);
    if (change) this.changeMessage(change.conversation_id, change);
    if (isEvent(message) && !describeEvent(message)) return;
    const { message_id: id, conversation_id } = message;
    if (!this.#threads.has(conversation_id)) this.#threads.set(conversation_id, { messages: [], ids: new Map() });
    const { messages, ids } = this.#threads.get(conversation_id);
    if (id && (ids.has(id) || this.#deleted.has(id))) return;
    if (id) ids.set(id, message);
    let at = messages.length;
    while (at > 0 && belongsBehind(messages[at - 1], message)) at--;
    messages.splice(at, 0, message);
    this.changed();
  }

  /**
   * What a message says now; it stays where it is. What is older than what it says
   * already changes nothing.
   */
  changeMessage(conversation, { message_id, status, content, edited_at, reacted, isDeleted }) {
    if (isDeleted) return this.#delete(conversation, message_id);
    const message = this.find(conversation, message_id);
    if (!message || message.status === 'recalled') return;
    if (reacted) {
      message.reactions = withReaction(message.reactions, reacted, this.#me);
      return this.changed();
    }
    if (status === 'edited' && Date.parse(edited_at) < Date.parse(message.edited_at ?? 0)) return;
    Object.assign(message, { status, content, ...(edited_at && { edited_at }) });
    if (status === 'recalled') for (const name of ['reactions', 'reply_to', 'mentions', 'forwarded']) delete message[name];
    this.changed();
  }

  #delete(conversation, id) {
    this.#deleted.add(id);
    const message = this.find(conversation, id);
    if (!message) return;
    const { messages, ids } = this.#threads.get(conversation);
    ids.delete(id);
    messages.splice(messages.indexOf(message), 1);
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

// What a chat shows: messages in the order of their logs, those on their way out,
// and the state of the connection. One change or many, its watcher is told once.

import { describeEvent, isEvent } from './events.js';
import { isOfGroupLog } from './groups.js';

export class Store {
  /** @type {object[]} */
  messages = [];
  /** @type {import('./outbox.js').Item[]} */
  outgoing = [];
  /** @type {import('./connection.js').State} */
  connection = { status: 'connecting' };

  /** What is in two logs is shown once. */
  #ids = new Set();
  #watcher = () => {};
  #isTold = true;

  /** @param {() => void} watcher  Called after the current task. */
  watch(watcher) {
    this.#watcher = watcher;
    this.#changed();
  }

  addMessage(message) {
    if (isEvent(message) && !describeEvent(message)) return;
    const { message_id: id } = message;
    if (id && this.#ids.has(id)) return;
    this.#ids.add(id);
    let at = this.messages.length;
    while (at > 0 && belongsBehind(this.messages[at - 1], message)) at--;
    this.messages.splice(at, 0, message);
    this.#changed();
  }

  clearMessages() {
    this.messages = [];
    this.#ids.clear();
    this.#changed();
  }

  setOutgoing(items) {
    this.outgoing = items;
    this.#changed();
  }

  setConnection(state) {
    this.connection = state;
    this.#changed();
  }

  #changed() {
    if (!this.#isTold) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      this.#watcher();
    });
  }
}

/** Whether a message that is there comes later than one that is added: logs are merged by time. */
function belongsBehind(there, added) {
  if (!isOfGroupLog(there) && !isOfGroupLog(added)) return false;
  const haveOneOrder = there.conversation_id === added.conversation_id && there.conversation_seq && added.conversation_seq;
  if (haveOneOrder) return there.conversation_seq > added.conversation_seq;
  return Date.parse(there.sent_at) > Date.parse(added.sent_at);
}

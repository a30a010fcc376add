// What a chat shows: messages in the order of the log, those on their way out,
// and the state of the connection. One change or many, its watcher is told once.

import { describeEvent, isEvent } from './events.js';

export class Store {
  /** @type {object[]} */
  messages = [];
  /** @type {import('./outbox.js').Item[]} */
  outgoing = [];
  /** @type {import('./connection.js').State} */
  connection = { status: 'connecting' };

  #watcher = () => {};
  #isTold = true;

  /** @param {() => void} watcher  Called after the current task. */
  watch(watcher) {
    this.#watcher = watcher;
    this.#changed();
  }

  addMessage(message) {
    if (isEvent(message) && !describeEvent(message)) return;
    this.messages.push(message);
    this.#changed();
  }

  clearMessages() {
    this.messages = [];
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

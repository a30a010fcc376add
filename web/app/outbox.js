// Messages on their way out. One stays here until it has come back as an entry
// of the log, and is sent again, under the same client_msg_id, until then.

/**
 * @typedef {object} Item
 * @property {string} client_msg_id
 * @property {{user_id: string} | {group_id: string}} to
 * @property {string} type
 * @property {object} content
 * @property {{message_id: string, conversation_seq: number}} [reply_to]  What it answers.
 * @property {string} written_at
 * @property {'sending' | 'acked' | 'failed'} state
 *   acked: stored by the server, but messages before it are still to come.
 * @property {string} [problem]  Why it failed.
 */

export class Outbox {
  /** In the order they were written. @type {Item[]} */
  items = [];
  /** Called after every change. */
  onChange = () => {};

  #save;

  /**
   * @param {object} [memory]  Where items outlive the page.
   * @param {() => Item[] | undefined} memory.load
   * @param {(items: Item[]) => void} memory.save
   */
  constructor({ load = () => [], save = () => {} } = {}) {
    this.#save = save;
    this.items = load() ?? [];
    this.sendAgain();
  }

  /** @returns {Item} */
  add(to, text, reply_to) {
    const item = {
      client_msg_id: newID(),
      to,
      type: 'text',
      content: { text },
      ...(reply_to && { reply_to }),
      written_at: new Date().toISOString(),
      state: 'sending',
    };
    this.items.push(item);
    this.#changed();
    return item;
  }

  /** The item to send next: the oldest, so that none overtakes another. */
  next() {
    return this.items.find((item) => item.state === 'sending');
  }

  acked(item) {
    item.state = 'acked';
    this.#changed();
  }

  failed(item, problem) {
    item.state = 'failed';
    item.problem = problem;
    this.#changed();
  }

  /** The user wants a failed item sent after all. */
  retry(item) {
    item.state = 'sending';
    item.problem = undefined;
    this.#changed();
  }

  /** The message is in the log, as one that this user sent. */
  arrived(clientMsgID) {
    const at = this.items.findIndex((item) => item.client_msg_id === clientMsgID);
    if (at < 0) return;
    this.items.splice(at, 1);
    this.#changed();
  }

  /** After a new start, an earlier ack no longer tells that the message will come. */
  sendAgain() {
    for (const item of this.items) if (item.state === 'acked') item.state = 'sending';
    this.#changed();
  }

  #changed() {
    this.#save(this.items.filter((item) => item.state !== 'failed'));
    this.onChange();
  }
}

/** 128 random bits. crypto.randomUUID is missing on plain http:// pages other than localhost. */
function newID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

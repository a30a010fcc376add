// The large groups of a user. Their messages are in no user's log: each group has
// one of its own.

import { isEvent } from './events.js';
import { Log } from './log.js';

/** How many messages wait for the entry that tells of the membership. */
const MAX_STRAYS = 100;

/** Whether message is one of a large group's log. */
export function isOfGroupLog({ seq, conversation_seq }) {
  return !seq && conversation_seq > 0;
}

export class Groups {
  /** @type {Map<string, Log>} */
  #logs = new Map();
  /** Where this page began to read each, by which a reloaded one shows the same. @type {Map<string, number>} */
  #starts;
  /** What the server holds as acked. @type {Map<string, number>} */
  #acked = new Map();
  /** Entries of the user's log up to it are in what the server told at sign-in. */
  #covered = 0;
  #strays = [];
  #deliver;
  #save;

  /**
   * @param {(message: object) => void} deliver  Gets the messages, those of one group in order.
   * @param {object} [memory]  Where the starts outlive the page.
   * @param {() => [string, number][] | undefined} memory.load
   * @param {(starts: [string, number][]) => void} memory.save
   */
  constructor(deliver, { load = () => [], save = () => {} } = {}) {
    this.#deliver = deliver;
    this.#save = save;
    this.#starts = new Map(load() ?? []);
  }

  /** Where each group stands, as a sign-in names it. */
  get positions() {
    return Object.fromEntries([...this.#logs].map(([id, log]) => [id, log.cursor]));
  }

  /** Takes what the answer to a sign-in says: all groups, and how the device stands to them. */
  signedIn({ head_seq, groups = [] }) {
    this.#covered = head_seq;
    const before = this.#logs;
    this.#logs = new Map();
    for (const { group_id, head, acked } of groups) {
      const named = before.get(group_id);
      if (named) this.#logs.set(group_id, named); // the server goes on where it stands
      else this.#open(group_id, acked).expect(head);
      this.#acked.set(group_id, acked);
    }
    for (const id of this.#starts.keys()) if (!this.#logs.has(id)) this.#starts.delete(id);
    this.#save([...this.#starts]);
  }

  /** Looks whether an entry of the user's log makes the user a member, and begins to read behind it. */
  heed(message) {
    if (message.seq <= this.#covered || !isEvent(message) || message.content.data?.type !== 'large') return;
    const id = message.to.group_id;
    if (this.#logs.has(id)) return;
    this.#open(id, message.conversation_seq);
    this.#save([...this.#starts]);
    const strays = this.#strays;
    this.#strays = [];
    for (const stray of strays) this.take(stray, true);
  }

  /** Takes a message of a group's log, as a Log does. */
  take(message, mayBeEarly) {
    const log = this.#logs.get(message.to.group_id);
    if (log) log.take(message, mayBeEarly);
    else if (this.#strays.length < MAX_STRAYS) this.#strays.push(message);
  }

  /** A log with a gap, if there is one. */
  withGap() {
    return this.#find((log) => log.hasGap);
  }

  /** A log that holds more than the server knows, if there is one. */
  toAck() {
    return this.#find((log) => log.cursor > this.#acked.get(log.group));
  }

  acked(id, seq) {
    this.#acked.set(id, seq);
  }

  expectHeld() {
    for (const log of this.#logs.values()) log.expectHeld();
  }

  /** The user may not read the group any more. */
  drop(id) {
    this.#logs.delete(id);
    this.#starts.delete(id);
  }

  /** Forgets what waits: a new connection replays from the positions. */
  dropHeld() {
    this.#strays = [];
    for (const log of this.#logs.values()) log.dropHeld();
  }

  /** Starts again as a reloaded page does. */
  reset() {
    this.#logs.clear();
  }

  #find(matches) {
    for (const log of this.#logs.values()) if (matches(log)) return log;
    return undefined;
  }

  /** A reloaded page begins where it did before, if that is not later. */
  #open(id, acked) {
    const cursor = Math.min(acked, this.#starts.get(id) ?? acked);
    const log = new Log(this.#deliver, { group: id, cursor });
    this.#logs.set(id, log);
    this.#starts.set(id, cursor);
    this.#acked.set(id, acked);
    return log;
  }
}

// The list of messages: those of the logs in their order, then what is on its way
// out. All text goes in as text, never as HTML.

import { describeEvent, isEvent } from './events.js';

/** Nearer to the end than this, the list follows it. */
const NEAR_END_PX = 80;

export class MessageList {
  #parts;
  #options;
  #template = document.getElementById('message-template');
  /** What is on screen. @type {Map<object, Element>} */
  #shown = new Map();
  #isFollowing = true;
  /** Elements of own messages that are not in the log yet, by client_msg_id. */
  #outgoing = new Map();

  /**
   * @param {{scroller: Element, messages: Element, toEnd: HTMLElement}} parts
   * @param {{me: string, peer: string, names: Record<string, string>, retry: (item: object) => void}} options
   */
  constructor(parts, options) {
    this.#parts = parts;
    this.#options = options;
    parts.scroller.addEventListener('scroll', () => this.#noteScroll(), { passive: true });
    parts.toEnd.addEventListener('click', () => this.followEnd());
    new ResizeObserver(() => this.#keepAtEnd()).observe(parts.scroller);
  }

  /** Scrolls to the end and stays there. */
  followEnd() {
    this.#isFollowing = true;
    this.#keepAtEnd();
  }

  /** @param {object[]} messages  Those of the last call and, anywhere, more; or a new start. */
  render(messages, outgoing) {
    if (messages.length < this.#shown.size) this.#clear();
    const hasNews = this.#showMessages(messages);
    this.#showOutgoing(outgoing);
    if (hasNews && !this.#isFollowing) this.#parts.toEnd.hidden = false;
    this.#keepAtEnd();
  }

  /** @returns {boolean} whether there is a new one that somebody wrote */
  #showMessages(messages) {
    let hasNews = false;
    let before;
    let isBehindNew = false;
    for (const message of messages) {
      const isNew = !this.#shown.has(message);
      if (isNew) this.#insert(isEvent(message) ? this.#makeEvent(message) : this.#makeShown(message), message, before);
      if (isNew || isBehindNew) this.#shown.get(message).classList.toggle('follows', continues(message, before));
      hasNews ||= isNew && !isEvent(message);
      isBehindNew = isNew;
      before = message;
    }
    return hasNews;
  }

  #makeShown(message) {
    const mine = message.sender.user_id === this.#options.me;
    // The element that stood for it on its way out stays, and moves up.
    const waiting = mine && this.#outgoing.get(message.client_msg_id);
    const element = waiting || this.#make(message);
    if (waiting) this.#outgoing.delete(message.client_msg_id);
    element.dataset.seq = message.seq;
    setTime(element, message.sent_at);
    setMark(element, mine ? 'sent' : '');
    return element;
  }

  #makeEvent(message) {
    const element = document.createElement('li');
    element.className = 'event';
    element.textContent = describeEvent(message, (id) => this.#knownAs(id));
    return element;
  }

  #insert(element, message, before) {
    if (before) this.#shown.get(before).after(element);
    else this.#parts.messages.prepend(element);
    this.#shown.set(message, element);
  }

  #showOutgoing(items) {
    for (const item of items) {
      const id = item.client_msg_id;
      if (!this.#outgoing.has(id)) {
        const element = this.#make({ ...item, sender: { type: 'user', user_id: this.#options.me } });
        element.querySelector('.retry').addEventListener('click', () => this.#options.retry(item));
        this.#outgoing.set(id, element);
        this.#parts.messages.append(element);
      }
      const element = this.#outgoing.get(id);
      setTime(element, item.written_at);
      setMark(element, item.state === 'failed' ? 'failed' : 'sending', item.problem);
    }
  }

  #make(message) {
    const { me, peer } = this.#options;
    const { sender } = message;
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.classList.add(sender.user_id === me ? 'mine' : 'theirs');
    const name = element.querySelector('.sender');
    name.textContent = this.#nameOf(sender);
    name.classList.toggle('unseen', sender.user_id === me || sender.user_id === peer);
    const isText = message.type === 'text';
    element.querySelector('.text').textContent = isText ? message.content.text : `(${message.type})`;
    element.classList.toggle('special', !isText);
    return element;
  }

  #nameOf({ type, user_id }) {
    if (user_id === this.#options.me) return 'You';
    return this.#knownAs(user_id) ?? { business: 'Business', system: 'System' }[type];
  }

  #knownAs(userID) {
    const { names } = this.#options;
    return Object.hasOwn(names, userID) ? names[userID] : userID;
  }

  #clear() {
    this.#parts.messages.replaceChildren(...this.#outgoing.values());
    this.#shown.clear();
  }

  #noteScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#parts.scroller;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#isFollowing) this.#parts.toEnd.hidden = true;
  }

  #keepAtEnd() {
    if (!this.#isFollowing) return;
    this.#parts.scroller.scrollTop = this.#parts.scroller.scrollHeight;
    this.#parts.toEnd.hidden = true;
  }
}

/** Whether message stands close under the one before it. */
function continues({ sender, sent_at }, before) {
  if (!before || before.sender.user_id !== sender.user_id || before.sender.type !== sender.type) return false;
  return new Date(sent_at) - new Date(before.sent_at) < 5 * 60_000;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** @param {string | number} at  RFC 3339, or milliseconds since 1970. */
function setTime(element, at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = element.querySelector('time');
  time.dateTime = date.toISOString();
  time.textContent = isToday ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
  time.title = date.toLocaleString();
}

const MARKS = { sending: 'sending…', sent: 'sent', failed: 'not sent', '': '' };

function setMark(element, state, problem) {
  element.dataset.state = state;
  element.querySelector('.mark').textContent = problem ? `${MARKS[state]}: ${problem}` : MARKS[state];
  element.querySelector('.retry').hidden = state !== 'failed';
}

// The messages of a conversation: those of the log in their order, then what is on
// its way out. All text goes in as text, never as HTML.

import { mentions } from './conversations.js';
import { setText } from './dom.js';
import { describeEvent, isEvent } from './events.js';
import { showReactions } from './reactions.js';

/** Nearer to the end than this, the list follows it. */
const NEAR_END_PX = 80;

export class MessageList {
  #parts;
  #options;
  #template = document.getElementById('message-template');
  /** What is on screen, and what it says. @type {Map<object, {element: Element, says: string}>} */
  #shown = new Map();
  #isFollowing = true;
  /** Elements of own messages that are not in the log yet, by client_msg_id. */
  #outgoing = new Map();

  /**
   * @param {{scroller: Element, messages: Element, toEnd: HTMLElement}} parts
   * @param {object} options
   * @param {string} options.me
   * @param {(userID: string) => string} options.nameOf
   * @param {(message: object) => {state: string, text: string}} options.markOf  How far an own message has come.
   * @param {(item: object) => void} options.retry
   * @param {(button: HTMLElement, message: object) => void} options.openMenu
   * @param {(message: object, reaction: string, on: boolean) => void} options.react
   * @param {(id: string) => object | undefined} options.find  A message of the conversation by its id.
   * @param {() => void} options.onEnd  The list was scrolled to its end.
   */
  constructor(parts, options) {
    this.#parts = parts;
    this.#options = options;
    parts.scroller.addEventListener('scroll', () => this.#noteScroll(), { passive: true });
    parts.toEnd.addEventListener('click', () => this.followEnd());
    new ResizeObserver(() => this.#keepAtEnd()).observe(parts.scroller);
  }

  /** Whether the newest message is on screen. */
  get isAtEnd() {
    return this.#isFollowing;
  }

  /** Begins with another conversation. */
  clear() {
    this.#outgoing.clear();
    this.#clearShown();
    this.followEnd();
  }

  /** Scrolls to the end and stays there. */
  followEnd() {
    this.#isFollowing = true;
    this.#keepAtEnd();
    this.#options.onEnd();
  }

  /** Brings a message on screen and the focus to it. It reports whether the message is there. */
  reveal(message) {
    const element = this.#shown.get(message)?.element;
    if (!element) return false;
    element.scrollIntoView({ block: 'center' });
    this.#noteScroll();
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    return true;
  }

  /** @param {object[]} messages  In order; those of the last call are the same objects. */
  render(messages, outgoing) {
    const hasGone = this.#dropGone(messages);
    const hasNews = this.#showMessages(messages, hasGone);
    this.#showOutgoing(outgoing);
    if (hasNews && !this.#isFollowing) this.#parts.toEnd.hidden = false;
    this.#keepAtEnd();
  }

  /** @returns {boolean} whether there is one that is shown no more */
  #dropGone(messages) {
    const there = new Set(messages);
    const gone = [...this.#shown].filter(([message]) => !there.has(message));
    for (const [message, { element }] of gone) {
      element.remove();
      this.#shown.delete(message);
    }
    return gone.length > 0;
  }

  /** @returns {boolean} whether there is a new one that somebody wrote */
  #showMessages(messages, hasGone) {
    let hasNews = false;
    let before;
    let isBehindNew = false;
    for (const message of messages) {
      const isNew = !this.#shown.has(message);
      if (isNew) this.#insert(isEvent(message) ? this.#makeEvent(message) : this.#makeShown(message), message, before);
      if (!isEvent(message)) this.#update(message);
      if (isNew || isBehindNew || hasGone) this.#shown.get(message).element.classList.toggle('follows', continues(message, before));
      hasNews ||= isNew && !isEvent(message);
      isBehindNew = isNew;
      before = message;
    }
    return hasNews;
  }

  #makeShown(message) {
    // The element that stood for it on its way out stays, and moves up.
    const waiting = this.#isMine(message) && this.#outgoing.get(message.client_msg_id);
    const element = waiting || this.#make(message);
    if (waiting) this.#outgoing.delete(message.client_msg_id);
    element.dataset.seq = message.seq;
    setTime(element, message.sent_at);
    const more = element.querySelector('.more');
    more.addEventListener('click', () => this.#options.openMenu(more, message));
    element.querySelector('.quote').addEventListener('click', () => this.reveal(this.#quotedBy(message)));
    return element;
  }

  /** Shows what has become of a message that is on screen. */
  #update(message) {
    const mine = this.#isMine(message);
    const isRecalled = message.status === 'recalled';
    const { state, text } = mine && !isRecalled ? this.#options.markOf(message) : { state: '', text: '' };
    const shown = this.#shown.get(message);
    const quote = this.#quoteOf(message);
    const says = JSON.stringify([message.status, message.edited_at, state, text, quote, message.reactions]);
    if (shown.says === says) return;
    shown.says = says;
    const { element } = shown;
    setContent(element, message);
    setMark(element, state, text);
    showQuote(element, quote);
    const namesMe = this.#namesMe(message);
    element.classList.toggle('names-me', namesMe);
    element.querySelector('.mention').hidden = !namesMe;
    element.querySelector('.edited').hidden = message.status !== 'edited';
    element.querySelector('.forwarded').hidden = message.forwarded !== true;
    element.querySelector('.more').hidden = isRecalled || !message.message_id || !message.conversation_seq;
    showReactions(element.querySelector('.reactions'), message.reactions, (reaction, on) => this.#options.react(message, reaction, on));
  }

  #quotedBy({ reply_to }) {
    return reply_to && this.#options.find(reply_to.message_id);
  }

  /** Who said what a message answers; undefined where it answers none. */
  #quoteOf(message) {
    if (!message.reply_to) return undefined;
    const quoted = this.#quotedBy(message);
    if (!quoted) return { words: 'A message that is not here' };
    return { ...this.describe(quoted), isHere: true };
  }

  /** A message in a line: who says what. */
  describe(message) {
    return { name: this.#isMine(message) ? 'You' : senderName(message.sender, this.#options.nameOf), words: textOf(message) };
  }

  #makeEvent(message) {
    const element = document.createElement('li');
    element.className = 'event';
    element.textContent = describeEvent(message, this.#options.nameOf);
    return element;
  }

  #insert(element, message, before) {
    if (before) this.#shown.get(before).element.after(element);
    else this.#parts.messages.prepend(element);
    this.#shown.set(message, { element, says: '' });
  }

  #showOutgoing(items) {
    for (const item of items) {
      const id = item.client_msg_id;
      if (!this.#outgoing.has(id)) {
        const element = this.#make({ ...item, sender: { type: 'user', user_id: this.#options.me } });
        showQuote(element, this.#quoteOf(item));
        element.querySelector('.retry').addEventListener('click', () => this.#options.retry(item));
        this.#outgoing.set(id, element);
        this.#parts.messages.append(element);
      }
      const element = this.#outgoing.get(id);
      setTime(element, item.written_at);
      if (item.state === 'failed') setMark(element, 'failed', `not sent: ${item.problem}`);
      else setMark(element, 'sending', 'sending…');
    }
  }

  #make(message) {
    const { sender } = message;
    const mine = this.#isMine(message);
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.classList.add(mine ? 'mine' : 'theirs');
    const name = element.querySelector('.sender');
    name.textContent = mine ? 'You' : senderName(sender, this.#options.nameOf);
    // In a chat of two, position and colour say it.
    name.classList.toggle('unseen', mine || message.conversation_id === `user:${sender.user_id}`);
    setContent(element, message);
    return element;
  }

  #namesMe(message) {
    return !this.#isMine(message) && mentions(message, this.#options.me);
  }

  #isMine({ sender }) {
    return sender.user_id === this.#options.me;
  }

  #clearShown() {
    this.#parts.messages.replaceChildren(...this.#outgoing.values());
    this.#shown.clear();
  }

  #noteScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#parts.scroller;
    const wasFollowing = this.#isFollowing;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#isFollowing) this.#parts.toEnd.hidden = true;
    if (this.#isFollowing && !wasFollowing) this.#options.onEnd();
  }

  #keepAtEnd() {
    if (!this.#isFollowing) return;
    this.#parts.scroller.scrollTop = this.#parts.scroller.scrollHeight;
    this.#parts.toEnd.hidden = true;
  }
}

/** What a message says, in a line of plain text. */
export function textOf({ type, status, content }) {
  if (status === 'recalled') return 'This message was recalled';
  return type === 'text' ? content.text : `(${type})`;
}

export function senderName({ type, user_id }, nameOf) {
  return user_id ? nameOf(user_id) : { business: 'Business', system: 'System' }[type];
}

function showQuote(element, quote) {
  const button = element.querySelector('.quote');
  button.hidden = !quote;
  button.disabled = !quote?.isHere;
  setQuote(button, quote);
}

/** Puts who said what into an element that has places for it. */
export function setQuote(element, { name = '', words = '' } = {}) {
  setText(element.querySelector('.quoted'), name);
  setText(element.querySelector('.words'), words);
}

function setContent(element, message) {
  element.querySelector('.text').textContent = textOf(message);
  element.classList.toggle('special', message.type !== 'text' || message.status === 'recalled');
}

/** Whether message stands close under the one before it. */
function continues({ sender, sent_at }, before) {
  if (!before || before.sender.user_id !== sender.user_id || before.sender.type !== sender.type) return false;
  return new Date(sent_at) - new Date(before.sent_at) < 5 * 60_000;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** @param {string | number} at  RFC 3339, or milliseconds since 1970. */
export function setTime(element, at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = element.querySelector('time');
  time.dateTime = date.toISOString();
  time.textContent = isToday ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
  time.title = date.toLocaleString();
}

function setMark(element, state, text) {
  element.dataset.state = state;
  element.querySelector('.mark').textContent = text;
  element.querySelector('.retry').hidden = state !== 'failed';
}

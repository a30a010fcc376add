// The chat on screen: connection state, list of conversations, the open one.

import { ConversationList } from './conversationlist.js';
import { setText } from './dom.js';
import { Names } from './names.js';
import { Pane } from './pane.js';
import { Search } from './search.js';

const STATUS = {
  connecting: 'Connecting…',
  catching_up: 'Catching up…',
  reconnecting: 'Reconnecting…',
  stopped: 'Not connected',
};

/** What the user is told when a close code means that the page does not try again. */
const STOPPED = {
  4501: 'The server does not accept the sign-in.',
  4502: 'The sign-in has expired.',
  4503: 'You were signed out.',
  4504: 'This chat was opened in another tab that counts as the same device.',
  4507: 'There are too many connections of this user.',
};

export class ChatView {
  /** The element to put on the page. */
  element;

  #chat;
  #me;
  #peer;
  #names;
  #parts;
  #list;
  #pane;
  #open;
  /** What to show of the conversation that is opened next. */
  #wanted;
  #onVisible = () => this.#look();

  /**
   * @param {object} options
   * @param {import('./chat.js').Chat} options.chat
   * @param {string} options.peer  The other demo user, whose conversation is always in the list.
   * @param {Record<string, string>} options.users  Names by id.
   */
  constructor({ chat, peer, users }) {
    this.element = document.getElementById('chat-template').content.firstElementChild.cloneNode(true);
    this.#chat = chat;
    this.#peer = peer;
    this.#names = new Names(users, chat.conversations);
    this.#me = this.#names.ofUser(chat.me);
    this.#parts = findParts(this.element);
    this.#list = new ConversationList(this.#parts.conversations, chat.me, this.#names);
    this.#pane = new Pane(this.#parts.pane, chat, this.#names);
    new Search(this.#parts.sidebar, { chat, names: this.#names, show: (message) => this.#show(message) });
    this.#fillIn();
    this.#parts.again.addEventListener('click', () => chat.connect());
    document.addEventListener('visibilitychange', this.#onVisible);
    chat.store.watch(() => this.#render());
  }

  /** Shows a conversation or, on a narrow screen, the list alone. */
  open(id) {
    this.#open = id;
    this.element.dataset.pane = id ? 'conversation' : 'list';
    this.#pane.open(id);
    this.#look();
    this.#render();
    if (this.#wanted && this.#wanted.conversation_id === id) this.#pane.reveal(this.#wanted.message_id);
    this.#wanted = undefined;
  }

  remove() {
    document.removeEventListener('visibilitychange', this.#onVisible);
    this.#chat.leave();
    this.element.remove();
  }

  #fillIn() {
    const { avatar, me, other, back } = this.#parts;
    const peer = this.#names.ofUser(this.#peer);
    this.#names.paint(avatar, `user:${this.#chat.me}`);
    me.textContent = this.#me;
    this.element.setAttribute('aria-label', `${this.#me}’s chats`);
    other.href = `#${this.#peer}`;
    other.textContent = `Open ${peer}’s tab`;
    back.href = `#${this.#chat.me}/`;
  }

  /** Leads to a message, in whichever conversation. */
  #show(message) {
    const { conversation_id: id, message_id } = message;
    if (id === this.#open) return this.#pane.reveal(message_id);
    this.#wanted = message;
    location.hash = `#${this.#chat.me}/${id}`; // which opens it
  }

  /** Somebody looks at the open conversation. */
  #look() {
    if (document.visibilityState !== 'visible') return;
    this.#pane.noteSeen();
    this.#chat.look(this.#open);
  }

  #render() {
    const { connection } = this.#chat.store;
    const { state, notice, problem } = this.#parts;
    const { status } = connection;
    this.element.dataset.status = status;
    setText(state, status === 'online' ? `Connected as ${this.#me}` : STATUS[status]);
    notice.hidden = status !== 'stopped';
    if (status === 'stopped') setText(problem, problemOf(connection));
    this.#pane.render();
    const listed = this.#chat.conversations.list;
    this.#list.render(this.#withPeer(listed), this.#open);
    const unread = listed.reduce((sum, conversation) => sum + conversation.unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${this.#me} – gim`;
  }

  #withPeer(listed) {
    const id = `user:${this.#peer}`;
    return listed.some((conversation) => conversation.id === id) ? listed : [...listed, { id, unread: 0 }];
  }
}

function problemOf({ code, problem }) {
  return problem ?? STOPPED[code] ?? `The server ended the connection (${code}). Reload the page to go on.`;
}

function findParts(element) {
  const find = (selector) => element.querySelector(selector);
  return {
    avatar: find('header .avatar'),
    me: find('.me'),
    state: find('.state'),
    other: find('.other'),
    notice: find('.notice'),
    problem: find('.notice p'),
    again: find('.notice button'),
    sidebar: find('.sidebar'),
    conversations: find('.conversations'),
    pane: find('.pane'),
    back: find('.to-list'),
  };
}

// The open conversation: who it is with, messages, composer.

import { problemOf } from './api.js';
import { targetOf } from './conversations.js';
import { setText } from './dom.js';
import { isEvent } from './events.js';
import { MessageMenu } from './menu.js';
import { MessageList, setQuote } from './messagelist.js';

export class Pane {
  #chat;
  #names;
  #parts;
  #list;
  #menu;
  /** The conversation that is open. @type {string | undefined} */
  #id;
  /** What was written and not sent, by conversation. */
  #drafts = new Map();
  /** The message that is being edited. */
  #edited;
  /** The message that what is written answers. */
  #answered;

  /**
   * @param {Element} element
   * @param {import('./chat.js').Chat} chat
   * @param {import('./names.js').Names} names
   */
  constructor(element, chat, names) {
    this.#chat = chat;
    this.#names = names;
    this.#parts = findParts(element);
    const react = (message, reaction, on) => this.#try(() => chat.react(message, reaction, on));
    this.#menu = new MessageMenu({
      react,
      reply: (message) => this.#beginReply(message),
      edit: (message) => this.#beginEdit(message),
      recall: (message) => this.#try(() => chat.recall(message)),
    });
    this.#list = new MessageList(this.#parts, {
      me: chat.me,
      nameOf: (id) => names.ofUser(id),
      markOf: (message) => this.#markOf(message),
      retry: (item) => chat.retry(item),
      openMenu: (button, message) => this.#menu.open(button, message, message.sender.user_id === chat.me),
      react,
      find: (id) => chat.store.find(this.#id, id),
      onEnd: () => this.noteSeen(),
    });
    this.#listenToComposer();
  }

  /** Shows another conversation, or none. */
  open(id) {
    if (this.#edited) this.#endEdit();
    this.#endReply();
    if (this.#id) this.#drafts.set(this.#id, this.#parts.input.value);
    this.#id = id;
    this.#menu.close();
    this.#say('');
    this.#list.clear();
    this.#parts.input.value = this.#drafts.get(id) ?? '';
    this.render();
    this.focus();
  }

  /** Leads to a message of the open conversation, or says that it is not here. */
  reveal(id) {
    const message = this.#chat.store.find(this.#id, id);
    if (!message || !this.#list.reveal(message)) this.#say('That message is not in this tab.');
  }

  focus() {
    if (matchMedia('(pointer: fine)').matches) this.#parts.input.focus();
  }

  render() {
    const { nothing, conversation } = this.#parts;
    nothing.hidden = this.#id !== undefined;
    conversation.hidden = this.#id === undefined;
    if (this.#id === undefined) return;
    this.noteSeen();
    this.#renderHead();
    const { status } = this.#chat.store.connection;
    const messages = this.#chat.store.messagesOf(this.#id);
    const outgoing = this.#chat.outgoingOf(this.#id);
    const { empty, scroller } = this.#parts;
    empty.hidden = status !== 'online' || messages.length + outgoing.length > 0;
    // Else a screen reader would read all of an old conversation out.
    scroller.setAttribute('aria-busy', String(status === 'catching_up'));
    this.#list.render(messages, outgoing);
    this.#renderReply();
  }

  /** What is on screen, in a tab that is, has been seen. */
  noteSeen() {
    if (this.#id && this.#list.isAtEnd && document.visibilityState === 'visible') this.#chat.conversations.seen(this.#id);
  }

  #renderHead() {
    const { avatar, title, typing, composer, input, empty } = this.#parts;
    const name = this.#names.ofConversation(this.#id);
    this.#names.paint(avatar, this.#id);
    setText(title, name);
    setText(typing, sayTyping(this.#chat.conversations.typing(this.#id).map((user) => this.#names.ofUser(user))));
    composer.hidden = !targetOf(this.#id);
    const label = (this.#edited && 'Edit your message') || (this.#answered && 'Your answer') || `Message to ${name}`;
    input.placeholder = label;
    input.ariaLabel = label;
    setText(empty, `No messages yet. Say hello to ${name}!`);
  }

  /** What is answered may be edited meanwhile, or be gone. */
  #renderReply() {
    const answered = this.#answered;
    if (!answered) return;
    if (answered.status === 'recalled' || !this.#chat.store.find(this.#id, answered.message_id)) this.#endReply();
    else setQuote(this.#parts.replying, this.#list.describe(answered));
  }

  #markOf(message) {
    const { conversations } = this.#chat;
    const [readers, holders] = [conversations.readersOf(this.#id, message), conversations.holdersOf(this.#id, message)];
    const inGroup = this.#id.startsWith('group:');
    if (readers > 0) return { state: 'read', text: inGroup ? `read by ${readers}` : 'read' };
    if (holders > 0) return { state: 'delivered', text: inGroup ? `delivered to ${holders}` : 'delivered' };
    return { state: 'sent', text: 'sent' };
  }

  #listenToComposer() {
    const { composer, input, cancel, dropReply } = this.#parts;
    composer.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(input.value.trim());
      input.focus();
    });
    input.addEventListener('keydown', (event) => this.#heedKey(event));
    input.addEventListener('input', () => {
      if (!this.#edited && input.value.trim()) this.#chat.types(this.#id);
    });
    cancel.addEventListener('click', () => {
      this.#endEdit();
      input.focus();
    });
    dropReply.addEventListener('click', () => {
      this.#endReply();
      input.focus();
    });
  }

  #heedKey(event) {
    const { composer, input } = this.#parts;
    // While a word is being composed, keys belong to the input method.
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      composer.requestSubmit();
    } else if (event.key === 'Escape' && this.#edited) {
      this.#endEdit();
    } else if (event.key === 'Escape') {
      this.#endReply();
    } else if (event.key === 'ArrowUp' && !input.value && !this.#edited) {
      const last = this.#lastOwn();
      if (!last) return;
      event.preventDefault();
      this.#beginEdit(last);
    }
  }

  #submit(text) {
    if (!text) return;
    this.#say('');
    if (this.#edited) return this.#saveEdit(text);
    this.#parts.input.value = '';
    this.#list.followEnd();
    this.#chat.send(this.#id, text, this.#answered);
    this.#endReply();
  }

  #beginReply(message) {
    if (this.#edited) this.#endEdit();
    this.#answered = message;
    this.#parts.replying.hidden = false;
    this.#renderReply();
    this.#renderHead();
    this.#parts.input.focus();
  }

  #endReply() {
    if (!this.#answered) return;
    this.#answered = undefined;
    this.#parts.replying.hidden = true;
    this.#renderHead();
  }

  #lastOwn() {
    const isOwn = (message) => message.sender.user_id === this.#chat.me && message.message_id && !isEvent(message);
    const last = this.#chat.store.messagesOf(this.#id).findLast(isOwn);
    return last?.type === 'text' && last.status !== 'recalled' && !last.forwarded ? last : undefined;
  }

  #beginEdit(message) {
    const { input, editing } = this.#parts;
    if (!this.#edited) this.#drafts.set(this.#id, input.value);
    this.#edited = message;
    this.#say('');
    this.#endReply();
    editing.hidden = false;
    input.value = message.content.text;
    this.#renderHead();
    input.focus();
  }

  #endEdit() {
    this.#edited = undefined;
    this.#parts.editing.hidden = true;
    this.#parts.input.value = this.#drafts.get(this.#id) ?? '';
    this.#renderHead();
  }

  async #saveEdit(text) {
    const message = this.#edited;
    const isDone = await this.#try(() => this.#chat.edit(message, text));
    if (isDone && this.#edited === message) this.#endEdit();
  }

  /** Does it, or says why not. */
  async #try(action) {
    const id = this.#id;
    this.#say('');
    try {
      await action();
      return true;
    } catch (error) {
      if (id === this.#id) this.#say(problemOf(error));
      return false;
    }
  }

  #say(text) {
    const { complaint } = this.#parts;
    complaint.hidden = !text;
    setText(complaint, text);
  }
}

function sayTyping(names) {
  if (names.length === 0) return '';
  return names.length === 1 ? `${names[0]} is typing…` : `${names.join(', ')} are typing…`;
}

function findParts(element) {
  const find = (selector) => element.querySelector(selector);
  return {
    nothing: find('.nothing'),
    conversation: find('.conversation'),
    avatar: find('.avatar'),
    title: find('.title'),
    typing: find('.typing'),
    scroller: find('.scroller'),
    empty: find('.empty'),
    messages: find('.messages'),
    toEnd: find('.to-end'),
    composer: find('.composer'),
    input: find('.composer textarea'),
    editing: find('.editing'),
    cancel: find('.editing button'),
    replying: find('.replying'),
    dropReply: find('.replying button'),
    complaint: find('.complaint'),
  };
}

// The search over all conversations: what is found takes the place of the list.

import { problemOf } from './api.js';
import { setText } from './dom.js';
import { senderName, setTime, textOf } from './messagelist.js';

export class Search {
  #chat;
  #names;
  #show;
  #parts;
  #template = document.getElementById('hit-template');
  /** Counts searches: an answer that comes after the next one began is dropped. */
  #latest = 0;
  #query = '';
  #cursor;

  /**
   * @param {Element} element  The side bar.
   * @param {object} options
   * @param {import('./chat.js').Chat} options.chat
   * @param {import('./names.js').Names} options.names
   * @param {(message: object) => void} options.show  Leads to a message.
   */
  constructor(element, { chat, names, show }) {
    this.#chat = chat;
    this.#names = names;
    this.#show = show;
    this.#parts = findParts(element);
    const { form, input, further } = this.#parts;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#begin(input.value.trim());
    });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) this.#end();
    });
    input.addEventListener('input', () => {
      if (!input.value) this.#end();
    });
    further.addEventListener('click', () => this.#find());
  }

  #begin(query) {
    if (!query) return this.#end();
    this.#query = query;
    this.#cursor = undefined;
    this.#parts.hits.replaceChildren();
    this.#setOpen(true);
    this.#find();
  }

  #end() {
    this.#latest++;
    this.#parts.input.value = '';
    this.#parts.hits.replaceChildren();
    setText(this.#parts.sum, '');
    this.#setOpen(false);
  }

  async #find() {
    const { sum, hits, further } = this.#parts;
    const search = ++this.#latest;
    further.hidden = true;
    setText(sum, 'Searching…');
    try {
      const { items, cursor } = await this.#chat.search(this.#query, this.#cursor);
      if (search !== this.#latest) return;
      const had = hits.children.length;
      hits.append(...items.map((message) => this.#makeHit(message)));
      this.#cursor = cursor;
      further.hidden = !cursor;
      setText(sum, sumUp(hits.children.length, cursor !== undefined));
      if (had > 0 && items.length > 0) hits.children[had].firstElementChild.focus(); // the button may be gone
    } catch (error) {
      if (search !== this.#latest) return;
      setText(sum, problemOf(error));
    }
  }

  #makeHit(message) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const sender = message.sender.user_id === this.#chat.me ? 'You' : senderName(message.sender, (id) => this.#names.ofUser(id));
    setText(item.querySelector('.name'), this.#names.ofConversation(message.conversation_id));
    setText(item.querySelector('.last'), `${sender}: ${message.content.name ?? textOf(message)}`);
    setTime(item, message.sent_at);
    item.querySelector('button').addEventListener('click', () => this.#show(message));
    return item;
  }

  #setOpen(isOpen) {
    this.#parts.found.hidden = !isOpen;
    this.#parts.list.hidden = isOpen;
  }
}

function sumUp(count, isMore) {
  if (count === 0) return isMore ? 'Nothing found yet' : 'Nothing found';
  return `${count}${isMore ? ' or more' : ''} ${count === 1 && !isMore ? 'message' : 'messages'} found`;
}

function findParts(element) {
  const find = (selector) => element.querySelector(selector);
  return {
    form: find('.search'),
    input: find('.search input'),
    list: find('nav'),
    sum: find('.sum'),
    found: find('.found'),
    hits: find('.hits'),
    further: find('.further'),
  };
}

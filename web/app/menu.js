// The menu of a message.

import { EMOJI } from './reactions.js';

export class MessageMenu {
  #element = document.getElementById('menu-template').content.firstElementChild.cloneNode(true);
  #button;
  #message;

  /**
   * @param {object} actions
   * @param {(message: object, reaction: string, on: boolean) => void} actions.react
   * @param {(message: object) => void} actions.reply
   * @param {(message: object) => void} actions.edit
   * @param {(message: object) => void} actions.recall
   */
  constructor({ react, ...actions }) {
    for (const [name, action] of Object.entries(actions)) this.#item(name).addEventListener('click', () => this.#choose(action));
    this.#item('emoji').append(...EMOJI.map((emoji) => this.#makeEmoji(emoji, react)));
    this.#element.addEventListener('keydown', (event) => this.#heedKey(event));
    this.#element.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget !== this.#button && !this.#element.contains(relatedTarget)) this.close();
    });
  }

  /**
   * Opens it at the button of a message; a second time closes it.
   * @param {boolean} isMine  The user may change it.
   */
  open(button, message, isMine) {
    if (this.#button === button) return this.close();
    this.close();
    this.#button = button;
    this.#message = message;
    button.ariaExpanded = 'true';
    this.#item('edit').hidden = !isMine || message.type !== 'text' || message.forwarded === true;
    this.#item('recall').hidden = !isMine;
    for (const item of this.#item('emoji').children) item.ariaChecked = String(hasReacted(message, item.textContent));
    button.after(this.#element);
    this.#element.scrollIntoView({ block: 'nearest' });
    this.#items()[0].focus();
  }

  close() {
    if (!this.#button) return;
    const button = this.#button;
    this.#button = undefined;
    button.ariaExpanded = 'false';
    this.#element.remove();
  }

  #choose(action) {
    const message = this.#message;
    this.#button.focus();
    this.close();
    action(message);
  }

  #heedKey(event) {
    const items = this.#items();
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#button.focus();
      this.close();
    } else if (to !== undefined) {
      event.preventDefault();
      items.at(to % items.length).focus();
    }
  }

  #makeEmoji(emoji, react) {
    const item = document.createElement('button');
    item.type = 'button';
    item.setAttribute('role', 'menuitemcheckbox');
    item.textContent = emoji;
    item.addEventListener('click', () => this.#choose((message) => react(message, emoji, !hasReacted(message, emoji))));
    return item;
  }

  #item(name) {
    return this.#element.querySelector(`.${name}`);
  }

  #items() {
    return [...this.#element.querySelectorAll('button')].filter(({ hidden }) => !hidden);
  }
}

function hasReacted({ reactions = [] }, emoji) {
  return reactions.some(({ reaction, me }) => me && reaction === emoji);
}

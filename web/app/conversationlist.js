// The list of conversations, with what is unread in each.

import { setText } from './dom.js';
import { describeEvent, isEvent } from './events.js';
import { senderName, textOf } from './messagelist.js';

export class ConversationList {
  #element;
  #me;
  #names;
  #template = document.getElementById('conversation-template');
  /** @type {Map<string, Element>} */
  #shown = new Map();

  /**
   * @param {Element} element
   * @param {string} me
   * @param {import('./names.js').Names} names
   */
  constructor(element, me, names) {
    this.#element = element;
    this.#me = me;
    this.#names = names;
  }

  /**
   * @param {object[]} conversations  In order.
   * @param {string | undefined} open  The one that is on screen.
   */
  render(conversations, open) {
    const ids = new Set(conversations.map(({ id }) => id));
    for (const [id, item] of this.#shown) {
      if (ids.has(id)) continue;
      item.remove();
      this.#shown.delete(id);
    }
    let before;
    for (const conversation of conversations) {
      const item = this.#itemOf(conversation.id);
      this.#fillIn(item, conversation, open);
      // An item is moved only where it has to be: a moved one loses the focus.
      const follower = before ? before.nextElementSibling : this.#element.firstElementChild;
      if (follower !== item) this.#element.insertBefore(item, follower);
      before = item;
    }
  }

  #itemOf(id) {
    if (!this.#shown.has(id)) {
      const item = this.#template.content.firstElementChild.cloneNode(true);
      item.querySelector('a').href = `#${this.#me}/${id}`;
      this.#shown.set(id, item);
    }
    return this.#shown.get(id);
  }

  #fillIn(item, { id, last, unread, mentioned, marked_unread, pinned, muted }, open) {
    const link = item.querySelector('a');
    link.ariaCurrent = id === open ? 'page' : null;
    item.classList.toggle('muted', muted);
    this.#names.paint(item.querySelector('.avatar'), id);
    setText(item.querySelector('.name'), this.#names.ofConversation(id));
    setText(item.querySelector('.last'), last ? this.#preview(last) : '');
    item.querySelector('.mentioned').hidden = !mentioned;
    item.querySelector('.pinned').hidden = !pinned;
    const badge = item.querySelector('.unread');
    badge.hidden = unread === 0 && !marked_unread;
    setText(badge.querySelector('b'), unread > 0 ? String(unread) : '');
  }

  #preview(message) {
    const nameOf = (id) => this.#names.ofUser(id);
    if (isEvent(message)) return describeEvent(message, nameOf) ?? '';
    const { sender, conversation_id } = message;
    if (sender.user_id === this.#me) return `You: ${textOf(message)}`;
    return conversation_id.startsWith('group:') ? `${senderName(sender, nameOf)}: ${textOf(message)}` : textOf(message);
  }
}

// How users have answered a message with emoji, and what the page offers to answer with.

import { setText } from './dom.js';

/** What the menu of a message has; others are shown all the same. */
export const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢'];

/**
 * What the reactions to a message are after one more entry of the log. The count is
 * the server's: what was read may have counted the entry already.
 * @param {object[]} [reactions]
 * @param {{reaction: string, count: number, by?: string, isTakenBack: boolean}} change
 * @param {string} me
 */
export function withReaction(reactions = [], { reaction, count, by, isTakenBack }, me) {
  const before = reactions.find((one) => one.reaction === reaction);
  const after = { reaction, count, me: by === me ? !isTakenBack : (before?.me ?? false) };
  if (!(count > 0)) return reactions.filter((one) => one !== before);
  return before ? reactions.map((one) => (one === before ? after : one)) : [...reactions, after];
}

/**
 * Shows them as buttons below a message. A button that stays keeps the focus.
 * @param {Element} element
 * @param {object[]} [reactions]
 * @param {(reaction: string, on: boolean) => void} react
 */
export function showReactions(element, reactions = [], react) {
  const there = new Map([...element.children].map((item) => [item.dataset.reaction, item]));
  for (const { reaction, count, me } of reactions) {
    const item = there.get(reaction) ?? makeReaction(reaction, react);
    there.delete(reaction);
    const button = item.firstElementChild;
    button.ariaPressed = String(me);
    button.ariaLabel = `${reaction}, ${count === 1 ? '1 person' : `${count} people`}`;
    button.title = me ? 'Take your reaction back' : 'React with it too';
    setText(button.lastElementChild, String(count));
    if (!item.parentNode) element.append(item); // new ones come last; one that is moved loses the focus
  }
  for (const item of there.values()) {
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    if (hadFocus) element.closest('.message').querySelector('.more').focus();
  }
  element.hidden = reactions.length === 0;
}

function makeReaction(reaction, react) {
  const item = document.createElement('li');
  item.dataset.reaction = reaction;
  const button = document.createElement('button');
  button.type = 'button';
  const [sign, count] = [document.createElement('span'), document.createElement('b')];
  sign.textContent = reaction;
  button.append(sign, ' ', count);
  button.addEventListener('click', () => react(reaction, button.ariaPressed !== 'true'));
  item.append(button);
  return item;
}

// The chat on screen: header, connection state, messages, composer.

import { MessageList } from './messagelist.js';

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

  #me;
  #store;
  #list;
  #parts;

  /**
   * @param {object} options
   * @param {string} options.me
   * @param {string} options.peer
   * @param {Record<string, string>} options.names
   * @param {import('./store.js').Store} options.store
   * @param {(text: string) => void} options.send
   * @param {(item: object) => void} options.retry
   * @param {() => void} options.connect
   */
  constructor({ me, peer, names, store, send, retry, connect }) {
    const template = document.getElementById('chat-template');
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#parts = findParts(this.element);
    this.#me = names[me];
    this.#store = store;
    this.#list = new MessageList(this.#parts, { me, peer, names, retry });

    this.#fillIn(me, peer, names);
    this.#listenToComposer(send);
    this.#parts.again.addEventListener('click', connect);
    store.watch(() => this.#render());
  }

  focus() {
    this.#parts.input.focus();
  }

  #fillIn(me, peer, names) {
    const { avatar, peerName, other, input, empty } = this.#parts;
    avatar.dataset.user = peer;
    avatar.textContent = names[peer][0];
    peerName.textContent = names[peer];
    this.element.setAttribute('aria-label', `${names[me]}’s chat with ${names[peer]}`);
    other.href = `#${peer}`;
    other.textContent = `Open ${names[peer]}’s tab`;
    input.placeholder = `Message to ${names[peer]}`;
    input.setAttribute('aria-label', `Message to ${names[peer]}`);
    empty.textContent = `No messages yet. Say hello to ${names[peer]}!`;
  }

  #listenToComposer(send) {
    const { composer, input } = this.#parts;
    composer.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text) return;
      input.value = '';
      input.focus();
      this.#list.followEnd();
      send(text);
    });
    input.addEventListener('keydown', (event) => {
      // While a word is being composed, Enter belongs to the input method.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      composer.requestSubmit();
    });
  }

  #render() {
    const { messages, outgoing, connection } = this.#store;
    const { state, notice, problem, empty, scroller } = this.#parts;
    const { status } = connection;
    this.element.dataset.status = status;
    setText(state, status === 'online' ? `Connected as ${this.#me}` : STATUS[status]);
    notice.hidden = status !== 'stopped';
    if (status === 'stopped') setText(problem, problemOf(connection));
    empty.hidden = status !== 'online' || messages.length + outgoing.length > 0;
    // Else a screen reader would read all of an old conversation out.
    scroller.setAttribute('aria-busy', String(status === 'catching_up'));
    this.#list.render(messages, outgoing);
  }
}

function problemOf({ code, problem }) {
  return problem ?? STOPPED[code] ?? `The server ended the connection (${code}). Reload the page to go on.`;
}

function findParts(element) {
  const find = (selector) => element.querySelector(selector);
  return {
    avatar: find('.avatar'),
    peerName: find('.peer'),
    other: find('.other'),
    state: find('.state'),
    notice: find('.notice'),
    problem: find('.notice p'),
    again: find('.notice button'),
    scroller: find('.scroller'),
    empty: find('.empty'),
    messages: find('.messages'),
    toEnd: find('.to-end'),
    composer: find('.composer'),
    input: find('.composer textarea'),
  };
}

/** Leaves an unchanged live region alone: some readers would say it again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

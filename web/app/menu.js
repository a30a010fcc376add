// The menu of a message of one's own.

export class MessageMenu {
  #element = document.getElementById('menu-template').content.firstElementChild.cloneNode(true);
  #button;
  #message;

  /** @param {{edit: (message: object) => void, recall: (message: object) => void}} actions */
  constructor({ edit, recall }) {
    this.#item('edit').addEventListener('click', () => this.#choose(edit));
    this.#item('recall').addEventListener('click', () => this.#choose(recall));
    this.#element.addEventListener('keydown', (event) => this.#heedKey(event));
    this.#element.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget !== this.#button && !this.#element.contains(relatedTarget)) this.close();
    });
  }

  /** Opens it at the button of a message; a second time closes it. */
  open(button, message) {
    if (this.#button === button) return this.close();
    this.close();
    this.#button = button;
    this.#message = message;
    button.ariaExpanded = 'true';
    this.#item('edit').hidden = message.type !== 'text';
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
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.#button.focus();
      this.close();
    } else if (to !== undefined) {
      event.preventDefault();
      items.at(to % items.length).focus();
    }
  }

  #item(name) {
    return this.#element.querySelector(`.${name}`);
  }

  #items() {
    return [...this.#element.children].filter(({ hidden }) => !hidden);
  }
}

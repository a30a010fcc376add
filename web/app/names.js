// How the page calls users and conversations.

export class Names {
  #users;
  #conversations;

  /**
   * @param {Record<string, string>} users  By id.
   * @param {import('./conversations.js').Conversations} conversations
   */
  constructor(users, conversations) {
    this.#users = users;
    this.#conversations = conversations;
  }

  ofUser(id) {
    return Object.hasOwn(this.#users, id) ? this.#users[id] : id;
  }

  ofConversation(id) {
    if (id === 'business') return 'Business';
    const name = id.slice(id.indexOf(':') + 1);
    return id.startsWith('user:') ? this.ofUser(name) : this.#conversations.nameOf(id) || name;
  }

  /** Makes an avatar that of a conversation. */
  paint(avatar, id) {
    avatar.dataset.conversation = id;
    avatar.textContent = [...this.ofConversation(id)][0].toUpperCase();
  }
}

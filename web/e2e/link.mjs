// A network cable between a browser and a server, to pull and to plug in.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Link {
  #server;
  #sockets = new Set();
  #isCut = false;
  #isFrozen = false;

  /** @param {string} target  host:port */
  static async to(target) {
    const link = new Link();
    const [host, port] = target.split(':');
    link.#server = createServer((near) => link.#join(near, () => connect(Number(port), host)));
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Ends all connections, and new ones at once. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Says nothing and lets nothing through, as when a phone has lost its network. */
  freeze() {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** New connections work again; what was frozen is gone. */
  restore() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#isCut = this.#isFrozen = false;
  }

  async remove() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near, dial) {
    this.#watch(near);
    if (this.#isCut) return near.resetAndDestroy();
    if (this.#isFrozen) return near.pause();
    const far = this.#watch(dial());
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }

  #watch(socket) {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // 'close' follows
    return socket;
  }
}

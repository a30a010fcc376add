// A gim in memory, as far as a browser sees it: logs, idempotent sends, replay,
// pushes, sync. Its network can be cut, and swallow or double single frames.

const READY = { connecting: 0, open: 1, closed: 3 };

export class FakeServer {
  isUp = true;
  heartbeatMs = 30_000;
  epoch = 'e1';
  /** The lowest entry that logs still keep. */
  firstSeq = 1;
  /** The most messages in one sync page or push. */
  pageSize = 50;
  /** What clients sent, in order. */
  received = [];
  /** Called with each frame to a client; false swallows it. */
  deliverFrame = () => true;
  /** Called with each request; may return an error to answer with. */
  refuse = () => undefined;

  #logs = new Map();
  #sockets = new Set();
  #sent = new Map();

  log(user) {
    if (!this.#logs.has(user)) this.#logs.set(user, []);
    return this.#logs.get(user);
  }

  /** A new log, as after the loss of the store. */
  startAnew() {
    this.#logs.clear();
    this.#sent.clear();
    this.epoch += "'";
    this.closeAll(4000);
  }

  closeAll(code = 1006) {
    for (const socket of [...this.#sockets]) socket.endFromServer(code);
  }

  broadcast(frame) {
    for (const socket of this.#sockets) socket.deliver(frame);
  }

  /** The other end of a new WebSocket. */
  open() {
    const socket = new FakeSocket(this);
    this.#sockets.add(socket);
    return socket;
  }

  forget(socket) {
    this.#sockets.delete(socket);
  }

  /** Stores a message, pushes it, and returns what the sender is told. */
  store({ from, device = 'elsewhere', to, text, client_msg_id = `m${Math.random()}` }, origin) {
    const key = `${from}/${client_msg_id}`;
    if (this.#sent.has(key)) return this.#sent.get(key);
    const sent_at = new Date(1_700_000_000_000).toISOString();
    const sender = { type: 'user', user_id: from, device_id: device };
    const common = { message_id: key, sender, to: { user_id: to }, type: 'text', content: { text }, client_msg_id, sent_at };
    const entries = [from, to].map((user) => ({ user, entry: { ...common, seq: this.log(user).length + 1 } }));
    for (const { user, entry } of entries) {
      this.log(user).push(entry);
      for (const socket of this.#sockets) if (socket.user === user && socket !== origin) socket.deliver({ push: { messages: [entry] } });
    }
    const answer = { message_id: key, conversation_id: `user:${to}`, seq: entries[0].entry.seq, sent_at };
    this.#sent.set(key, answer);
    return answer;
  }

  /** Stores news of a group in the log of one user, and pushes it. */
  storeEvent(user, code, data) {
    const seq = this.log(user).length + 1;
    const entry = {
      seq, message_id: `${user}/e${seq}`, sender: { type: 'system' }, to: { group_id: 'team' }, type: 'command',
      content: { code, data }, sent_at: new Date(1_700_000_000_000).toISOString(),
    };
    this.log(user).push(entry);
    for (const socket of this.#sockets) if (socket.user === user) socket.deliver({ push: { messages: [entry] } });
  }

  handle(socket, { id, ...body }) {
    const [[kind, request]] = Object.entries(body);
    this.received.push({ kind, ...request });
    const error = this.refuse(kind, request);
    if (error) return socket.deliver({ id, error });
    this[`_${kind}`](socket, id, request);
  }

  _sign_in(socket, id, { token, after, epoch }) {
    socket.user = token;
    const log = this.log(token);
    if ((epoch && epoch !== this.epoch) || after > log.length) {
      socket.deliver({ id, error: { code: 'resync_required', message: 'Start again.' } });
      return socket.endFromServer(4005);
    }
    socket.deliver({
      id,
      signed_in: {
        user_id: token, device_id: `${token}-tab`, session_id: 's', first_seq: this.firstSeq, head_seq: log.length,
        epoch: this.epoch, heartbeat_ms: this.heartbeatMs, max_frame_bytes: 131072,
      },
    });
    for (let at = Math.max(after, this.firstSeq - 1); at < log.length; at += this.pageSize) {
      socket.deliver({ push: { messages: log.slice(at, at + this.pageSize) } });
    }
  }

  _send(socket, id, { to, content, client_msg_id }) {
    const message = { from: socket.user, device: `${socket.user}-tab`, to: to.user_id, text: content.text, client_msg_id };
    socket.deliver({ id, sent: this.store(message, socket) });
  }

  _sync(socket, id, { after }) {
    const log = this.log(socket.user);
    const start = Math.max(after, this.firstSeq - 1);
    const items = log.slice(start, start + this.pageSize);
    const has_more = start + items.length < log.length;
    socket.deliver({ id, sync_page: { items, has_more, first_seq: this.firstSeq, head_seq: log.length, epoch: this.epoch } });
  }

  _ping(socket, id, { seq }) {
    const log = this.log(socket.user);
    socket.deliver({ id, pong: { head_seq: log.length } });
    if (seq < log.length) socket.deliver({ push: { messages: log.slice(seq, seq + this.pageSize) } });
  }
}

/** A WebSocket whose frames arrive each in a task of its own, as in a browser. */
class FakeSocket {
  onopen = () => {};
  onmessage = () => {};
  onclose = () => {};
  user;

  #server;
  #state = READY.connecting;

  constructor(server) {
    this.#server = server;
    setImmediate(() => {
      if (!server.isUp) return this.endFromServer(1006);
      if (this.#state !== READY.connecting) return;
      this.#state = READY.open;
      this.onopen();
    });
  }

  send(data) {
    if (this.#state !== READY.open) return;
    setImmediate(() => {
      if (this.#state === READY.open) this.#server.handle(this, JSON.parse(data));
    });
  }

  deliver(frame) {
    if (!this.#server.deliverFrame(frame, this)) return;
    const data = JSON.stringify(frame);
    setImmediate(() => {
      if (this.#state === READY.open) this.onmessage({ data });
    });
  }

  endFromServer(code) {
    this.#server.forget(this);
    setImmediate(() => {
      if (this.#state === READY.closed) return;
      this.#state = READY.closed;
      this.onclose({ code });
    });
  }

  close() {
    this.#server.forget(this);
    this.#state = READY.closed;
  }
}

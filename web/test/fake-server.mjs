// A gim in memory, as far as a browser sees it: logs, large groups, idempotent
// sends, replay, pushes, sync. Its network can be cut, and swallow or double single frames.

const newID = () => `m${Math.random()}`;
const now = () => new Date(1_700_000_000_000).toISOString();

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
  /** By id. @type {Map<string, {log: object[], joined: Map<string, number>, acked: Map<string, number>}>} */
  #groups = new Map();
  #sockets = new Set();
  #sent = new Map();
  /** How many messages there are in each chat of two. */
  #chats = new Map();

  log(user) {
    if (!this.#logs.has(user)) this.#logs.set(user, []);
    return this.#logs.get(user);
  }

  /** A new log, as after the loss of the store. */
  startAnew() {
    this.#logs.clear();
    this.#groups.clear();
    this.#sent.clear();
    this.#chats.clear();
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
  store({ from, device = 'elsewhere', to, text, client_msg_id = newID() }, origin) {
    const key = `${from}/${client_msg_id}`;
    if (this.#sent.has(key)) return this.#sent.get(key);
    const sent_at = now();
    const sender = { type: 'user', user_id: from, device_id: device };
    const common = { message_id: key, sender, to: { user_id: to }, type: 'text', content: { text }, client_msg_id, sent_at };
    const conversation_seq = this.#countInChat(from, to);
    const entries = [[from, to], [to, from]].map(([user, other]) => {
      const entry = { ...common, seq: this.log(user).length + 1, conversation_id: `user:${other}`, conversation_seq };
      return { user, entry };
    });
    for (const { user, entry } of entries) {
      this.log(user).push(entry);
      for (const socket of this.#sockets) if (socket.user === user && socket !== origin) socket.deliver({ push: { messages: [entry] } });
    }
    const answer = { message_id: key, conversation_id: `user:${to}`, conversation_seq, seq: entries[0].entry.seq, sent_at };
    this.#sent.set(key, answer);
    return answer;
  }

  #countInChat(...pair) {
    const key = pair.sort().join();
    this.#chats.set(key, (this.#chats.get(key) ?? 0) + 1);
    return this.#chats.get(key);
  }

  /** A large group; the memberships begin before its first message. */
  openGroup(group, ...members) {
    this.#groups.set(group, { log: [], joined: new Map(members.map((user) => [user, 0])), acked: new Map() });
  }

  /** Stores a message in the log of a large group, and pushes it. */
  storeInGroup(group, { from, device = 'elsewhere', text, client_msg_id = newID() }, origin) {
    const sender = { type: 'user', user_id: from, device_id: device };
    const entry = this.#appendToGroup(group, { sender, type: 'text', content: { text }, client_msg_id });
    this.#pushOfGroup(group, entry, origin);
    const { message_id, conversation_id, conversation_seq, sent_at } = entry;
    return { message_id, conversation_id, conversation_seq, seq: 0, sent_at };
  }

  /** The event is in the log of the group and in that of who joins. */
  join(group, user) {
    const entry = this.#appendEvent(group, 102, { user_ids: [user], type: 'large' });
    this.#pushOfGroup(group, entry);
    this.#groups.get(group).joined.set(user, entry.conversation_seq);
    this.#tell(user, entry);
  }

  remove(group, user) {
    const entry = this.#appendEvent(group, 104, { user_id: user });
    this.#groups.get(group).joined.delete(user);
    this.#pushOfGroup(group, entry);
    this.#tell(user, entry);
  }

  #appendEvent(group, code, data) {
    return this.#appendToGroup(group, { sender: { type: 'system' }, type: 'command', content: { code, data } });
  }

  #appendToGroup(group, content) {
    const { log } = this.#groups.get(group);
    const conversation_seq = log.length + 1;
    const target = { conversation_id: `group:${group}`, to: { group_id: group } };
    log.push({ seq: 0, message_id: `${group}/${conversation_seq}`, conversation_seq, ...target, ...content, sent_at: now() });
    return log.at(-1);
  }

  #pushOfGroup(group, entry, origin) {
    const { joined } = this.#groups.get(group);
    for (const socket of this.#sockets) {
      if (joined.has(socket.user) && socket !== origin) socket.deliver({ push: { messages: [entry] } });
    }
  }

  #tell(user, message) {
    const entry = { ...message, seq: this.log(user).length + 1 };
    this.log(user).push(entry);
    for (const socket of this.#sockets) if (socket.user === user) socket.deliver({ push: { messages: [entry] } });
  }

  /** Stores news of a group in the log of one user, and pushes it. */
  storeEvent(user, code, data) {
    const message_id = `${user}/e${this.log(user).length + 1}`;
    const target = { conversation_id: 'group:team', to: { group_id: 'team' } };
    this.#tell(user, { message_id, ...target, sender: { type: 'system' }, type: 'command', content: { code, data }, sent_at: now() });
  }

  handle(socket, { id, ...body }) {
    const [[kind, request]] = Object.entries(body);
    this.received.push({ kind, ...request });
    const error = this.refuse(kind, request);
    if (error) return socket.deliver({ id, error });
    this[`_${kind}`](socket, id, request);
  }

  _sign_in(socket, id, { token, after, epoch, groups: positions = {} }) {
    socket.user = token;
    const log = this.log(token);
    const own = [...this.#groups].filter(([, { joined }]) => joined.has(token));
    if ((epoch && epoch !== this.epoch) || after > log.length || own.some(([group, { log }]) => positions[group] > log.length)) {
      socket.deliver({ id, error: { code: 'resync_required', message: 'Start again.' } });
      return socket.endFromServer(4005);
    }
    const groups = own.map(([group, { log, joined, acked }]) => {
      const standing = Math.max(joined.get(token), acked.get(token) ?? 0);
      return { group_id: group, head: log.length, acked: standing, unread: log.length - standing };
    });
    socket.deliver({
      id,
      signed_in: {
        user_id: token, device_id: `${token}-tab`, session_id: 's', first_seq: this.firstSeq, head_seq: log.length,
        epoch: this.epoch, heartbeat_ms: this.heartbeatMs, max_frame_bytes: 131072, groups,
      },
    });
    this.#replay(socket, log, Math.max(after, this.firstSeq - 1));
    for (const [group, { log, joined }] of own) this.#replay(socket, log, Math.max(positions[group] ?? log.length, joined.get(token)));
  }

  #replay(socket, log, after) {
    for (let at = after; at < log.length; at += this.pageSize) {
      socket.deliver({ push: { messages: log.slice(at, at + this.pageSize) } });
    }
  }

  _send(socket, id, { to, content, client_msg_id }) {
    const message = { from: socket.user, device: `${socket.user}-tab`, to: to.user_id, text: content.text, client_msg_id };
    const key = `${socket.user}/${client_msg_id}`;
    if (to.group_id && !this.#sent.has(key)) this.#sent.set(key, this.storeInGroup(to.group_id, message, socket));
    socket.deliver({ id, sent: this.store(message, socket) });
  }

  _sync(socket, id, { after, group_id }) {
    if (group_id) return this.#syncGroup(socket, id, group_id, after);
    const log = this.log(socket.user);
    const start = Math.max(after, this.firstSeq - 1);
    const items = log.slice(start, start + this.pageSize);
    const has_more = start + items.length < log.length;
    socket.deliver({ id, sync_page: { items, has_more, first_seq: this.firstSeq, head_seq: log.length, epoch: this.epoch } });
  }

  #syncGroup(socket, id, group_id, after) {
    const { log, joined } = this.#groups.get(group_id);
    if (!joined.has(socket.user)) return socket.deliver({ id, error: { code: 'not_in_group', message: 'You are no member.' } });
    const start = Math.max(after, joined.get(socket.user));
    const items = log.slice(start, start + this.pageSize);
    const has_more = start + items.length < log.length;
    socket.deliver({ id, sync_page: { group_id, items, has_more, first_seq: joined.get(socket.user) + 1, head_seq: log.length } });
  }

  _ack(socket, id, { group_id, conversation_seq, seq }) {
    if (!group_id) return socket.deliver({ id, acked: { seq } });
    const { acked } = this.#groups.get(group_id);
    acked.set(socket.user, Math.max(conversation_seq, acked.get(socket.user) ?? 0));
    socket.deliver({ id, acked: { group_id, conversation_seq: acked.get(socket.user) } });
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

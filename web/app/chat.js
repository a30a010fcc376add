// One user's chat: the parts, put together.

import { Connection } from './connection.js';
import { signInAs } from './demo.js';
import { Groups } from './groups.js';
import { Log } from './log.js';
import { Outbox } from './outbox.js';
import { Store } from './store.js';
import { recall, remember } from './tabmemory.js';

/**
 * Starts the chat of me with peer.
 * @returns {{store: Store, send: (text: string) => void, retry: (item: object) => void,
 *   connect: () => void, leave: () => void}}
 */
export function startChat(me, peer) {
  const store = new Store();
  const outbox = makeOutbox(me, store);
  const show = (message) => {
    store.addMessage(message);
    if (message.sender.user_id === me) outbox.arrived(message.client_msg_id);
  };
  const groups = new Groups(show, memoryOf(`gim.groups.${me}`));
  const log = new Log((message) => {
    show(message);
    groups.heed(message);
  });
  const connection = new Connection({
    open: () => new WebSocket(streamURL(), 'gim.v1.json'),
    signIn: () => signInAs(me),
    log,
    groups,
    outbox,
    onState: (state) => store.setConnection(state),
    onReset: () => store.clearMessages(),
  });
  const stopWatching = watchNetwork(() => connection.nudge());
  connection.run();

  return {
    store,
    send(text) {
      outbox.add({ user_id: peer }, text);
      connection.flush();
    },
    retry(item) {
      outbox.retry(item);
      connection.flush();
    },
    connect: () => connection.run(),
    leave() {
      stopWatching();
      connection.stop();
    },
  };
}

/** Unsent messages outlive a reload of the tab. */
function makeOutbox(me, store) {
  const outbox = new Outbox(memoryOf(`gim.outbox.${me}`));
  outbox.onChange = () => store.setOutgoing([...outbox.items]);
  outbox.onChange();
  return outbox;
}

function memoryOf(key) {
  return { load: () => recall(key), save: (value) => remember(key, value) };
}

function streamURL() {
  const url = new URL('/v1/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}

/** Calls changed when a lost connection may be noticed, or got back, sooner than by its timers. */
function watchNetwork(changed) {
  const events = [[window, 'online'], [window, 'offline'], [document, 'visibilitychange']];
  for (const [target, event] of events) target.addEventListener(event, changed);
  return () => {
    for (const [target, event] of events) target.removeEventListener(event, changed);
  };
}

// The page's stream without a page, on a FakeServer and a clock that stands still.

import { mock } from 'node:test';
import { Connection } from '../app/connection.js';
import { Groups } from '../app/groups.js';
import { Log } from '../app/log.js';
import { Outbox } from '../app/outbox.js';
import { Store } from '../app/store.js';

/** Timers fire only when a test says so. */
export function stopTheClock() {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
}

export function restartTheClock() {
  mock.timers.reset();
}

/** Lets everything happen that waits for no timer. */
export async function settle() {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export async function pass(ms) {
  mock.timers.tick(ms);
  await settle();
}

export function startClient(server, user, options = {}) {
  const client = { texts: [], seqs: [], states: [], signIns: 0, resets: 0, store: new Store() };
  client.outbox = new Outbox(options.memory);
  const take = (message) => {
    client.store.addMessage(message);
    client.texts.push(message.content.text);
    client.seqs.push(message.seq);
    if (message.sender.user_id === user) client.outbox.arrived(message.client_msg_id);
  };
  client.groups = new Groups(take, options.groupsMemory);
  client.log = new Log((message) => {
    take(message);
    client.groups.heed(message);
  });
  client.connection = new Connection({
    open: () => server.open(),
    async signIn() {
      client.signIns++;
      return options.signIn ? options.signIn() : user;
    },
    log: client.log,
    groups: client.groups,
    outbox: client.outbox,
    onState: (state) => client.states.push(state.status),
    onReset() {
      client.resets++;
      client.store.clearMessages();
      client.texts = [];
      client.seqs = [];
    },
    random: options.random ?? (() => 1),
  });
  client.send = (to, text) => {
    client.outbox.add({ user_id: to }, text);
    client.connection.flush();
  };
  client.sendToGroup = (group, text) => {
    client.outbox.add({ group_id: group }, text);
    client.connection.flush();
  };
  client.connection.run();
  return client;
}

export const upTo = (n, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);

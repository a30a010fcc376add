// The page: choose a user, then chat.

import { Chat } from './chat.js';
import { DEMO_USERS } from './demo.js';
import { ChatView } from './view.js';

const welcome = document.getElementById('welcome');
/** @type {{me: string, view: ChatView} | undefined} */
let shown;

/** Shows what the address says: #alice/user:bob, #alice/ for the list alone, #alice, or the choice between users. */
function route() {
  const [me, ...rest] = location.hash.slice(1).split('/');
  const isUser = Object.hasOwn(DEMO_USERS, me);
  if (shown && shown.me !== me) {
    shown.view.remove();
    shown = undefined;
  }
  welcome.hidden = isUser;
  if (!isUser) {
    document.title = 'gim';
    return;
  }
  const peer = Object.keys(DEMO_USERS).find((user) => user !== me);
  if (!shown) {
    shown = { me, view: new ChatView({ chat: new Chat(me), peer, users: DEMO_USERS }) };
    document.body.append(shown.view.element);
  }
  const [conversation = `user:${peer}`] = rest;
  shown.view.open(isConversation(conversation) ? conversation : undefined);
}

function isConversation(id) {
  return id === 'business' || /^(user|group):./.test(id);
}

window.addEventListener('hashchange', route);
route();

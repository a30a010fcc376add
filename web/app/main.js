// The page: choose a user, then chat with the other one.

import { startChat } from './chat.js';
import { DEMO_USERS } from './demo.js';
import { ChatView } from './view.js';

const welcome = document.getElementById('welcome');
let leaveChat = () => {};

/** Shows what the address says: #alice, #bob, or the choice between them. */
function route() {
  leaveChat();
  leaveChat = () => {};
  const me = location.hash.slice(1);
  const isUser = Object.hasOwn(DEMO_USERS, me);
  welcome.hidden = isUser;
  document.title = isUser ? `${DEMO_USERS[me]} – gim` : 'gim';
  if (isUser) leaveChat = openChat(me);
}

function openChat(me) {
  const peer = Object.keys(DEMO_USERS).find((user) => user !== me);
  const chat = startChat(me, peer);
  const view = new ChatView({ me, peer, names: DEMO_USERS, ...chat });
  document.body.append(view.element);
  view.focus();
  return () => {
    chat.leave();
    view.element.remove();
  };
}

window.addEventListener('hashchange', route);
route();

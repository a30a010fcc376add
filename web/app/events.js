// Entries of the log by which the server tells what became of a group, a contact
// or a message. docs/groups.md, contacts.md and messages.md have their codes.

const FIRST_CODE_OF_BUSINESS = 1000;
// News of a message have the sender of the message, and codes from the first to before the other.
const FIRST_CODE_OF_MESSAGES = 300;
const END_OF_MESSAGES = 400;

/** Whether message is such news, and not something that somebody wrote. */
export function isEvent({ sender, type, content }) {
  if (type !== 'command' || !Number.isInteger(content?.code)) return false;
  const { code } = content;
  return sender.type === 'system' ? code < FIRST_CODE_OF_BUSINESS : code >= FIRST_CODE_OF_MESSAGES && code < END_OF_MESSAGES;
}

/**
 * What became of another message, where message tells that: what it says now, that somebody has reacted to it or does no more,
 * or that the user has deleted it for itself.
 * @returns {{conversation_id: string, message_id: string, status?: string, content?: object, edited_at?: string, reacted?: object, isDeleted?: boolean} | undefined}
 */
export function changeOf(message) {
  if (!isEvent(message)) return undefined;
  const { code, data = {} } = message.content;
  const { message_id, content, edited_at, reaction, count, by } = data;
  const of = { conversation_id: message.conversation_id, message_id };
  switch (code) {
    case 300:
      return { ...of, status: 'recalled', content: {} };
    case 301: // without a content, a later entry has what the message says now
      return content && { ...of, status: 'edited', content, edited_at };
    case 302:
    case 303:
      return { ...of, reacted: { reaction, count, by, isTakenBack: code === 303 } };
    case 304: // told in the conversation with the business
      return { ...of, conversation_id: data.conversation_id, isDeleted: true };
  }
  return undefined;
}

/**
 * Says what happened, in plain text.
 * @param {object} message  One that isEvent.
 * @param {(userID: string) => string} nameOf
 * @returns {string | undefined} undefined for what there is nothing to say about, unknown codes among it
 */
export function describeEvent({ content, sent_at }, nameOf = (id) => id) {
  const data = content.data ?? {};
  const by = data.by && nameOf(data.by); // without it, the business did it
  const user = data.user_id && nameOf(data.user_id);
  switch (content.code) {
    case 100: {
      const group = data.name ? `the group ${data.name}` : 'the group';
      return by ? `${by} created ${group}` : `T${group.slice(1)} was created`;
    }
    case 101:
      if (data.name) return by ? `${by} named the group ${data.name}` : `The group was named ${data.name}`;
      return settingsChanged(data.settings, by) ?? (by ? `${by} changed the group` : 'The group was changed');
    case 102:
      return joined(data, by, nameOf);
    case 103:
      return user && `${user} left`;
    case 104:
      return user && (by ? `${by} removed ${user}` : `${user} was removed`);
    case 105:
      return rolesChanged(data, by, nameOf);
    case 106: {
      const verb = new Date(data.mute_until) > new Date(sent_at) ? 'muted' : 'unmuted';
      return user && (by ? `${by} ${verb} ${user}` : `${user} was ${verb}`);
    }
    case 107:
      return by ? `${by} dismissed the group` : 'The group was dismissed';
    case 108:
      return by ? `${by} made the group a large one` : 'The group became a large one';
    case 109: {
      if (!user || data.label === undefined) return undefined; // extra is for programs
      if (data.by === data.user_id) return `${user} changed their label`;
      return by ? `${by} changed ${user}’s label` : `${user}’s label was changed`;
    }
  }
  return user && contactChanged(content.code, user, data);
}

/** Says what became of the user's contact with another one. */
function contactChanged(code, user, { user_id, by, message }) {
  const byThem = by === user_id;
  switch (code) {
    case 200: {
      const says = message ? `: ${message}` : '';
      return byThem ? `${user} asks to be your contact${says}` : `You asked ${user} to be your contact${says}`;
    }
    case 201:
      return `You and ${user} are contacts`;
    case 202:
      return byThem ? `${user} turned your request down` : `You turned the request of ${user} down`;
    case 203:
      return byThem ? `${user} took the request back` : `You took your request to ${user} back`;
    case 204:
      return `You and ${user} are contacts no more`;
    case 205:
      return `You changed your remark on ${user}`;
  }
  return undefined;
}

/** Says it of the settings that members notice. */
function settingsChanged({ history, live_audience } = {}, by) {
  const changes = [];
  const earlier = 'what was sent before they joined';
  if (history === 'all') changes.push(by ? `let members read ${earlier}` : `members may now read ${earlier}`);
  if (history === 'joined') changes.push(by ? `no longer lets members read ${earlier}` : `members may no longer read ${earlier}`);
  if (live_audience !== undefined) {
    const verb = live_audience ? 'opened' : 'closed';
    changes.push(by ? `${verb} the group to a live audience` : `the group was ${verb} to a live audience`);
  }
  if (changes.length === 0) return undefined;
  const what = changes.join(' and ');
  return by ? `${by} ${what}` : what[0].toUpperCase() + what.slice(1);
}

function joined({ by: byID, user_ids }, by, nameOf) {
  if (!user_ids?.length) return undefined;
  const names = user_ids.map(nameOf).join(', ');
  if (user_ids.length === 1 && user_ids[0] === byID) return `${names} joined`;
  if (by) return `${by} added ${names}`;
  return `${names} ${user_ids.length > 1 ? 'were' : 'was'} added`;
}

function rolesChanged({ members }, by, nameOf) {
  if (!members?.length) return undefined;
  const roles = { owner: 'the owner', admin: 'an admin', member: 'a member' };
  const each = members.map(({ user_id, role }) => `${nameOf(user_id)} ${by ? '' : 'was made '}${roles[role] ?? role}`).join(', ');
  return by ? `${by} made ${each}` : each;
}

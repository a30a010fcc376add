-- What is sent to a large group is in the log of the group only, which members
-- read by conversation_seq. A group that became large did so at large_since: what
-- came up to then is in the logs of its members. member_count is that of its rows
-- in members.
ALTER TABLE chat_groups ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN history TEXT NOT NULL DEFAULT 'joined';
ALTER TABLE chat_groups ADD COLUMN live_audience INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN large_since INTEGER NOT NULL DEFAULT 0;

UPDATE chat_groups SET member_count = (SELECT COUNT(*) FROM members m
  WHERE m.app_id = chat_groups.app_id AND m.conversation_id = chat_groups.id);

-- What a membership is of: 0 a single chat, 1 a normal group, 2 a large one.
ALTER TABLE members ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

UPDATE members SET kind = 1 WHERE kind = 0 AND EXISTS (SELECT 1 FROM chat_groups g
  WHERE g.app_id = members.app_id AND g.id = members.conversation_id);

DROP INDEX IF EXISTS members_by_user;

CREATE INDEX IF NOT EXISTS members_by_user ON members (app_id, user_id, kind, conversation_id);

-- Finds the owner, the admins and who has been there longest.
CREATE INDEX IF NOT EXISTS members_by_role ON members (app_id, conversation_id, role, joined_at);

-- Up to where a device holds the log of a large group.
CREATE TABLE IF NOT EXISTS group_acks (
  app_id          INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  device_id       TEXT    NOT NULL,
  conversation_id INTEGER NOT NULL,
  acked_seq       INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, device_id, conversation_id)
) STRICT, WITHOUT ROWID;

-- The messages of groups that do not count as unread: the events of the group, one
-- row each. total is how many there are up to seq, of those since this table exists.
CREATE TABLE IF NOT EXISTS uncounted (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  total           INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) STRICT, WITHOUT ROWID;

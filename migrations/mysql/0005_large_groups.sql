-- What is sent to a large group is in the log of the group only, which members
-- read by conversation_seq. A group that became large did so at large_since: what
-- came up to then is in the logs of its members. member_count is that of its rows
-- in members.
ALTER TABLE chat_groups
  ADD COLUMN member_count  BIGINT      NOT NULL DEFAULT 0,
  ADD COLUMN history       VARCHAR(16) NOT NULL DEFAULT 'joined',
  ADD COLUMN live_audience TINYINT     NOT NULL DEFAULT 0,
  ADD COLUMN large_since   BIGINT      NOT NULL DEFAULT 0;

UPDATE chat_groups SET member_count = (SELECT COUNT(*) FROM members m
  WHERE m.app_id = chat_groups.app_id AND m.conversation_id = chat_groups.id);

-- What a membership is of: 0 a single chat, 1 a normal group, 2 a large one. The
-- second key finds the owner, the admins and who has been there longest.
ALTER TABLE members
  ADD COLUMN kind TINYINT NOT NULL DEFAULT 0,
  DROP KEY members_by_user,
  ADD KEY members_by_user (app_id, user_id, kind, conversation_id),
  ADD KEY members_by_role (app_id, conversation_id, role, joined_at);

UPDATE members SET kind = 1 WHERE kind = 0 AND EXISTS (SELECT 1 FROM chat_groups g
  WHERE g.app_id = members.app_id AND g.id = members.conversation_id);

-- Up to where a device holds the log of a large group.
CREATE TABLE IF NOT EXISTS group_acks (
  app_id          BIGINT      NOT NULL,
  user_id         BIGINT      NOT NULL,
  device_id       VARCHAR(64) NOT NULL,
  conversation_id BIGINT      NOT NULL,
  acked_seq       BIGINT      NOT NULL,
  PRIMARY KEY (app_id, user_id, device_id, conversation_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The messages of groups that do not count as unread: the events of the group, one
-- row each. total is how many there are up to seq, of those since this table exists.
CREATE TABLE IF NOT EXISTS uncounted (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  total           BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
